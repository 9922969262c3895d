/**
 * Runs one piece of work again and again, never twice at the same time. A failure is reported and the work is
 * tried again at its next time.
 */
export interface PeriodicOptions {
  readonly everyMilliseconds: number
  readonly work: () => Promise<void>
  readonly onError: (error: unknown) => void
}

export class Periodic {
  readonly #options: PeriodicOptions
  readonly #timer: NodeJS.Timeout
  #running: Promise<void> | null = null

  constructor(options: PeriodicOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#tick(), options.everyMilliseconds)
  }

  /** Ends it, and waits for what is running. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
  }

  #tick(): void {
    this.#running ??= this.#options
      .work()
      .catch(this.#options.onError)
      .finally(() => {
        this.#running = null
      })
  }
}
