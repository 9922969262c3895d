/** How collection stands: what it has before it, what is on its way out, and why nothing is collected where that is so. */
import {
  type BlobCounts,
  countLeaving,
  countReviews,
  type ReviewCounts,
} from '../../metadata/collection-status.ts'
import type { RegistryReads } from '../registry.ts'
import { findTreeState } from '../tree/tree-pass.ts'
import { findDoubt } from './doubts.ts'

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
    isReadOnly ? READ_ONLY : findHindrance(registry),
  ])
  return { reviews, condemned, deleting, heldBy }
}

const READ_ONLY =
  'The registry is in read-only mode (storage.maintenance.readonly): nothing is collected until that is false.'

/** Why nothing of the tree may be condemned in this start, as a sentence; null where it may. */
async function findHindrance({ database, tree }: RegistryReads): Promise<string | null> {
  if (tree === null) return null
  switch (await findTreeState(database, tree.start)) {
    case 'unknown':
      return 'The images are being gone through after the start: nothing is collected until that has ended.'
    case 'partly known':
      return (
        'A repository could not be read since the start, so nothing is collected. ' +
        'The log says which: mend its folder, and start Berth again.'
      )
    case 'known':
      return await findDoubt(database, tree.start, { deleteUntagged: false })
  }
}
