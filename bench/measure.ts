/**
 * The course of a run: metric by metric, every contestant on a fresh folder, and then round by round one
 * contestant after another (A B C, A B C, …), so that a drift of the machine hits all alike. The servers of a
 * metric are all up; only one is asked at a time. Who fails is out of that metric, and the failure is reported.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { BlobFile } from './blob-file.ts'
import type { Contestant } from './contestant.ts'
import type { Figures, Material, MeasureRound, Metric, Scale } from './metric.ts'
import { MEMORY_SHARE, touchMemory } from './page-cache.ts'
import { Subject } from './subject.ts'

/** By `metric.figure` and contestant: what each round gave. */
export type Measurements = ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>

export interface RunOptions {
  readonly metrics: readonly Metric[]
  readonly contestants: readonly Contestant[]
  readonly scale: Scale
  /** Where everything lies while it lasts; its disk is the one that is measured. */
  readonly folder: string
  /** Is told what happens now. */
  readonly onProgress: (line: string) => void
}

export interface Outcome {
  readonly measurements: Measurements
  /** Which contestant gave a wrong answer or none, in which metric, and why. */
  readonly failures: readonly string[]
}

export async function measureAll(options: RunOptions): Promise<Outcome> {
  const run = new Run(options)
  for (const metric of options.metrics) await run.measure(metric)
  return run
}

class Run implements Outcome {
  readonly measurements = new Map<string, Map<string, number[]>>()
  readonly failures: string[] = []
  readonly #options: RunOptions
  readonly #material: Material

  constructor(options: RunOptions) {
    this.#options = options
    this.#material = shareMaterial(options)
  }

  async measure(metric: Metric): Promise<void> {
    const { scale, onProgress } = this.#options
    onProgress(metric.title(scale))
    touchMemory(this.#options.folder, scale.blobBytes * MEMORY_SHARE)
    await using closing = new AsyncDisposableStack()
    const runners = await this.#lineUp(metric, closing)
    for (let round = 0; round < scale.rounds; round++) {
      for (const [name, measureRound] of runners) {
        await syncDisks()
        const figures = await this.#attempt(metric, name, () => measureRound(round))
        if (figures === null) runners.delete(name)
        else this.#note(metric, name, figures)
      }
      onProgress(`  round ${round + 1}: ${this.#roundLine(metric, runners.keys().toArray())}`)
    }
  }

  /** All contestants of a metric, filled, warmed up and ready. */
  async #lineUp(metric: Metric, closing: AsyncDisposableStack): Promise<Map<string, MeasureRound>> {
    const runners = new Map<string, MeasureRound>()
    for (const contestant of this.#options.contestants) {
      const { name } = contestant
      const runner = await this.#attempt(metric, name, () => this.#prepare(metric, contestant, closing))
      if (runner !== null) runners.set(name, runner)
    }
    return runners
  }

  /** Null when the contestant takes no part in the metric. */
  async #prepare(
    metric: Metric,
    contestant: Contestant,
    closing: AsyncDisposableStack,
  ): Promise<MeasureRound | null> {
    const folder = join(this.#options.folder, `${metric.name}-${contestant.name}`)
    if (contestant.kind === 'server') {
      if (!contestant.measures.includes(metric.name)) return null
      return await metric.prepare(closing.use(new Subject(contestant, folder)), this.#material)
    }
    if (metric.preparePrograms === undefined) return null
    mkdirSync(folder, { recursive: true })
    return metric.preparePrograms(contestant, folder, this.#material)
  }

  /** Null when it failed. */
  async #attempt<T>(metric: Metric, name: string, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work()
    } catch (error) {
      const failure = `${name}, ${metric.name}: ${error instanceof Error ? error.message : error}`
      this.failures.push(failure)
      this.#options.onProgress(`  failed: ${failure}`)
      return null
    }
  }

  #note(metric: Metric, contestant: string, figures: Figures): void {
    for (const [figure, value] of Object.entries(figures)) {
      const name = `${metric.name}.${figure}`
      const byContestant = this.measurements.get(name) ?? new Map<string, number[]>()
      this.measurements.set(name, byContestant)
      byContestant.set(contestant, [...(byContestant.get(contestant) ?? []), value])
    }
  }

  /** Each contestant's first figure. */
  #roundLine(metric: Metric, contestants: readonly string[]): string {
    const [figure] = metric.figures
    const byContestant = this.measurements.get(`${metric.name}.${figure?.name}`)
    const parts = contestants.map((name) => `${name} ${byContestant?.get(name)?.at(-1)?.toPrecision(4)}`)
    return `${parts.join(', ')} (${figure?.title})`
  }
}

function shareMaterial({ scale, folder }: RunOptions): Material {
  let blob: BlobFile | null = null
  return {
    scale,
    blob: () => {
      blob ??= BlobFile.create(join(folder, 'blob'), scale.blobBytes)
      return blob
    },
  }
}

/** So that nobody pays for what another one, or the preparation, has left to be written. */
async function syncDisks(): Promise<void> {
  await Bun.spawn(['sync']).exited
}
