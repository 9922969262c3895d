/** A clock for tests that stands still until it is moved: the one by which jobs wait, and (on SQLite in place) the database's. */
import { setSystemTime } from 'bun:test'
import type { Clock } from '../src/jobs/clock.ts'

interface Sleeper {
  readonly until: number
  wake(): void
}

export class ManualClock implements Clock, Disposable {
  #now = 0
  readonly #began: number
  readonly #sleepers = new Set<Sleeper>()

  /** From now on `Date` tells this clock's time, until it is disposed of. */
  constructor(begin = Date.UTC(2030, 0, 1)) {
    this.#began = begin
    setSystemTime(begin)
  }

  now(): number {
    return this.#now
  }

  random(): number {
    return 0
  }

  wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const sleeper = {
        until: this.#now + milliseconds,
        wake: () => {
          this.#sleepers.delete(sleeper)
          resolve()
        },
      }
      this.#sleepers.add(sleeper)
      signal.addEventListener('abort', sleeper.wake, { once: true })
    })
  }

  /** How many wait. */
  get waiting(): number {
    return this.#sleepers.size
  }

  /** Goes on to the moment at which the next one of them wakes, and wakes it. */
  moveToNext(): void {
    const [next] = [...this.#sleepers].sort((one, other) => one.until - other.until)
    if (next === undefined) throw new Error('nobody waits for this clock')
    this.#now = Math.max(this.#now, next.until)
    setSystemTime(this.#began + this.#now)
    next.wake()
  }

  [Symbol.dispose](): void {
    setSystemTime()
  }
}
