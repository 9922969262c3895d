/** One party of a race: what it asks for next, whether it still moves, and how it ended. */
/**
 * One thing that a party does without a break, and what it touches: tables, files, whatever has a name. `blobs` is
 * all of `blobs 1` and `blobs 2`.
 */
export interface Step {
  /** For telling of an order that failed. */
  readonly what: string
  readonly reads: readonly string[]
  /** To what others add at the same moment without meeting this. */
  readonly adds: readonly string[]
  readonly writes: readonly string[]
}

/** Where a party waits for its turn. */
export interface Turns {
  /** Does the work when it is this party's turn. */
  take<T>(step: Step, work: () => Promise<T>): Promise<T>
}

export interface Party {
  readonly name: string
  run(turns: Turns): Promise<void>
  /** Whether a step that was begun waits for another party. */
  isBlocked(): Promise<boolean>
}

interface Question {
  readonly step: Step
  grant(): void
}

/** For a step, and for the wait of one party for another. */
const STEP_LIMIT_MS = 20_000
const LOOK_EVERY_MS = 4

export class Track implements Turns {
  readonly #party: Party
  /** Those of one party come one after another, unless it does several things at once. */
  readonly #questions: Question[] = []
  #failure: { readonly error: unknown } | null = null
  #hasEnded = false
  #moved = Promise.withResolvers<void>()

  constructor(party: Party) {
    this.#party = party
  }

  begin(): void {
    void this.#party
      .run(this)
      .catch((error: unknown) => {
        this.#failure = { error }
      })
      .finally(() => {
        this.#hasEnded = true
        this.#moved.resolve()
      })
  }

  async take<T>(step: Step, work: () => Promise<T>): Promise<T> {
    const turn = Promise.withResolvers<void>()
    this.#questions.push({ step, grant: turn.resolve })
    this.#moved.resolve()
    await turn.promise
    return await work()
  }

  get isAsking(): boolean {
    return this.#questions.length > 0
  }

  get asked(): Step | null {
    return this.#questions[0]?.step ?? null
  }

  /** Lets the step be done that was asked for first, and tells of it. */
  grant(): string {
    const question = this.#questions.shift()
    if (question === undefined) throw new Error(`${this.#party.name} asks for nothing`)
    this.#moved = Promise.withResolvers<void>()
    question.grant()
    return `${this.#party.name}: ${question.step.what}`
  }

  /** Waits until it asks or has ended, or waits for another. */
  async untilStill({ orBlocked }: { readonly orBlocked: boolean }): Promise<void> {
    const deadline = performance.now() + STEP_LIMIT_MS
    while (!this.isAsking && !this.#hasEnded) {
      // A step mostly ends before anybody need be asked what it waits for.
      await Promise.race([this.#moved.promise, Bun.sleep(LOOK_EVERY_MS)])
      if (orBlocked && !this.isAsking && !this.#hasEnded && (await this.#party.isBlocked())) return
      if (performance.now() > deadline) throw new Error(`${this.#party.name} neither asks nor ends`)
    }
  }

  requireSuccess(): void {
    if (this.#failure !== null) throw this.#failure.error
  }
}
