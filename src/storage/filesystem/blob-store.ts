/**
 * Blobs and uploads as files under one root, in distribution's layout (layout.ts).
 *
 * The order of a commit is what makes it durable: the upload's file is cut to size and fsynced, the folders
 * made, the file renamed onto `data`, and every folder that gained an entry fsynced, leaf first. Bytes are
 * written, read and synced on the pool, so that a pull does not wait for a push. On a local disk, calls that touch
 * no content are made in place, and so are writes while memory would run away otherwise (write-backlog.ts).
 */
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ByteRange } from '../../lib/byte-range.ts'
import type { FileContent } from '../../lib/content.ts'
import { type Digest, isDigest } from '../../oci/digest.ts'
import { findUploadId, type UploadId } from '../../oci/upload-id.ts'
import {
  type BlobStore,
  type CondemnedBytes,
  type QuarantinedBytes,
  type StoredBytes,
  UploadTruncated,
  type UploadWriter,
} from '../blob-store.ts'
import {
  blobDataPath,
  condemnedFolder,
  quarantineFolder,
  quarantinePath,
  uploadPath,
  uploadsFolder,
} from '../layout.ts'
import { identifyFile, moveAside, moveWhereNothingIs, readFilePart } from './blob-file.ts'
import { CondemnedFiles } from './condemned-files.ts'
import { explaining, explainingEach, isAbsence, nullIfAbsent } from './failures.ts'
import { DurableFolders, placeFile, syncFile } from './folders.ts'
import { type FilesystemOptions, openRoot, type Root } from './root.ts'
import type { ShortCalls } from './short-calls.ts'
import { copyUpload, makeUploadDurable, openToAppend, readUpload } from './upload-file.ts'
import { FileUploadWriter } from './upload-writer.ts'
import { WriteBacklog } from './write-backlog.ts'

/** Opens the store. Throws StorageUnavailable. */
export async function openFilesystemBlobStore(options: FilesystemOptions): Promise<BlobStore> {
  return new FilesystemBlobStore(await openRoot(options, [uploadsFolder, condemnedFolder]))
}

class FilesystemBlobStore implements BlobStore {
  readonly #root: string
  readonly #calls: ShortCalls
  readonly #folders: DurableFolders
  readonly #backlog: WriteBacklog
  readonly #condemned: CondemnedFiles

  constructor(root: Root) {
    this.#root = root.path
    this.#calls = root.calls
    this.#folders = new DurableFolders(root.path, root.calls)
    this.#backlog = new WriteBacklog(root.volume)
    this.#condemned = new CondemnedFiles(root, this.#folders)
  }

