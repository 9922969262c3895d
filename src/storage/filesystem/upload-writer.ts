/**
 * Writes one upload to its file, on the pool, while the caller receives and hashes what comes next.
 * Chunks are written by reference, several in one call (a call for each costs 0.3 CPU seconds more per GiB, and
 * copying them together is no cheaper), and one call at a time, so they reach the file in order. Where all
 * uploads together are behind, the call is made in place (write-backlog.ts). What is written is freed.
 *
 * Invariants: at most HELD_BYTES and one chunk are kept; nothing is written once `close` has resolved; the
 * first failure is what every later call throws; of a long upload no more than 2 × SYNC_BYTES wait for the disk.
 */
import { fdatasync, writev, writevSync } from 'node:fs'
import { promisify } from 'node:util'
import { release } from '../../lib/release.ts'
import type { UploadId } from '../../oci/upload-id.ts'
import { UploadTruncated, type UploadWriter } from '../blob-store.ts'
import { explained, explaining } from './failures.ts'
import type { ShortCalls } from './short-calls.ts'
import { cut, syncUpload } from './upload-file.ts'
import type { WriteBacklog } from './write-backlog.ts'

const BATCH_BYTES = 256 * 1024
const BATCH_CHUNKS = 512
const HELD_BYTES = 512 * 1024
const SYNC_BYTES = 64 * 1024 * 1024

const TAKEN = Promise.resolve()

const datasync: (file: number) => Promise<void> = promisify(fdatasync)

export interface UploadFile {
  readonly upload: UploadId
  readonly path: string
  /** Its descriptor, opened to append. The writer closes it. */
  readonly descriptor: number
  /** Its size now. */
  readonly size: number
  readonly calls: ShortCalls
}

export class FileUploadWriter implements UploadWriter {
  readonly #file: UploadFile
  readonly #backlog: WriteBacklog
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

  constructor(file: UploadFile, backlog: WriteBacklog) {
    this.#file = file
    this.#backlog = backlog
    this.#size = file.size
  }

  write(chunk: Uint8Array): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure.error)
    if (this.#closing !== null) return Promise.reject(new Error('A closed upload cannot be written.'))
    if (chunk.byteLength === 0) return TAKEN
    this.#waiting.push(chunk)
    this.#waitingBytes += chunk.byteLength
    this.#size += chunk.byteLength
    this.#backlog.add(chunk.byteLength)
    this.#startWritingWhatIsDue()
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

  #startWritingWhatIsDue(): void {
    const isBatch = this.#waitingBytes >= BATCH_BYTES || this.#waiting.length >= BATCH_CHUNKS
    if (isBatch || this.#backlog.isTooLong()) this.#startWriting()
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
      if (this.#backlog.isTooLong()) await this.#writeAtOnce(chunks)
      else await writeWhole(this.#file.descriptor, chunks)
      for (const chunk of chunks) release(chunk)
      await this.#syncNowAndThen(this.#writingBytes)
    } catch (error) {
      this.#fail(error)
    }
    this.#writing = null
    this.#backlog.remove(this.#writingBytes)
    this.#writingBytes = 0
    this.#startWritingWhatIsDue()
  }

  /** Asynchronous so that #writing is set before #write clears it, and so that it fails as a write of the pool does. */
  async #writeAtOnce(chunks: readonly Uint8Array[]): Promise<void> {
    const started = performance.now()
    writeWholeAtOnce(this.#file.descriptor, chunks)
    this.#backlog.wroteAtOnce(performance.now() - started)
  }

  /** Keeps the last fsync short: the disk works while the upload still comes in, and holds it back when it falls behind. */
  async #syncNowAndThen(written: number): Promise<void> {
    this.#unsyncedBytes += written
    if (this.#unsyncedBytes < SYNC_BYTES) return
    await this.#syncing
    this.#unsyncedBytes = 0
    this.#syncing = syncUpload(this.#file.path, () => datasync(this.#file.descriptor)).catch((error) =>
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
      await this.#file.calls.close(this.#file.descriptor)
    }
  }

  /** What a failed writer wrote counts for nothing, and the others need the room. The failure is what is told, not this. */
  async #giveRoomBack(): Promise<void> {
    await cut(this.#file.descriptor, this.#file.size).catch(() => undefined)
  }

  /** Two writers of one file, or a disk that lost a write without a word, show here. */
  async #requireSize(): Promise<void> {
    const size = await this.#file.calls.sizeOf(this.#file.descriptor)
    if (size !== this.#size) throw new UploadTruncated(this.#file.upload, this.#size, size)
  }

  #fail(error: unknown): void {
    this.#failure ??= { error: explained(error, this.#file.path) }
    this.#backlog.remove(this.#waitingBytes)
    this.#waiting = []
    this.#waitingBytes = 0
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error
  }
}

// A call may write less than it was given, such as on a disk that fills up; the next one says why.

async function writeWhole(file: number, chunks: readonly Uint8Array[]): Promise<void> {
  let rest = chunks
  while (rest.length > 0) rest = withoutFirst(rest, await writeSome(file, rest))
}

function writeWholeAtOnce(file: number, chunks: readonly Uint8Array[]): void {
  let rest = chunks
  while (rest.length > 0) rest = withoutFirst(rest, writevSync(file, rest))
}

/** On the pool. How many bytes it wrote. */
function writeSome(file: number, chunks: readonly Uint8Array[]): Promise<number> {
  return new Promise((resolve, reject) => {
    writev(file, chunks, (error, written) => (error === null ? resolve(written) : reject(error)))
  })
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
