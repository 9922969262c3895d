/** How collection stands: what it has before it, what is on its way out, and why nothing is collected where that is so. */
import {
  type BlobCounts,
  countLeaving,
  countReviews,
  type ReviewCounts,
} from '../../metadata/collection-status.ts'
import type { RegistryReads } from '../registry.ts'
import { findHindrance } from './hindrance.ts'

export interface CollectionStatus {
  /** What is to be looked at, and when. */
  readonly reviews: ReviewCounts
  readonly condemned: BlobCounts
  readonly deleting: BlobCounts
  /** Why nothing is collected now, as a sentence with what to do; null where it is. */
  readonly heldBy: string | null
}

/** Throws DatabaseUnavailable. */
export async function collectionStatus(
  registry: RegistryReads,
  { isReadOnly }: { readonly isReadOnly: boolean },
): Promise<CollectionStatus> {
  const { database } = registry
  const [reviews, condemned, deleting, heldBy] = await Promise.all([
    countReviews(database, Date.now()),
    countLeaving(database, 'condemned'),
    countLeaving(database, 'deleting'),
    findHindrance(registry, { isReadOnly }),
  ])
  return { reviews, condemned, deleting, heldBy }
}
