/** Work that must be done in the end, although nobody waits for it: tried again and again for as long as it is of use. */
import { Periodic } from './periodic.ts'

export interface InsistenceOptions {
  readonly everyMilliseconds: number
  /** After that long the work is of no use any more. */
  readonly forMilliseconds: number
  /** So much work at a time; more is not begun. */
  readonly atMost: number
}

export class Insistence {
  readonly #options: InsistenceOptions
  #running = 0

  constructor(options: InsistenceOptions) {
    this.#options = options
  }

  /** How much work is being tried. */
  get running(): number {
    return this.#running
  }

  /** Tries the work, never twice at the same time, until it succeeds or its time is over. Nobody is told of failures. */
  insist(work: () => Promise<unknown>): void {
    const { everyMilliseconds, forMilliseconds, atMost } = this.#options
    if (this.#running >= atMost) return
    this.#running += 1
    const end = performance.now() + forMilliseconds
    const trying = new Periodic({
      everyMilliseconds,
      work: async () => {
        if (performance.now() < end) await work()
        this.#running -= 1
        void trying.stop()
      },
      onError: () => undefined,
    })
  }
}
