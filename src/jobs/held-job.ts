/**
 * A job while this process has it: its lease is renewed until the run has ended, is found to have become another's, or
 * has taken so long that it must hang.
 */
import type { Database } from '../metadata/database.ts'
import type { Clock } from './clock.ts'
import { type JobHolder, renewJobCommand } from './jobs.commands.ts'

/** A step that takes longer, in milliseconds, hangs: it is told to end, and its lease lapses. */
const LONGEST_STEP = 10 * 60_000

/** The job is another's now, or may be. */
export class JobLost extends Error {
  override readonly name = 'JobLost'
}

export class HeldJob {
  readonly #database: Database
  readonly #clock: Clock
  readonly #holder: JobHolder & { readonly lease: number }
  readonly #over = new AbortController()
  readonly #ended = new AbortController()

  /** `lease` is in milliseconds, and has just been given. */
  constructor(database: Database, clock: Clock, holder: JobHolder & { readonly lease: number }) {
    this.#database = database
    this.#clock = clock
    this.#holder = holder
    void this.#keep()
  }

  /** Fires when the run must end: with JobLost, or with an error that says how long it has taken. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  letGo(): void {
    this.#ended.abort()
  }

  async #keep(): Promise<void> {
    const { lease } = this.#holder
    const began = this.#clock.now()
    let renewed = began
    while (!this.#over.signal.aborted) {
      await this.#clock.wait(lease / 3, this.#ended.signal)
      if (this.#ended.signal.aborted) return
      const isMine = await this.#database.write(renewJobCommand, this.#holder).catch(() => null)
      const now = this.#clock.now()
      if (isMine === true) renewed = now
      // Where the database does not answer, the job may have become another's when the lease is over.
      if (isMine === false || now - renewed >= lease)
        this.#over.abort(new JobLost('the job is another’s now'))
      if (now - began >= LONGEST_STEP) this.#over.abort(tooLong(now - began))
    }
  }
}

function tooLong(milliseconds: number): Error {
  return new Error(`a step did not end within ${Math.round(milliseconds / 1000)} s`)
}
