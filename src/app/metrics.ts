/** What one process counts, and how it tells of it. */
import type { Reply } from '../http/reply.ts'
import type { IncomingRequest } from '../http/request.ts'
import { LabelledHistogram, STEP_SECONDS } from '../observability/histogram.ts'
import { counter, gauge, type Labels, type Metric } from '../observability/metrics.ts'
import { describeProcess } from '../observability/process-metrics.ts'
import { RequestMetrics } from '../observability/request-metrics.ts'
import { REQUEST_KINDS } from '../protocols/oci/kinds.ts'
import type { WriteWatch } from './measured-database.ts'
import { sentBytes, statusOf } from './served-request.ts'

/** What somebody else counts, or reads from the database. */
type Describe = () => Metric[] | Promise<Metric[]>

export class AppMetrics implements WriteWatch {
  readonly #driver: string
  readonly #requests = new RequestMetrics(REQUEST_KINDS)
  readonly #storage = new LabelledHistogram('action', STEP_SECONDS)
  readonly #writes = new LabelledHistogram('command', STEP_SECONDS)
  readonly #others: Describe[] = []
  #writesWaiting = 0

  /** `driver` is where blobs are kept: `filesystem`. */
  constructor(driver: string) {
    this.#driver = driver
  }

  /** A request that is no part of the registry's protocol is not counted. */
  beginRequest({ notes }: IncomingRequest): void {
    if (notes.kind !== undefined) this.#requests.begin(notes.kind)
  }

  endRequest(request: IncomingRequest, reply: Reply, milliseconds: number): void {
    const { kind } = request.notes
    if (kind === undefined) return
    this.#requests.end({
      kind,
      method: request.method,
      status: statusOf(request, reply),
      seconds: milliseconds / 1000,
      received: request.received,
      sent: sentBytes(request, reply) ?? 0,
    })
  }

  storageActed(action: string, seconds: number): void {
    this.#storage.observe(action, seconds)
  }

  began(): void {
    this.#writesWaiting++
  }

  ended(command: string, seconds: number): void {
    this.#writesWaiting--
    this.#writes.observe(command, seconds)
  }

  /** What somebody else in this process counts. */
  alsoDescribe(describe: Describe): void {
    this.#others.push(describe)
  }

  async describe(): Promise<Metric[]> {
    return [
      ...this.#requests.describe(),
      this.#storage.describe(
        'registry_storage_action_seconds',
        'The number of seconds that the storage action takes',
        { driver: this.#driver },
      ),
      ...NO_CACHE,
      this.#writes.describe('berth_write_seconds', 'How long writes took, from asking to the answer.'),
      gauge('berth_writes_waiting', 'Writes that have not been answered.', [
        { labels: {}, value: this.#writesWaiting },
      ]),
      ...(await this.#describeOthers()),
      ...(await describeProcess()),
    ]
  }

  async #describeOthers(): Promise<Metric[]> {
    return (await Promise.all(this.#others.map(describedBy))).flat()
  }
}

/** Whoever cannot tell now is left out, as in a scrape of a server that has not begun to count: the others are wanted most then. */
async function describedBy(describe: Describe): Promise<Metric[]> {
  try {
    return await describe()
  } catch {
    return []
  }
}

/**
 * Berth finds descriptors in its database; dashboards that show how well the cache works find these: registry:3's, and
 * registry:2's.
 */
const NO_CACHE: readonly Metric[] = [
  ...['requests', 'hits', 'errors'].map((what) => zero(`registry_storage_cache_${what}_total`, what, [{}])),
  zero(
    'registry_storage_cache_total',
    'requests',
    ['Request', 'Hit', 'Miss'].map((type) => ({ type })),
  ),
]

function zero(name: string, what: string, labels: readonly Labels[]): Metric {
  const help = `The number of ${what} of a cache that Berth does not need`
  return counter(
    name,
    help,
    labels.map((each) => ({ labels: each, value: 0 })),
  )
}
