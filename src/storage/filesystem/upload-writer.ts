/**
 * Writes one upload to its file, on the pool, while the caller receives and hashes what comes next.
 * Chunks are written by reference, several in one call (a call for each costs 0.3 CPU seconds more per GiB, and
 * copying them together is no cheaper), and one call at a time, so they reach the file in order.
 *
 * Invariants: at most HELD_BYTES and one chunk are kept; nothing is written once `close` has resolved; the
 * first failure is what every later call throws; of a long upload no more than 2 × SYNC_BYTES wait for the disk.
 */
import type { FileHandle } from 'node:fs/promises'
import type { UploadId } from '../../oci/upload-id.ts'
import { UploadTruncated, type UploadWriter } from '../blob-store.ts'
import { explained, explaining } from './failures.ts'
import { syncUpload } from './upload-file.ts'

const BATCH_BYTES = 256 * 1024
const BATCH_CHUNKS = 512
const HELD_BYTES = 512 * 1024
const SYNC_BYTES = 64 * 1024 * 1024

const TAKEN = Promise.resolve()

export interface UploadFile {
  readonly upload: UploadId
  readonly path: string
  /** Opened to append. The writer closes it. */
  readonly handle: FileHandle
  /** Its size now. */
  readonly size: number
}

export class FileUploadWriter implements UploadWriter {
  readonly #file: UploadFile
  #size: number
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #writingBytes = 0
  /** Neither promise ever rejects: what goes wrong is kept in #failure. */
  #writing: Promise<void> | null = null
  #syncing: Promise<void> = TAKEN
  #unsyncedBytes = 0
  #failure: { readonly error: unknown } | null = null
  #closing: Promise<void> | null = null

  constructor(file: UploadFile) {
    this.#file = file
    this.#size = file.size
  }

  write(chunk: Uint8Array): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure.error)
    if (this.#closing !== null) return Promise.reject(new Error('A closed upload cannot be written.'))
    if (chunk.byteLength === 0) return TAKEN
    this.#waiting.push(chunk)
    this.#waitingBytes += chunk.byteLength
    this.#size += chunk.byteLength
    this.#startWritingABatch()
    return this.#heldBytes > HELD_BYTES ? this.#untilThereIsRoom() : TAKEN
  }

  close(): Promise<void> {
    this.#closing ??= explaining(this.#file.path, () => this.#finish())
    return this.#closing
  }

  get #heldBytes(): number {
    return this.#waitingBytes + this.#writingBytes
  }

  async #untilThereIsRoom(): Promise<void> {
    while (this.#writing !== null && this.#heldBytes > HELD_BYTES) await this.#writing
    this.#throwFailure()
  }

  #startWritingABatch(): void {
    const isBatch = this.#waitingBytes >= BATCH_BYTES || this.#waiting.length >= BATCH_CHUNKS
    if (isBatch) this.#startWriting()
  }

  #startWriting(): void {
    if (this.#writing !== null || this.#waiting.length === 0 || this.#failure !== null) return
    const chunks = this.#waiting
    this.#writingBytes = this.#waitingBytes
    this.#waiting = []
    this.#waitingBytes = 0
    this.#writing = this.#write(chunks)
  }

  async #write(chunks: readonly Uint8Array[]): Promise<void> {
    try {
      await writeWhole(this.#file.handle, chunks)
      await this.#syncNowAndThen(this.#writingBytes)
    } catch (error) {
      this.#fail(error)
    }
    this.#writing = null
    this.#writingBytes = 0
    this.#startWritingABatch()
  }

  /** Keeps the last fsync short: the disk works while the upload still comes in, and holds it back when it falls behind. */
  async #syncNowAndThen(written: number): Promise<void> {
    this.#unsyncedBytes += written
    if (this.#unsyncedBytes < SYNC_BYTES) return
    await this.#syncing
    this.#unsyncedBytes = 0
    this.#syncing = syncUpload(this.#file.path, () => this.#file.handle.datasync()).catch((error) =>
      this.#fail(error),
    )
  }

  async #finish(): Promise<void> {
    try {
      while (this.#writing !== null) await this.#writing
      this.#startWriting()
      await this.#writing
      await this.#syncing
      if (this.#failure !== null) await this.#giveRoomBack()
      this.#throwFailure()
      await this.#requireSize()
    } finally {
      await this.#file.handle.close()
    }
  }

  /** What a failed writer wrote counts for nothing, and the others need the room. The failure is what is told, not this. */
  async #giveRoomBack(): Promise<void> {
    await this.#file.handle.truncate(this.#file.size).catch(() => undefined)
  }

  /** Two writers of one file, or a disk that lost a write without a word, show here. */
  async #requireSize(): Promise<void> {
    const { size } = await this.#file.handle.stat()
    if (size !== this.#size) throw new UploadTruncated(this.#file.upload, this.#size, size)
  }

  #fail(error: unknown): void {
    this.#failure ??= { error: explained(error, this.#file.path) }
    this.#waiting = []
    this.#waitingBytes = 0
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error
  }
}

/** A call may write less than it was given, such as on a disk that fills up; the next one says why. */
async function writeWhole(handle: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  let rest = chunks
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest)
    rest = withoutFirst(rest, bytesWritten)
  }
}

/** The chunks without their first `count` bytes, which were written. */
export function withoutFirst(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  let left = count
  let index = 0
  for (const chunk of chunks) {
    if (chunk.byteLength > left) break
    left -= chunk.byteLength
    index += 1
  }
  return chunks.slice(index).map((chunk, position) => (position === 0 ? chunk.subarray(left) : chunk))
}
