/**
 * Checks that the operator wishes for, looked at again and again. One that fails so often in a row as its
 * threshold says makes the server unhealthy, until it succeeds once.
 */
import { Periodic } from '../lib/periodic.ts'
import { messageOf } from '../lib/thrown.ts'

export interface HealthCheck {
  /** How the answer of `/debug/health` calls it. */
  readonly name: string
  readonly everyMilliseconds: number
  /** How many failures in a row make it unhealthy. */
  readonly threshold: number
  /**
   * Rejects where something is wrong, with a sentence that anybody may read. It has a limit of its own, and ends early
   * when nobody wants to know any more.
   */
  look(signal: AbortSignal): Promise<void>
}

export interface HealthWatch {
  /** Became unhealthy, or (null) well again. */
  onChange(name: string, problem: string | null): void
}

export class Health {
  readonly #watch: HealthWatch
  readonly #looking: Periodic[] = []
  readonly #stopping = new AbortController()
  /** By check, for two may have one name. */
  readonly #problems = new Map<HealthCheck, string>()

  constructor(checks: readonly HealthCheck[], watch: HealthWatch) {
    this.#watch = watch
    for (const check of checks) this.#begin(check)
  }

  get isWell(): boolean {
    return this.#problems.size === 0
  }

  /** What is wrong, by the names of the checks. Empty where all is well. */
  get problems(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.#problems].map(([{ name }, problem]) => [name, problem]))
  }

  /** Whoever stops a server does not wait for what it looks at. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#looking.map((each) => each.stop()))
  }

  #begin(check: HealthCheck): void {
    let failures = 0
    const { signal } = this.#stopping
    const look = async () => {
      const problem = await problemOf(check, signal)
      if (signal.aborted) return
      failures = problem === null ? 0 : failures + 1
      if (problem === null || failures >= check.threshold) this.#found(check, problem)
    }
    void look()
    const onError = () => {} // `look` never rejects.
    this.#looking.push(new Periodic({ everyMilliseconds: check.everyMilliseconds, work: look, onError }))
  }

  #found(check: HealthCheck, problem: string | null): void {
    const isNews = this.#problems.has(check) !== (problem !== null)
    if (problem === null) this.#problems.delete(check)
    else this.#problems.set(check, problem)
    if (isNews) this.#watch.onChange(check.name, problem)
  }
}

async function problemOf(check: HealthCheck, signal: AbortSignal): Promise<string | null> {
  try {
    await check.look(signal)
    return null
  } catch (error) {
    return messageOf(error)
  }
}