  stat(digest: Digest): Promise<number | null> {
    const path = this.#blobFile(digest)
    return explaining(path, async () => this.#calls.size(path))
  }

  content(digest: Digest, range: ByteRange): FileContent {
    return { kind: 'file', path: this.#blobFile(digest), offset: range.offset, length: range.length }
  }

  identify(digest: Digest): Promise<StoredBytes | null> {
    const path = this.#blobFile(digest)
    return explaining(path, () => identifyFile(path))
  }

  readBlob(digest: Digest, range: ByteRange): AsyncIterable<Uint8Array> {
    const path = this.#blobFile(digest)
    return explainingEach(path, readFilePart(path, range))
  }

  quarantine(digest: Digest, bytes: StoredBytes): Promise<boolean> {
    const path = this.#blobFile(digest)
    return explaining(path, () => moveAside(path, this.#quarantineFile(digest), bytes))
  }

  async *listQuarantined(after = ''): AsyncGenerator<QuarantinedBytes> {
    const folder = join(this.#root, quarantineFolder)
    const names = await explaining(folder, () => readdir(folder).catch(nullIfAbsent))
    for (const digest of (names ?? []).filter(isDigest).sort()) {
      if (digest <= after) continue
      const found = await explaining(folder, () => factsOf(join(folder, digest)))
      if (found !== null) yield { digest, ...found }
    }
  }

  releaseQuarantined(digest: Digest): Promise<boolean> {
    const path = this.#quarantineFile(digest)
    return explaining(path, () => moveWhereNothingIs(path, this.#blobFile(digest)))
  }

  readQuarantined(digest: Digest, range: ByteRange): AsyncIterable<Uint8Array> {
    const path = this.#quarantineFile(digest)
    return explainingEach(path, readFilePart(path, range))
  }

  discardQuarantined(digest: Digest): Promise<void> {
    const path = this.#quarantineFile(digest)
    return explaining(path, () => rm(path, { force: true }))
  }

  append(upload: UploadId, offset: number): Promise<UploadWriter> {
    const path = this.#uploadFile(upload)
    return explaining(path, async () => {
      const descriptor = await openToAppend(path, upload, offset, this.#calls)
      const file = { upload, path, descriptor, size: offset, calls: this.#calls }
      return new FileUploadWriter(file, this.#backlog)
    })
  }

  read(upload: UploadId, length: number): AsyncIterable<Uint8Array> {
    return explainingEach(this.#uploadFile(upload), readUpload(this.#uploadFile(upload), upload, length))
  }

  uploadSize(upload: UploadId): Promise<number> {
    const path = this.#uploadFile(upload)
    return explaining(path, async () => (await this.#calls.size(path)) ?? 0)
  }

  async copy(from: UploadId, to: UploadId, length: number): Promise<void> {
    const source = { path: this.#uploadFile(from), upload: from }
    const target = this.#uploadFile(to)
    try {
      await explaining(target, () => copyUpload(source, target, length))
    } catch (error) {
      await this.discard(to)
      throw error
    }
  }

  commit(upload: UploadId, digest: Digest, size: number): Promise<void> {
    return explaining(this.#root, async () => {
      await this.#moveIntoPlace(upload, digest, size)
      // Somebody who decided long ago may take the file away again: whoever asks for it finds it where that one put it.
      await this.#folders.sync(dirname(this.#blobFile(digest))).catch(unlessGone)
    })
  }

  discard(upload: UploadId): Promise<void> {
    const path = this.#uploadFile(upload)
    return explaining(path, () => rm(path, { force: true }))
  }

  async *listUploads(after = ''): AsyncGenerator<UploadId> {
    const folder = join(this.#root, uploadsFolder)
    const names = await explaining(folder, () => readdir(folder))
    for (const name of names.sort()) {
      const upload = findUploadId(name)
      if (upload !== null && upload > after) yield upload
    }
  }

  condemn(digest: Digest, epoch: number): Promise<boolean> {
    const path = this.#blobFile(digest)
    return explaining(path, () => this.#condemned.take(path, digest, epoch))
  }

  putBack(digest: Digest): Promise<boolean> {
    const path = this.#blobFile(digest)
    return explaining(path, () => this.#condemned.putBack(path, digest))
  }

  listCondemned(before?: number, after?: string): AsyncIterable<CondemnedBytes> {
    return explainingEach(this.#root, this.#condemned.list(before, after))
  }

  unlinkCondemned(found: CondemnedBytes): Promise<void> {
    return explaining(this.#root, () => this.#condemned.unlink(found))
  }

  /** Does nothing but sync where an earlier call came as far as the rename: its folders may not be durable yet. */
  async #moveIntoPlace(upload: UploadId, digest: Digest, size: number): Promise<void> {
    const from = this.#uploadFile(upload)
    const to = this.#blobFile(digest)
    try {
      await makeUploadDurable(from, upload, size, this.#calls)
    } catch (error) {
      const isGone = error instanceof UploadTruncated && error.found === 0
      if (!isGone || (await this.#calls.size(to)) !== size) throw error
      return await syncFile(to, this.#calls)
    }
    await placeFile(from, to, { folders: this.#folders, rename })
  }

  #blobFile(digest: Digest): string {
    return join(this.#root, blobDataPath(digest))
  }

  #quarantineFile(digest: Digest): string {
    return join(this.#root, quarantinePath(digest))
  }

  #uploadFile(upload: UploadId): string {
    return join(this.#root, uploadPath(upload))
  }
}

/** Null where it has gone meanwhile. A rename sets the time of the last change. */
async function factsOf(path: string): Promise<{ readonly size: number; readonly since: number } | null> {
  const found = await stat(path).catch(nullIfAbsent)
  return found === null ? null : { size: found.size, since: Math.floor(found.ctimeMs) }
}

function unlessGone(error: unknown): void {
  if (!isAbsence(error)) throw error
}
