/** What collection has done in this process, and what it has before it, for Prometheus. */
import { countLeaving, countReviews } from '../metadata/collection-status.ts'
import { counter, gauge, type Metric } from '../observability/metrics.ts'
import type { Collected } from '../registry/gc/collect.ts'
import { findHindrance } from '../registry/gc/hindrance.ts'
import type { Registry } from '../registry/registry.ts'

export class CollectionCounts {
  #reviewed = 0
  #condemned = 0
  #unlinked = 0
  #deleted = 0
  #freedBytes = 0

  add({ reviewed, condemned, unlinked, deleted, freedBytes }: Collected): void {
    this.#reviewed += reviewed
    this.#condemned += condemned
    this.#unlinked += unlinked
    this.#deleted += deleted
    this.#freedBytes += freedBytes
  }

  describe(): Metric[] {
    return [
      total('berth_gc_reviewed_blobs_total', 'Blobs that collection has looked at.', this.#reviewed),
      total('berth_gc_condemned_blobs_total', 'Blobs that it has condemned.', this.#condemned),
      total('berth_gc_dropped_links_total', 'Links that it has dropped.', this.#unlinked),
      total('berth_gc_deleted_blobs_total', 'Blobs that it has deleted.', this.#deleted),
      total('berth_gc_freed_bytes_total', 'Bytes of files that are gone for good.', this.#freedBytes),
    ]
  }
}

/** What waits, what is on its way out, and whether anything is collected at all. Throws DatabaseUnavailable. */
export async function describeCollection(registry: Registry): Promise<Metric[]> {
  const { database, policy } = registry
  const reviews = await countReviews(database, Date.now())
  const leaving = await Promise.all(
    (['condemned', 'deleting'] as const).map(async (state) => ({
      labels: { state },
      value: (await countLeaving(database, state)).blobs,
    })),
  )
  const isHeld = (await findHindrance(registry, policy)) !== null
  return [
    now('berth_gc_reviews', 'Blobs that collection is to look at.', reviews.waiting),
    now('berth_gc_reviews_due', 'Of these, those that it may look at now.', reviews.due),
    gauge('berth_gc_leaving_blobs', 'Blobs that are on their way out.', leaving, 'max'),
    now('berth_gc_held', 'Whether something holds collection up: berth gc status says what.', isHeld ? 1 : 0),
  ]
}

function total(name: string, help: string, value: number): Metric {
  return counter(name, help, [{ labels: {}, value }])
}

/** All processes would tell the same. */
function now(name: string, help: string, value: number): Metric {
  return gauge(name, help, [{ labels: {}, value }], 'max')
}
