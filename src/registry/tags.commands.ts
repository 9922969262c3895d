/** The writes of tags. A tag moves inside the push of a manifest; alone it can only be deleted. */
import { record } from '../events/event.ts'
import { command, type Transaction } from '../metadata/database.ts'
import { holdManifest } from '../metadata/manifests.ts'
import { findRepositoryId, type RepositoryId } from '../metadata/repositories.ts'
import { scheduleReview } from '../metadata/reviews.ts'
import { beginTagInterval, deleteTag, endTagInterval, findTagDigest, pointTag } from '../metadata/tags.ts'
import { createTrash, trashTag } from '../metadata/trash.ts'
import type { Digest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { Tag } from '../oci/tag.ts'
import { markTag, resettleTag } from './tree/marks.ts'

export interface TagMoves {
  readonly tags: readonly Tag[]
  readonly digest: Digest
  readonly mayOverwrite: boolean
  readonly by: string
  /** Milliseconds after which what the tags named before is looked at. */
  readonly lease: number
}

/** Points the tags at the digest, and gives those that named something else, or nothing, before. Throws DENIED. */
export async function moveTags(tx: Transaction, repository: RepositoryId, moves: TagMoves): Promise<Tag[]> {
  const moved: Tag[] = []
  for (const tag of moves.tags.toSorted()) {
    if (await moveTag(tx, repository, tag, moves)) moved.push(tag)
  }
  return moved
}

export interface TagDeletion {
  readonly repository: RepositoryName
  readonly tag: Tag
  readonly by: string
  /** Milliseconds after which what the tag named is looked at. */
  readonly lease: number
}

export const deleteTagCommand = command('tag.delete', async (tx, input: TagDeletion) => {
  const repository = await findRepositoryId(tx, input.repository)
  const digest = repository === null ? null : await deleteTag(tx, repository, input.tag)
  if (repository === null || digest === null) {
    throw new RegistryError('MANIFEST_UNKNOWN', `There is no tag ${input.tag} in ${input.repository}.`)
  }
  await trashTag(tx, await createTrash(tx, repository, 'tag', input.by), input.tag, digest)
  await endTagInterval(tx, repository, input.tag)
  await markTag(tx, repository, input.tag, digest, null)
  await reviewDisplaced(tx, repository, digest, input.lease)
  await record(tx, repository, input.by, { kind: 'tag.deleted', tag: input.tag, digest })
})

export interface TagRestoringMove {
  readonly repository: RepositoryName
  readonly tag: Tag
  readonly digest: Digest
  readonly by: string
  /** Milliseconds after which what the tag named until now is looked at. */
  readonly lease: number
}

/** False where the tag names it already. Throws MANIFEST_UNKNOWN where the manifest is not in the repository. */
export const restoreTagCommand = command(
  'tag.restore',
  async (tx, { repository: name, tag, digest, by, lease }: TagRestoringMove): Promise<boolean> => {
    const repository = await findRepositoryId(tx, name)
    if (repository === null || !(await holdManifest(tx, repository, digest))) {
      throw new RegistryError(
        'MANIFEST_UNKNOWN',
        `The manifest ${digest} is neither in ${name} nor in its trash any more, so the tag ${tag} cannot name it. Push it again.`,
      )
    }
    const moved = await moveTags(tx, repository, { tags: [tag], digest, mayOverwrite: true, by, lease })
    if (moved.length > 0) await record(tx, repository, by, { kind: 'tag.restored', tag, digest })
    return moved.length > 0
  },
)

/** False where the tag names the digest already. Where somebody moves it at the same moment, it is looked at again. */
async function moveTag(
  tx: Transaction,
  repository: RepositoryId,
  tag: Tag,
  { digest, mayOverwrite, by, lease }: TagMoves,
): Promise<boolean> {
  for (;;) {
    const before = await findTagDigest(tx, repository, tag)
    if (before === digest) {
      await resettleTag(tx, repository, tag)
      return false
    }
    if (before !== null && !mayOverwrite) throw existsAlready(tag)
    if (!(await pointTag(tx, repository, tag, { before, digest }))) continue
    if (before !== null) {
      await endTagInterval(tx, repository, tag)
      await reviewDisplaced(tx, repository, before, lease)
    }
    await beginTagInterval(tx, repository, tag, digest, by)
    await markTag(tx, repository, tag, before, digest)
    return true
  }
}

function existsAlready(tag: Tag): RegistryError {
  return new RegistryError('DENIED', `The tag ${tag} exists already, and you may push new tags only.`)
}

/** What a tag no longer names may have become free to collect. */
function reviewDisplaced(
  tx: Transaction,
  repository: RepositoryId,
  digest: Digest,
  lease: number,
): Promise<void> {
  return scheduleReview(tx, { repository, digest, reason: 'tag moved', dueAt: tx.now + lease })
}
