/**
 * Writes whole lines to a file, a pipe or a terminal, many with one call, without ever holding up whoever has
 * something to say: lines wait in memory while the system takes the earlier ones, and where nobody reads for so
 * long that a megabyte waits, further lines are lost, counted, and told of.
 *
 * Invariants: lines keep their order, and are not mixed with those of another process on the same pipe; what waits
 * when the process ends is written then, as far as somebody reads. (Of the piece that the system has at that moment
 * nobody can tell whether it was written, so it is not written twice.)
 */
import { fstatSync, write, writeSync } from 'node:fs'
import { nextTurn } from '../lib/next-turn.ts'

export interface LineWriterOptions {
  /** The number of an open file: 1 is standard output, 2 standard error. */
  readonly descriptor: number
  /** Whether other processes write lines to the same file, which then must not be mixed with these. */
  readonly isShared: boolean
  /** So many lines found no room. Called when there is room again. */
  onLost?(lines: number): void
}

/** Characters that may wait. */
const MOST_WAITING = 1024 * 1024
/** A pipe takes so many bytes as one, whoever else writes to it (PIPE_BUF); a file that is appended to takes any number. */
const PIPE_BYTES = 4096
const MOST_BYTES = 64 * 1024
/** Between two rounds: what comes meanwhile goes together. */
const PAUSE_MILLISECONDS = 5
/** Where the other end is full: how long to wait before it is tried again. */
const FULL_MILLISECONDS = 20
const CLOSING_MILLISECONDS = 250

export class LineWriter {
  readonly #options: LineWriterOptions
  readonly #mostBytes: number
  #waiting: string[] = []
  /** What is behind the piece that the system has now. */
  #rest: Uint8Array = new Uint8Array()
  #size = 0
  #lost = 0
  #draining: Promise<void> | null = null
  #isClosed = false
  readonly #onExit = () => this.#writeRest()

  constructor(options: LineWriterOptions) {
    this.#options = options
    this.#mostBytes = options.isShared && !isFile(options.descriptor) ? PIPE_BYTES : MOST_BYTES
    process.on('exit', this.#onExit)
  }

  /** Takes one line, with its end. */
  write(line: string): void {
    if (this.#isClosed) return
    if (this.#size > MOST_WAITING) {
      this.#lost++
      return
    }
    this.#waiting.push(line)
    this.#size += line.length
    this.#draining ??= this.#drain()
  }

  /** Takes no more, and resolves when everything is written or nobody has read for a quarter of a second. */
  async close(): Promise<void> {
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, CLOSING_MILLISECONDS)
    await Promise.race([this.#draining, late.promise])
    clearTimeout(timer)
    this.#isClosed = true
    process.off('exit', this.#onExit)
  }

  /** Never rejects. */
  async #drain(): Promise<void> {
    await nextTurn()
    while (this.#waiting.length > 0) {
      await this.#writeRound()
      if (this.#waiting.length > 0) await Bun.sleep(PAUSE_MILLISECONDS)
    }
    this.#draining = null
  }

  /** What waits now, in as few pieces as the other end takes whole. */
  async #writeRound(): Promise<void> {
    const lines = this.#waiting.join('')
    this.#waiting = []
    const bytes = Buffer.from(lines)
    for (let next = 0; next < bytes.length; ) {
      const end = pieceEnd(bytes, next, this.#mostBytes)
      this.#rest = bytes.subarray(end)
      await writeWhole(this.#options.descriptor, bytes.subarray(next, end))
      next = end
    }
    this.#size -= lines.length
    this.#tellOfLost()
  }

  #tellOfLost(): void {
    const lost = this.#lost
    this.#lost = 0
    if (lost > 0) this.#options.onLost?.(lost)
  }

  /** For a process that ends now. Where the other end is full, nobody reads. */
  #writeRest(): void {
    try {
      writeSync(this.#options.descriptor, Buffer.concat([this.#rest, Buffer.from(this.#waiting.join(''))]))
    } catch {
      // Nobody will know; that must not keep the process from ending.
    }
  }
}

const LINE_END = 0x0a

/** After the last line of a piece that begins at `start`: at least one line, and no more than the bytes given. */
function pieceEnd(bytes: Buffer, start: number, most: number): number {
  if (bytes.length - start <= most) return bytes.length
  const fits = bytes.lastIndexOf(LINE_END, start + most - 1)
  const end = fits >= start ? fits : bytes.indexOf(LINE_END, start)
  return end === -1 ? bytes.length : end + 1
}

/** Resolves when the bytes are written, or can never be: then they are lost, for where else should it say so? */
async function writeWhole(descriptor: number, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const outcome = await writeSome(descriptor, bytes, offset)
    if (outcome === 'impossible') return
    if (outcome === 'full') await Bun.sleep(FULL_MILLISECONDS)
    else offset += outcome
  }
}

function writeSome(
  descriptor: number,
  bytes: Uint8Array,
  offset: number,
): Promise<number | 'full' | 'impossible'> {
  return new Promise((resolve) => {
    write(descriptor, bytes, offset, bytes.length - offset, null, (error, written) => {
      if (error === null) resolve(written)
      else resolve(error.code === 'EAGAIN' ? 'full' : 'impossible')
    })
  })
}

function isFile(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile()
  } catch {
    return false
  }
}
