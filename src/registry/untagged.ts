/**
 * The rule for untagged manifests: what no tag has named for a certain time, and no index or subject that stays holds,
 * goes into the trash. Nothing goes while anybody could still find out that something names it.
 */
import { findNextManifestReview } from '../metadata/manifest-reviews.ts'
import { findDoubt } from './gc/doubts.ts'
import type { Registry } from './registry.ts'
import { type StepTime, UNLIMITED } from './step-time.ts'
import { findTreeState } from './tree/tree-pass.ts'
import {
  forgetManifestReviewsCommand,
  reviewManifestsCommand,
  seedManifestReviewsCommand,
} from './untagged.commands.ts'

/** How many manifests one write looks at. */
const MANIFESTS_AT_ONCE = 20

export interface ManifestReviewResult {
  /** Nothing is due now. */
  readonly isIdle: boolean
  /** When the next manifest is to be looked at, in milliseconds since 1970; null where none is. */
  readonly nextDueAt: number | null
  /** How many went into the trash. */
  readonly deleted: number
}

const NOTHING_NOW: ManifestReviewResult = { isIdle: true, nextDueAt: null, deleted: 0 }

/**
 * One step of bounded size: looks at about `limit` manifests, or at fewer where its time is over. Throws DatabaseUnavailable, WriterUnavailable, and
 * StorageUnavailable where the tree cannot be written, after what was changed.
 */
export async function reviewManifests(
  registry: Registry,
  { limit, time = UNLIMITED }: { readonly limit: number; readonly time?: StepTime },
): Promise<ManifestReviewResult> {
  const { database, policy } = registry
  const { deleteAfter } = policy.untagged
  if (policy.isReadOnly) return NOTHING_NOW
  if (deleteAfter === null) {
    const forgotten = await database.write(forgetManifestReviewsCommand, { limit })
    return { ...NOTHING_NOW, isIdle: forgotten < limit }
  }
  if (!(await isTreeKnown(registry))) return NOTHING_NOW
  const isSeeded = await database.write(seedManifestReviewsCommand, { deleteAfter })
  let [reviewed, deleted] = [0, 0]
  let isAll = false
  while (!isAll && reviewed < limit && !time.isOver) {
    const step = { deleteAfter, lease: policy.collection.lease, limit: MANIFESTS_AT_ONCE }
    const done = await database.write(reviewManifestsCommand, step)
    isAll = done.reviewed < MANIFESTS_AT_ONCE
    reviewed += done.reviewed
    deleted += done.deleted
  }
  return { isIdle: isSeeded && isAll, nextDueAt: await findNextManifestReview(database), deleted }
}

/** Whether every tag is known that the folder may hold: only then can a manifest be without one. */
async function isTreeKnown({ database, tree }: Registry): Promise<boolean> {
  if (tree === null) return true
  if ((await findTreeState(database, tree.start)) !== 'known') return false
  return (await findDoubt(database, tree.start, { deleteUntagged: true })) === null
}
