/**
 * A file that takes up room for nothing, so that there is some on a disk that has become full: given up then, it leaves
 * enough for deletions, for the database, and for collection, which makes more. Kept once, it costs nothing at later
 * starts. Its bytes are noise, for there are file systems that store no others as they are.
 */
import { open, rm, stat } from 'node:fs/promises'
import { explaining, nullIfAbsent } from './failures.ts'

const BYTES = 8 * 1024 * 1024
const PIECE = 256 * 1024

export class Reserve {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** What must be free for it, where it is not there. */
  get bytes(): number {
    return BYTES
  }

  /** Whether it takes up its room now. Throws StorageUnavailable. */
  async isKept(): Promise<boolean> {
    const found = await explaining(this.#path, () => stat(this.#path).catch(nullIfAbsent))
    return found !== null && found.size >= BYTES
  }

  /** Makes it where it is not there. Throws StorageFull and leaves nothing behind where it does not fit; StorageUnavailable. */
  async keep(): Promise<void> {
    if (await this.isKept()) return
    try {
      await explaining(this.#path, () => fill(this.#path))
    } catch (error) {
      await this.giveUp()
      throw error
    }
  }

  /** Throws StorageUnavailable. */
  async giveUp(): Promise<void> {
    await explaining(this.#path, () => rm(this.#path, { force: true }))
  }
}

async function fill(path: string): Promise<void> {
  await using file = await open(path, 'w', 0o600)
  const piece = crypto.getRandomValues(Buffer.alloc(65_536))
  const pieces = Array.from({ length: PIECE / piece.length }, () => piece)
  for (let written = 0; written < BYTES; written += PIECE) await file.writev(pieces)
  // A file system that promises room has to find it now.
  await file.sync()
}
