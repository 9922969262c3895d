/**
 * The writes of the rule for untagged manifests. Each looks once more, holding the manifest, before it lets one go: a
 * push of a tag, or of an index that lists it, comes before or after.
 */
import { record } from '../events/event.ts'
import { command, type Transaction } from '../metadata/database.ts'
import {
  type DigestPage,
  findSubject,
  listChildren,
  listParents,
  type ManifestPlace,
} from '../metadata/garbage.ts'
import {
  endManifestReview,
  findUntaggedSince,
  listDueManifestReviews,
  listManifestPlaces,
  type ManifestReview,
} from '../metadata/manifest-reviews.ts'
import { holdManifest } from '../metadata/manifests.ts'
import { listReferrerKeys, type ReferrerPlace } from '../metadata/referrers.ts'
import type { RepositoryId } from '../metadata/repositories.ts'
import { scheduleReview } from '../metadata/reviews.ts'
import { findSetting, forgetSetting, putSetting } from '../metadata/settings.ts'
import { createTrash, findKeptTrashWith, holdTrash, type TrashId } from '../metadata/trash.ts'
import type { Digest } from '../oci/digest.ts'
import { takeManifestAway } from './deleted-manifests.ts'
import { Kept } from './gc/kept.ts'
import { everyDigest } from './tree/torn-links.ts'

/** Who deletes what no tag names, in the trash and in events. */
export const UNTAGGED_RULE = 'the rule for untagged images'

/** How far the rule has gone through what was there before it was set. */
const SEEDED_SETTING = 'untagged.seeded'

const PLACES_AT_ONCE = 500
const REFERRERS_AT_ONCE = 500
/** What goes within this time of what it hung on, goes into the same deletion, and comes back with it. Milliseconds. */
const SAME_DELETION = 24 * 60 * 60_000

export interface ReviewStep {
  /** How long a manifest must have been without anything that names it, in milliseconds. */
  readonly deleteAfter: number
  readonly lease: number
  readonly limit: number
}

export interface ReviewedManifests {
  readonly reviewed: number
  readonly deleted: number
}

/** Looks at the manifests that are due, at most `limit`. */
export const reviewManifestsCommand = command(
  'untagged.review',
  async (tx, step: ReviewStep): Promise<ReviewedManifests> => {
    const reviews = await listDueManifestReviews(tx, { now: tx.now, limit: step.limit })
    let deleted = 0
    for (const review of reviews) if (await reviewManifest(tx, review, step)) deleted++
    return { reviewed: reviews.length, deleted }
  },
)

/** Where there is no rule, nobody looks: forgets what is due, at most `limit`, and gives how many. */
export const forgetManifestReviewsCommand = command(
  'untagged.forget',
  async (tx, { limit }: { readonly limit: number }): Promise<number> => {
    await forgetSetting(tx, SEEDED_SETTING)
    const reviews = await listDueManifestReviews(tx, { now: tx.now, limit })
    for (const review of reviews) await endManifestReview(tx, review)
    return reviews.length
  },
  { durable: false },
)

/** Has manifests looked at that were there before the rule, some at a time. True when all of them have been asked for. */
export const seedManifestReviewsCommand = command(
  'untagged.seed',
  async (tx, { deleteAfter }: Pick<ReviewStep, 'deleteAfter'>): Promise<boolean> => {
    const after = seededUpTo(await findSetting(tx, SEEDED_SETTING), deleteAfter)
    if (after === null) return true
    const places = await listManifestPlaces(tx, { after, limit: PLACES_AT_ONCE })
    for (const { repository, manifest: digest } of places) {
      await scheduleReview(tx, { repository, digest, reason: 'rule for untagged images', dueAt: tx.now })
    }
    const last = places.length < PLACES_AT_ONCE ? null : (places.at(-1) ?? null)
    await putSetting(tx, SEEDED_SETTING, JSON.stringify([deleteAfter, last]))
    return last === null
  },
)

/** Null where all have been asked for under this very rule. */
function seededUpTo(
  setting: string | null,
  deleteAfter: number,
): { readonly repository: number; readonly manifest: string } | null {
  const [rule, last] =
    setting === null ? [null, null] : (JSON.parse(setting) as [number, ManifestPlace | null])
  return rule === deleteAfter ? last : { repository: 0, manifest: '' }
}

/** True where the manifest went into the trash. */
async function reviewManifest(
  tx: Transaction,
  review: ManifestReview,
  { deleteAfter, lease }: ReviewStep,
): Promise<boolean> {
  await endManifestReview(tx, review)
  const repository = review.repository as RepositoryId
  const digest = review.manifest
  if (!(await holdManifest(tx, repository, digest))) {
    await reviewDependents(tx, repository, digest)
    return false
  }
  const untaggedBefore = tx.now - deleteAfter
  const isKept = await new Kept(tx, { deleteUntagged: true, untaggedBefore }).isKept(review)
  if (isKept) {
    await lookAgain(tx, review, deleteAfter)
    return false
  }
  const trash = await deletionFor(tx, repository, digest)
  const { tags } = await takeManifestAway(tx, { repository, trash, digest, lease })
  await record(tx, repository, UNTAGGED_RULE, { kind: 'manifest.deleted', digest, tags })
  await reviewDependents(tx, repository, digest)
  return true
}

/** When its time will be over. What something else holds is looked at when that goes. */
async function lookAgain(
  tx: Transaction,
  { repository, manifest: digest }: ManifestReview,
  deleteAfter: number,
): Promise<void> {
  const since = await findUntaggedSince(tx, repository, digest)
  const dueAt = (since ?? tx.now) + deleteAfter + 1
  if (dueAt > tx.now) await scheduleReview(tx, { repository, digest, reason: 'without a tag', dueAt })
}

/** What was held by a manifest that has gone: what it lists, and what is about it. */
async function reviewDependents(tx: Transaction, repository: RepositoryId, digest: Digest): Promise<void> {
  const list = (page: DigestPage) => listChildren(tx, repository, digest, page)
  for await (const child of everyDigest(list)) await reviewAtOnce(tx, repository, child)
  for (let after: ReferrerPlace = { artifactType: '', digest: '' }; ; ) {
    const page = { after, which: 'all', limit: REFERRERS_AT_ONCE } as const
    const referrers = await listReferrerKeys(tx, repository, digest, page)
    for (const referrer of referrers) await reviewAtOnce(tx, repository, referrer.digest)
    const last = referrers.at(-1)
    if (last === undefined || referrers.length < REFERRERS_AT_ONCE) return
    after = last
  }
}

function reviewAtOnce(tx: Transaction, repository: RepositoryId, digest: Digest): Promise<void> {
  return scheduleReview(tx, { repository, digest, reason: 'what held it has gone', dueAt: tx.now })
}

/** The deletion of what it hung on, where that has just gone; else a new one. */
async function deletionFor(tx: Transaction, repository: RepositoryId, digest: Digest): Promise<TrashId> {
  const subject = await findSubject(tx, repository, digest)
  const parents = await listParents(tx, repository, digest, { after: '', limit: 10 })
  for (const holder of subject === null ? parents : [subject, ...parents]) {
    const trash = await findKeptTrashWith(tx, repository, holder, tx.now - SAME_DELETION)
    if (trash !== null && (await holdTrash(tx, trash, 'kept')) !== null) return trash
  }
  return await createTrash(tx, repository, 'manifest', UNTAGGED_RULE)
}
