/** How collection stands: what it has before it, what is on its way out, and why nothing is collected where that is so. */
import {
  type BlobCounts,
  countLeaving,
  countReviews,
  type ReviewCounts,
} from '../../metadata/collection-status.ts'
import { findTotals, NOTHING, type Total } from '../../metadata/usage.ts'
import type { Registry } from '../registry.ts'
import { findHindrance } from './hindrance.ts'

export interface CollectionStatus {
  /** What is to be looked at, and when. */
  readonly reviews: ReviewCounts
  /** What manifests use, what only the trash does, and what nothing does any more, as it was counted last. */
  readonly live: Total
  readonly trash: Total
  readonly reclaimable: Total
  /** Nothing refers to them: they come back where a push names them. */
  readonly condemned: BlobCounts
  /** Their links are gone, and their bytes go next. */
  readonly deleting: BlobCounts
  /** Files that are out of their place, and take up space until nobody can be pushing them. */
  readonly aside: BlobCounts
  /** Why nothing is collected now, as a sentence with what to do; null where it is. */
  readonly heldBy: string | null
}

export interface CollectionPlace {
  /** Whether a server runs, which collects all the time. */
  readonly isServed: boolean
  /** Whether it shall. */
  readonly isEnabled: boolean
}

/** Throws DatabaseUnavailable, StorageUnavailable. */
export async function collectionStatus(
  registry: Registry,
  place: CollectionPlace,
): Promise<CollectionStatus> {
  const { database } = registry
  const totals = await findTotals(database, 0)
  return {
    reviews: await countReviews(database, Date.now()),
    live: totals.get('live') ?? NOTHING,
    trash: totals.get('trash') ?? NOTHING,
    reclaimable: totals.get('reclaimable') ?? NOTHING,
    condemned: await countLeaving(database, 'condemned'),
    deleting: await countLeaving(database, 'deleting'),
    aside: await countAside(registry),
    heldBy: await findReason(registry, place),
  }
}

async function findReason(
  registry: Registry,
  { isServed, isEnabled }: CollectionPlace,
): Promise<string | null> {
  if (!isEnabled) return DISABLED
  return isServed ? await findHindrance(registry, registry.policy) : NOT_SERVED
}

const DISABLED =
  'It is switched off (berth.collection.enabled): berth gc run collects now, and a server does it again when that is true.'
const NOT_SERVED = 'No server runs on this folder. Start it, or collect now with berth gc run.'

/** One after another: there may be very many. */
async function countAside({ blobs }: Registry): Promise<BlobCounts> {
  const counts = { blobs: 0, bytes: 0 }
  for await (const { size } of blobs.listCondemned()) {
    counts.blobs++
    counts.bytes += size
  }
  return counts
}
