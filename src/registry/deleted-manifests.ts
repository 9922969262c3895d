/** How a manifest goes into the trash, inside the command that deletes it or its repository. */
import type { Transaction } from '../metadata/database.ts'
import { deleteManifest } from '../metadata/manifests.ts'
import type { RepositoryId } from '../metadata/repositories.ts'
import { scheduleReview } from '../metadata/reviews.ts'
import { deleteTagsOf, endTagInterval } from '../metadata/tags.ts'
import { type TrashId, trashManifest, trashTag } from '../metadata/trash.ts'
import { noteManifestUsage } from '../metadata/usage-changes.ts'
import type { Digest } from '../oci/digest.ts'
import type { Tag } from '../oci/tag.ts'
import { markRevisionRemoved, markTag } from './tree/marks.ts'

/** Nobody waits for more than this many tags to go. */
const TAGS_AT_ONCE = 500

export interface ManifestTaking {
  readonly repository: RepositoryId
  readonly trash: TrashId
  readonly digest: Digest
  /** Milliseconds after which what hung on the manifest is looked at. */
  readonly lease: number
}

export interface TakenManifest {
  readonly tags: readonly Tag[]
  /** `more tags`: only tags went, and there are more, so the manifest is still there. */
  readonly outcome: 'gone' | 'more tags' | 'not there'
}

/** Its edges and bytes stay for as long as the trash may want them back. */
export async function takeManifestAway(tx: Transaction, taking: ManifestTaking): Promise<TakenManifest> {
  const { repository, trash, digest, lease } = taking
  const tags = await untag(tx, taking)
  if (tags.length === TAGS_AT_ONCE) return { tags, outcome: 'more tags' }
  await trashManifest(tx, trash, repository, digest)
  if (!(await deleteManifest(tx, repository, digest))) return { tags, outcome: 'not there' }
  // A push that held the manifest until now has given it its tags.
  tags.push(...(await untag(tx, taking)))
  await noteManifestUsage(tx, repository, [digest])
  await markRevisionRemoved(tx, repository, digest)
  await scheduleReview(tx, { repository, digest, reason: 'manifest deleted', dueAt: tx.now + lease })
  return { tags, outcome: 'gone' }
}

async function untag(tx: Transaction, { repository, trash, digest }: ManifestTaking): Promise<Tag[]> {
  const tags = await deleteTagsOf(tx, repository, digest, TAGS_AT_ONCE)
  for (const tag of tags) {
    await trashTag(tx, trash, tag, digest)
    await endTagInterval(tx, repository, tag)
    await markTag(tx, repository, tag, digest, null)
  }
  return tags
}
