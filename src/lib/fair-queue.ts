/**
 * Work that is dear, a few at a time. Whoever waits stands in a lane; lanes take turns, so that one that is
 * flooded holds up itself and not the others. Preferred work goes before all lanes.
 * Invariants: no more runs at once than `atOnce`; nobody waits longer than `patienceMilliseconds`; what waits in
 * lanes is bounded, per lane and altogether. How much is preferred, whoever prefers it bounds.
 */

/** Too much waits already, or this has waited too long. */
export class QueueFull extends Error {
  override readonly name = 'QueueFull'
}

export interface FairQueueOptions {
  readonly atOnce: number
  readonly mostInLane: number
  readonly mostWaiting: number
  readonly patienceMilliseconds: number
}

interface Waiting {
  begin(): void
}

export class FairQueue {
  readonly #options: FairQueueOptions
  readonly #preferred: Waiting[] = []
  /** In the order of their turns; none is empty. */
  readonly #lanes = new Map<string, Waiting[]>()
  #waiting = 0
  #running = 0

  constructor(options: FairQueueOptions) {
    this.#options = options
  }

  /** Does the work in its turn. `lane: null` is preferred. Throws QueueFull, and what the work throws. */
  async run<Result>(lane: string | null, work: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#options.atOnce) await this.#turn(lane)
    else this.#running++
    try {
      return await work()
    } finally {
      this.#next()
    }
  }

  #turn(lane: string | null): Promise<void> {
    const queue = lane === null ? this.#preferred : (this.#lanes.get(lane) ?? [])
    const { mostInLane, mostWaiting, patienceMilliseconds } = this.#options
    if (lane !== null && (queue.length >= mostInLane || this.#waiting >= mostWaiting)) {
      return Promise.reject(new QueueFull('too much of this waits already'))
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const patience = setTimeout(() => {
      this.#leave(lane, waiting)
      reject(new QueueFull('this has waited too long'))
    }, patienceMilliseconds)
    const waiting: Waiting = {
      begin: () => {
        clearTimeout(patience)
        resolve()
      },
    }
    queue.push(waiting)
    this.#waiting++
    if (lane !== null) this.#lanes.set(lane, queue)
    return promise
  }

  /** Hands the place that has become free to whoever is next. */
  #next(): void {
    const next = this.#preferred.shift() ?? this.#nextOfLanes()
    if (next === undefined) {
      this.#running--
      return
    }
    this.#waiting--
    next.begin()
  }

  /** The lane whose turn it was goes to the end. */
  #nextOfLanes(): Waiting | undefined {
    const [turn] = this.#lanes
    if (turn === undefined) return undefined
    const [lane, queue] = turn
    const next = queue.shift()
    this.#lanes.delete(lane)
    if (queue.length > 0) this.#lanes.set(lane, queue)
    return next
  }

  #leave(lane: string | null, waiting: Waiting): void {
    const queue = lane === null ? this.#preferred : (this.#lanes.get(lane) ?? [])
    queue.splice(queue.indexOf(waiting), 1)
    this.#waiting--
    if (lane !== null && queue.length === 0) this.#lanes.delete(lane)
  }
}
