/** Backups as files in a folder, on whichever disk. New ones are written under `temporary/` there, and then put in place. */
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { BackupFolder } from '../backup-folder.ts'
import { explaining, explainingEach, nullIfAbsent } from './failures.ts'
import { makeDurableFolder, syncFolder } from './folders.ts'

const TEMPORARY = 'temporary'
const READ_BYTES = 256 * 1024

/** Makes the folder, for its owner alone, where there is none. Throws StorageUnavailable. */
export function openBackupFolder(path: string): Promise<BackupFolder> {
  const root = resolve(path)
  return explaining(root, async () => {
    await makeDurableFolder(dirname(root))
    await mkdir(root, { mode: 0o700, recursive: true })
    await syncFolder(dirname(root))
    return new FilesystemBackupFolder(root)
  })
}

/** For those who only look: it need not be there. */
export function backupFolderToRead(path: string): BackupFolder {
  return new FilesystemBackupFolder(resolve(path))
}

class FilesystemBackupFolder implements BackupFolder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  write(path: string, bytes: AsyncIterable<Uint8Array>): Promise<number> {
    const file = this.#inside(path)
    return explaining(file, async () => {
      const temporary = join(this.path, TEMPORARY, crypto.randomUUID())
      await mkdir(dirname(temporary), { recursive: true, mode: 0o700 })
      try {
        const size = await writeWhole(temporary, bytes)
        await this.#place(temporary, file)
        return size
      } catch (error) {
        await rm(temporary, { force: true })
        throw error
      }
    })
  }

  read(path: string): AsyncIterable<Uint8Array> {
    const file = this.#inside(path)
    return explainingEach(
      file,
      createReadStream(file, { highWaterMark: READ_BYTES }) as AsyncIterable<Uint8Array>,
    )
  }

  stat(path: string): Promise<number | null> {
    const file = this.#inside(path)
    return explaining(file, async () => {
      const found = await stat(file).catch(nullIfAbsent)
      return found?.isFile() ? found.size : null
    })
  }

  list(path: string): Promise<string[]> {
    const folder = this.#inside(path)
    return explaining(folder, async () => ((await readdir(folder).catch(nullIfAbsent)) ?? []).sort())
  }

  rename(from: string, to: string): Promise<void> {
    return explaining(this.#inside(to), () => this.#place(this.#inside(from), this.#inside(to)))
  }

  remove(path: string): Promise<void> {
    const file = this.#inside(path)
    return explaining(file, () => rm(file, { recursive: true, force: true }))
  }

  sync(folder: string): Promise<void> {
    const path = this.#inside(folder)
    return explaining(path, async () => {
      for (let each = path; each.length >= this.path.length; each = dirname(each)) {
        await syncFolder(each).catch(nullIfAbsent)
      }
    })
  }

  clear(): Promise<void> {
    return this.remove(TEMPORARY)
  }

  async #place(temporary: string, file: string): Promise<void> {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await rename(temporary, file)
  }

  /** Paths are made of parsed values and cannot climb; one that could is a fault of ours, and stops here. */
  #inside(path: string): string {
    if (path.startsWith('/') || path.split('/').includes('..'))
      throw new Error(`"${path}" is no path of a backup.`)
    return join(this.path, path)
  }
}

async function writeWhole(path: string, bytes: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await open(path, 'wx', 0o600)
  try {
    let size = 0
    for await (const chunk of bytes) {
      await writeAll(file, chunk)
      size += chunk.byteLength
    }
    await file.sync()
    return size
  } finally {
    await file.close()
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.byteLength; ) {
    written += (await file.write(chunk, written, chunk.byteLength - written)).bytesWritten
  }
}
