/** Says how far a pass through the link tree is: a bar on a terminal, a line of the log every ten seconds elsewhere. */
import { bar } from '../lib/bar.ts'
import type { Log } from '../observability/log.ts'
import type { PassProgress } from '../registry/tree/tree-pass.ts'

/** Writes over the last line of a terminal; an empty text takes it away. */
export type DrawLine = (line: string) => void

/** Milliseconds. */
const LOG_EVERY = 10_000
const DRAW_EVERY = 100

export interface ProgressOptions {
  readonly log: Log
  /** Null where there is no terminal. */
  readonly draw: DrawLine | null
  /** Milliseconds, on a clock that never goes back. */
  readonly now?: () => number
}

export class ProgressTeller {
  readonly #log: Log
  readonly #draw: DrawLine | null
  readonly #now: () => number
  #told: number
  #isDrawn = false

  constructor({ log, draw, now = () => performance.now() }: ProgressOptions) {
    this.#log = log
    this.#draw = draw
    this.#now = now
    this.#told = now()
  }

  tell({ done, total }: PassProgress): void {
    const now = this.#now()
    if (now - this.#told < (this.#draw === null ? LOG_EVERY : DRAW_EVERY)) return
    this.#told = now
    if (this.#draw === null) {
      this.#log.info({ done, total }, `indexing: ${done} of ${total} repositories`)
    } else {
      this.#isDrawn = true
      this.#draw(`${bar(done / total)} ${done} of ${total} repositories indexed`)
    }
  }

  end(): void {
    if (this.#isDrawn) this.#draw?.('')
  }
}
