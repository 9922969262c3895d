/** How many of what was seen were at most how large. Counting is a few additions. */
import type { Labels, Metric, MetricValue } from './metrics.ts'

/** Seconds of an answer: registry:2's bounds. */
export const ANSWER_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60]
/** Seconds of one step: the usual bounds. */
export const STEP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
/** From 1 KiB to 2 GiB, each twice the one before. */
export const SIZE_BYTES = Array.from({ length: 22 }, (_, power) => 1024 * 2 ** power)

export class Histogram {
  readonly #bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    const bounds = this.#bounds
    let at = 0
    while (at < bounds.length && value > (bounds[at] ?? 0)) at++
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#sum += value
  }

  /** What Prometheus is told: how many up to each bound, all of them, and their sum. */
  values(name: string, labels: Labels): MetricValue[] {
    let count = 0
    const buckets = [...this.#bounds, '+Inf'].map((bound, at) => {
      count += this.#counts[at] ?? 0
      return { metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: count }
    })
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.#sum },
      { metricName: `${name}_count`, labels, value: count },
    ]
  }
}

/** Histograms of one name, one for each value of a label. */
export class LabelledHistogram {
  readonly #label: string
  readonly #bounds: readonly number[]
  readonly #histograms = new Map<string, Histogram>()

  /** `label` has few values. */
  constructor(label: string, bounds: readonly number[]) {
    this.#label = label
    this.#bounds = bounds
  }

  observe(labelled: string, value: number): void {
    let histogram = this.#histograms.get(labelled)
    if (histogram === undefined) {
      histogram = new Histogram(this.#bounds)
      this.#histograms.set(labelled, histogram)
    }
    histogram.observe(value)
  }

  describe(name: string, help: string, labels: Labels = {}): Metric {
    const values = [...this.#histograms].flatMap(([labelled, histogram]) =>
      histogram.values(name, { [this.#label]: labelled, ...labels }),
    )
    return { name, help, type: 'histogram', aggregator: 'sum', values }
  }
}
