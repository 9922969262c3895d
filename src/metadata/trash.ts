/** What was deleted and can still come back: tables of its own, so that no other statement must remember to look away. */
import type { Digest } from '../oci/digest.ts'
import type { Tag } from '../oci/tag.ts'
import type { Transaction } from './database.ts'
import type { RepositoryId } from './repositories.ts'
import { integer } from './row.ts'

export type TrashId = number & { readonly kind: 'trash-id' }

/** Opens one deletion; everything that it takes along hangs on its id. */
export async function createTrash(
  tx: Transaction,
  repository: RepositoryId,
  what: 'tag' | 'manifest',
  deletedBy: string,
): Promise<TrashId> {
  const id = await tx.one(
    `INSERT INTO trash (repository_id, what, deleted_by, deleted_at) VALUES ($1, $2, $3, $4) RETURNING id`,
    [repository, what, deletedBy, tx.now],
    (row) => integer(row, 'id') as TrashId,
  )
  if (id === null) throw new Error('the trash gave no id')
  return id
}

/** Copies a manifest's row into the trash. */
export async function trashManifest(
  tx: Transaction,
  trash: TrashId,
  repository: RepositoryId,
  digest: Digest,
): Promise<void> {
  await tx.run(
    `INSERT INTO trashed_manifests (trash_id, repository_id, digest, media_type, artifact_type, subject, annotations, annotations_length, size, pushed_by, created_at)
     SELECT $1, repository_id, digest, media_type, artifact_type, subject, annotations, annotations_length, size, pushed_by, created_at
     FROM manifests WHERE repository_id = $2 AND digest = $3`,
    [trash, repository, digest],
  )
}

export async function trashTag(tx: Transaction, trash: TrashId, tag: Tag, digest: Digest): Promise<void> {
  await tx.run(`INSERT INTO trashed_tags (trash_id, name, digest) VALUES ($1, $2, $3)`, [trash, tag, digest])
}
