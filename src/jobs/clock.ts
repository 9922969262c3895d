/** The time by which jobs wait, so that a test can have one of its own. Leases go by the database's clock, not by this one. */
import { setTimeout as sleep } from 'node:timers/promises'

export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  now(): number
  /** Resolves after that many milliseconds, and at once where the signal fires. Never rejects. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>
  /** From 0 up to, not including, 1: what keeps processes that began together from asking together. */
  random(): number
}

export const WALL_CLOCK: Clock = {
  now: () => performance.now(),
  random: Math.random,
  async wait(milliseconds, signal) {
    // What keeps a process alive is its server, not the time until a job is due.
    await sleep(milliseconds, undefined, { signal, ref: false }).catch(() => undefined)
  },
}
