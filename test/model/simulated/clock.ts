/**
 * A clock that stands still until it is told to go on, for this process and for a database that asks for its own.
 * It begins a day from now, so that files, whose times are real, are never younger than it.
 */
import { setSystemTime } from 'bun:test'

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** Hears what time it is whenever that changes. */
export type SetDatabaseClock = (now: number) => Promise<void>

export class SimulatedClock {
  #now: number
  readonly #setDatabaseClock: SetDatabaseClock

  private constructor(now: number, setDatabaseClock: SetDatabaseClock) {
    this.#now = now
    this.#setDatabaseClock = setDatabaseClock
  }

  static async begin(setDatabaseClock: SetDatabaseClock = async () => {}): Promise<SimulatedClock> {
    setSystemTime()
    const clock = new SimulatedClock(Date.now() + DAY, setDatabaseClock)
    await clock.forward(0)
    return clock
  }

  get now(): number {
    return this.#now
  }

  async forward(milliseconds: number): Promise<void> {
    this.#now += milliseconds
    setSystemTime(this.#now)
    await this.#setDatabaseClock(this.#now)
  }

  /** The real time counts again. */
  end(): void {
    setSystemTime()
  }
}
