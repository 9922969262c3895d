/** The writes of `garbage-collect`: what it has found may be needed by now, so each looks once more. */
import { record } from '../../events/event.ts'
import { command } from '../../metadata/database.ts'
import { holdManifest } from '../../metadata/manifests.ts'
import { findRepositoryId } from '../../metadata/repositories.ts'
import { findBlobReviews, scheduleReview } from '../../metadata/reviews.ts'
import { createTrash, type TrashId } from '../../metadata/trash.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { takeManifestAway } from '../deleted-manifests.ts'
import { Kept } from './kept.ts'

export interface UntaggedManifests {
  readonly repository: RepositoryName
  /** A few: all of them go, or stay, in one write. */
  readonly digests: readonly Digest[]
  readonly by: string
  /** Milliseconds after which what they needed is looked at. */
  readonly lease: number
  /** Only those that nothing has named since then, in milliseconds since 1970, and for a lease; null: all. */
  readonly untaggedBefore: number | null
}

/** Puts manifests into the trash that nothing names, and gives how many: one that has been given a tag meanwhile stays. */
export const takeUntaggedCommand = command(
  'gc.take-untagged',
  async (
    tx,
    { repository: name, digests, by, lease, untaggedBefore }: UntaggedManifests,
  ): Promise<number> => {
    const repository = await findRepositoryId(tx, name)
    if (repository === null) return 0
    // By the database's clock too, for this machine's may be ahead.
    const youth = untaggedBefore === null ? {} : { untaggedBefore: Math.min(untaggedBefore, tx.now - lease) }
    const kept = new Kept(tx, { deleteUntagged: true, ...youth })
    let trash: TrashId | null = null
    let taken = 0
    for (const digest of digests.toSorted()) {
      if (!(await holdManifest(tx, repository, digest))) continue
      if (await kept.isKept({ repository, manifest: digest })) continue
      trash ??= await createTrash(tx, repository, 'manifest', by)
      await takeManifestAway(tx, { repository, trash, digest, lease })
      await record(tx, repository, by, { kind: 'manifest.deleted', digest, tags: [] })
      taken++
    }
    return taken
  },
)

/** Has collection look at bytes that nothing seems to need, and nobody was to look at. */
export const reviewGarbageCommand = command(
  'gc.review-garbage',
  async (tx, input: { readonly digests: readonly Digest[] }): Promise<void> => {
    const known = new Set((await findBlobReviews(tx, input.digests)).map(({ digest }) => digest))
    for (const digest of input.digests.toSorted()) {
      if (known.has(digest)) continue
      await scheduleReview(tx, { repository: 0, digest, reason: 'found by garbage-collect', dueAt: tx.now })
    }
  },
)
