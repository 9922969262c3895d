/**
 * Counts requests under the names that registry:2's dashboards know: `registry_http_*`, by its names of the kinds
 * of requests. A request costs a few additions here.
 */
import { ANSWER_SECONDS, Histogram, LabelledHistogram, SIZE_BYTES } from './histogram.ts'
import { counter, gauge, type Metric, type MetricValue } from './metrics.ts'

/** One request that was answered. */
export interface CountedRequest {
  readonly kind: string
  readonly method: string
  readonly status: number
  readonly seconds: number
  /** Bytes of the two bodies. */
  readonly received: number
  readonly sent: number
}

/** All requests of one kind and method. */
class Series {
  readonly seconds = new Histogram(ANSWER_SECONDS)
  readonly statuses = new Map<number, number>()

  count(status: number, seconds: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
    this.seconds.observe(seconds)
  }
}

export class RequestMetrics {
  readonly #inFlight: Map<string, number>
  readonly #series = new Map<string, Map<string, Series>>()
  readonly #received = new LabelledHistogram('handler', SIZE_BYTES)
  readonly #sent = new LabelledHistogram('handler', SIZE_BYTES)

  /** `kinds` are those that there are. */
  constructor(kinds: readonly string[]) {
    this.#inFlight = new Map(kinds.map((kind) => [kind, 0]))
  }

  begin(kind: string): void {
    this.#inFlight.set(kind, (this.#inFlight.get(kind) ?? 0) + 1)
  }

  /** Ends what `begin` began. */
  end({ kind, method, status, seconds, received, sent }: CountedRequest): void {
    this.#inFlight.set(kind, (this.#inFlight.get(kind) ?? 0) - 1)
    this.#seriesOf(kind, method).count(status, seconds)
    this.#received.observe(kind, received)
    this.#sent.observe(kind, sent)
  }

  describe(): Metric[] {
    return [
      gauge('registry_http_in_flight_requests', 'The in-flight HTTP requests', this.#inFlightValues()),
      this.#seconds(),
      this.#received.describe('registry_http_request_size_bytes', 'The HTTP request sizes in bytes.'),
      counter('registry_http_requests_total', 'Total number of HTTP requests made.', this.#totals()),
      this.#sent.describe('registry_http_response_size_bytes', 'The HTTP response sizes in bytes.'),
    ]
  }

  #seriesOf(kind: string, method: string): Series {
    const known = this.#series.get(kind)?.get(method)
    if (known !== undefined) return known
    const series = new Series()
    const methods = this.#series.get(kind) ?? new Map<string, Series>()
    this.#series.set(kind, methods.set(method, series))
    return series
  }

  #inFlightValues(): MetricValue[] {
    return [...this.#inFlight].map(([handler, value]) => ({ labels: { handler }, value }))
  }

  #totals(): MetricValue[] {
    return this.#each((labels, { statuses }) =>
      [...statuses].map(([code, value]) => ({ labels: { code: String(code), ...labels }, value })),
    )
  }

  #seconds(): Metric {
    const name = 'registry_http_request_duration_seconds'
    const values = this.#each((labels, { seconds }) => seconds.values(name, labels))
    const help = 'The HTTP request latencies in seconds.'
    return { name, help, type: 'histogram', aggregator: 'sum', values }
  }

  #each(
    describe: (labels: { handler: string; method: string }, series: Series) => MetricValue[],
  ): MetricValue[] {
    return [...this.#series].flatMap(([handler, methods]) =>
      [...methods].flatMap(([method, series]) => describe({ handler, method: method.toLowerCase() }, series)),
    )
  }
}
