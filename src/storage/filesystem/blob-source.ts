/**
 * Reads blobs beside a server that may condemn them at any moment, and put them back: from their place, or from where
 * condemned ones lie. Changes nothing.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from '../../oci/digest.ts'
import { blobDataPath } from '../layout.ts'
import { CondemnedFiles } from './condemned-files.ts'
import { explaining, explainingEach, nullIfAbsent } from './failures.ts'
import { DurableFolders } from './folders.ts'
import { openRoot } from './root.ts'

/** How often a file may move between being found and being opened. */
const MOST_ATTEMPTS = 5
const READ_BYTES = 256 * 1024

export interface FilesystemBlobSource {
  /** Null where it is in neither place. Throws StorageUnavailable. */
  open(digest: Digest): Promise<AsyncIterable<Uint8Array> | null>
}

/** Throws StorageUnavailable. */
export async function openBlobSource(root: string): Promise<FilesystemBlobSource> {
  const opened = await openRoot({ root }, [])
  const condemned = new CondemnedFiles(opened, new DurableFolders(opened.path, opened.calls))
  return {
    async open(digest) {
      const place = join(opened.path, blobDataPath(digest))
      for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
        const found = (await openIfThere(place)) ?? (await openCondemned(condemned, digest))
        if (found !== null) return explainingEach(place, chunksOf(found))
      }
      return null
    },
  }
}

async function openCondemned(condemned: CondemnedFiles, digest: Digest): Promise<FileHandle | null> {
  const path = await condemned.find(digest).catch(nullIfAbsent)
  return path === null ? null : await openIfThere(path)
}

function openIfThere(path: string): Promise<FileHandle | null> {
  return explaining(path, () => open(path, 'r').catch(nullIfAbsent))
}

/** Chunks that are the reader's to keep. */
async function* chunksOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const chunk = Buffer.allocUnsafeSlow(READ_BYTES)
      const { bytesRead } = await file.read(chunk, 0, READ_BYTES)
      if (bytesRead === 0) return
      yield chunk.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}
