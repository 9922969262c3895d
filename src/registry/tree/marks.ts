/** Says, inside a command, which paths of distribution's link tree its change shows in. */
import type { Transaction } from '../../metadata/database.ts'
import type { RepositoryId } from '../../metadata/repositories.ts'
import type { TornLink } from '../../metadata/torn-files.ts'
import { markTree, resettleTree } from '../../metadata/tree.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/tag.ts'

/** A tag now names `after`; null stands for no tag at all. */
export function markTag(
  tx: Transaction,
  repository: RepositoryId,
  tag: Tag,
  before: Digest | null,
  after: Digest | null,
): Promise<void> {
  return markTree(tx, { kind: 'tag', repositoryId: repository, key: tag }, { before, after })
}

export function markRevisionAdded(tx: Transaction, repository: RepositoryId, digest: Digest): Promise<void> {
  return markTree(
    tx,
    { kind: 'revision', repositoryId: repository, key: digest },
    { before: null, after: digest },
  )
}

export function markRevisionRemoved(
  tx: Transaction,
  repository: RepositoryId,
  digest: Digest,
): Promise<void> {
  return markTree(
    tx,
    { kind: 'revision', repositoryId: repository, key: digest },
    { before: digest, after: null },
  )
}

export function markLayerAdded(tx: Transaction, repository: RepositoryId, digest: Digest): Promise<void> {
  return markTree(
    tx,
    { kind: 'layer', repositoryId: repository, key: digest },
    { before: null, after: digest },
  )
}

export function markLayerRemoved(tx: Transaction, repository: RepositoryId, digest: Digest): Promise<void> {
  return markTree(
    tx,
    { kind: 'layer', repositoryId: repository, key: digest },
    { before: digest, after: null },
  )
}

/** Once its links are gone, the folders of a deleted repository go too: registry:2 lists what has folders. */
export function markRepositoryDeleted(tx: Transaction, repository: RepositoryId): Promise<void> {
  const mark = { kind: 'repository', repositoryId: repository, key: 'folder' } as const
  return markTree(tx, mark, { before: null, after: null })
}

/** A link is written anew: what its file holds tells nothing, and that it is not there would be another registry's doing. */
export function markTornLink(
  tx: Transaction,
  repository: RepositoryId,
  { what, key }: TornLink,
): Promise<void> {
  return markTree(tx, { kind: what, repositoryId: repository, key }, { before: key, after: key })
}

/** A manifest's bytes are also a blob of the tree, which all repositories share. */
export function markPayloadAdded(tx: Transaction, digest: Digest): Promise<void> {
  return markTree(tx, { kind: 'payload', repositoryId: 0, key: digest }, { before: null, after: digest })
}

/** The tag names this digest already: the answer waits until the tree shows it, should it not do so yet. */
export function resettleTag(tx: Transaction, repository: RepositoryId, tag: Tag): Promise<void> {
  return resettleTree(tx, { kind: 'tag', repositoryId: repository, key: tag })
}

/** As `resettleTag`, for a manifest that the repository has already. */
export async function resettleManifest(
  tx: Transaction,
  repository: RepositoryId,
  digest: Digest,
): Promise<void> {
  await resettleTree(tx, { kind: 'payload', repositoryId: 0, key: digest })
  await resettleTree(tx, { kind: 'revision', repositoryId: repository, key: digest })
}

/** As `resettleTag`, for a blob that the repository links already. */
export function resettleLayer(tx: Transaction, repository: RepositoryId, digest: Digest): Promise<void> {
  return resettleTree(tx, { kind: 'layer', repositoryId: repository, key: digest })
}
