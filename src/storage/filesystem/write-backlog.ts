/**
 * What all uploads of this process together have received and not yet written: it decides whether the next
 * bytes may wait for the pool, or are written at once on the event loop.
 *
 * Making a client wait is no way to keep memory small: Bun goes on receiving up to 1.5 MB of every body that
 * is not being read, so 200 clients that are held back cost 300 MB. While the event loop writes, it receives
 * nothing from anybody, and what comes meanwhile stays in the kernel. That is cheap as long as the kernel only
 * copies. Where it makes writers wait for the disk, the event loop bears a tenth of its time of that, so that
 * everybody else is still answered, and the pool has the rest, whatever memory that costs. On a volume that is
 * not of this machine nothing is written on the event loop: one server that hangs would hang everything.
 */
import type { VolumeKind } from './volume.ts'

const MOST_BYTES = 4 * 1024 * 1024

/** A write that took longer than that has waited for the disk. */
const COPYING_MILLISECONDS = 5
/** So much waiting at once is borne, and so much of the time in the long run. */
const MOST_WAITING = 500
const WAITING_SHARE = 0.1

export class WriteBacklog {
  readonly #isLocal: boolean
  #bytes = 0
  /** Milliseconds that the event loop has waited lately, as of `#since`. */
  #waited = 0
  #since = 0

  constructor(volume: VolumeKind) {
    this.#isLocal = volume.kind === 'local'
  }

  /** Bytes have come that nobody has written. */
  add(bytes: number): void {
    this.#bytes += bytes
  }

  /** They have been written, or will never be. */
  remove(bytes: number): void {
    this.#bytes -= bytes
  }

  /** Whether bytes had better be written on the event loop now. */
  isTooLong(now = performance.now()): boolean {
    return this.#isLocal && this.#bytes > MOST_BYTES && this.#waitedAt(now) < MOST_WAITING
  }

  /** A write on the event loop has taken so long. */
  wroteAtOnce(milliseconds: number, now = performance.now()): void {
    const waited = milliseconds > COPYING_MILLISECONDS ? milliseconds : 0
    this.#waited = this.#waitedAt(now) + waited
    this.#since = now
  }

  #waitedAt(now: number): number {
    return Math.max(0, this.#waited - (now - this.#since) * WAITING_SHARE)
  }
}
