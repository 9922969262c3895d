/**
 * What is put right in a database that was filled from a backup: which blobs there are is told by the storage, and
 * those that were about to go when the backup was made are kept for now. Runs before any server, and alone.
 */
import type { Digest } from '../oci/digest.ts'
import type { Read, Transaction } from './database.ts'
import type { ManifestPlace } from './garbage.ts'
import type { RepositoryId } from './repositories.ts'
import { integer, optionalInteger, text } from './row.ts'
import { noteBlobUsage } from './usage-changes.ts'

/** A blob whose bytes are there lives, and is looked at anew when its lease is over. */
export async function keepRestoredBlob(
  tx: Transaction,
  digest: Digest,
  times: { readonly leaseUntil: number; readonly dueAt: number },
): Promise<void> {
  const revived = await tx.run(`UPDATE blobs SET state = 'live' WHERE digest = $1 AND state = 'deleting'`, [
    digest,
  ])
  if (revived > 0) await noteBlobUsage(tx, [{ repository: 0, digest }])
  await tx.run(`UPDATE blobs SET state = 'live', epoch = epoch + 1, lease_until = $2 WHERE digest = $1`, [
    digest,
    times.leaseUntil,
  ])
  await tx.run(
    `INSERT INTO gc_reviews (repository_id, digest, reason, due_at)
     SELECT 0, digest, 'restored', $2 FROM blobs
     WHERE digest = $1 AND NOT EXISTS (SELECT 1 FROM manifest_blobs WHERE manifest_blobs.digest = blobs.digest)
     ON CONFLICT (repository_id, digest) DO UPDATE SET due_at = excluded.due_at`,
    [digest, times.dueAt],
  )
}

/** A blob whose bytes are nowhere. Links to it stay: they come to life with its next upload. */
export async function forgetRestoredBlob(tx: Transaction, digest: Digest): Promise<void> {
  await tx.run('DELETE FROM blobs WHERE digest = $1', [digest])
  await noteBlobUsage(tx, [{ repository: 0, digest }])
}

/** Manifests in the trash that refer to the blob, at most `limit`. */
export function listTrashUsers(read: Read, digest: Digest, limit: number): Promise<ManifestPlace[]> {
  return read.all(
    `SELECT repository_id, manifest FROM manifest_blobs WHERE digest = $1 AND EXISTS (
       SELECT 1 FROM trashed_manifests WHERE trashed_manifests.digest = manifest_blobs.manifest
         AND trashed_manifests.repository_id = manifest_blobs.repository_id)
     LIMIT $2`,
    [digest, limit],
    (row) => ({ repository: integer(row, 'repository_id'), manifest: text(row, 'manifest') as Digest }),
  )
}

/** In the order in which pages go on. */
export interface RestoredPath {
  readonly repository: RepositoryId
  readonly key: string
}

export interface PathPage {
  readonly after: { readonly repository: number; readonly key: string }
  readonly limit: number
}

const PATHS = {
  revision: { table: 'manifests', key: 'digest' },
  layer: { table: 'repository_blobs', key: 'digest' },
  tag: { table: 'tags', key: 'name' },
} as const

/** What the link tree must show: the manifests, the readable blobs or the tags of all repositories. */
export function listRestoredPaths(
  read: Read,
  kind: keyof typeof PATHS,
  { after, limit }: PathPage,
): Promise<RestoredPath[]> {
  const { table, key } = PATHS[kind]
  return read.all(
    `SELECT repository_id, ${key} AS key FROM ${table} WHERE (repository_id, ${key}) > ($1, $2)
     ORDER BY repository_id, ${key} LIMIT $3`,
    [after.repository, after.key, limit],
    (row) => ({ repository: integer(row, 'repository_id') as RepositoryId, key: text(row, 'key') }),
  )
}

/** What a tag has named since it last did not exist, the newest first, at most `limit`. */
export async function listNamedSinceAbsence(
  read: Read,
  repository: RepositoryId,
  tag: string,
  limit: number,
): Promise<Digest[]> {
  const intervals = await read.all(
    `SELECT digest, from_at, until_at FROM tag_history WHERE repository_id = $1 AND name = $2
     ORDER BY id DESC LIMIT $3`,
    [repository, tag, limit],
    (row) => ({
      digest: text(row, 'digest') as Digest,
      from: integer(row, 'from_at'),
      until: optionalInteger(row, 'until_at'),
    }),
  )
  const end = intervals.findIndex(({ until }, index) => index > 0 && until !== intervals[index - 1]?.from)
  return intervals.slice(0, end < 0 ? intervals.length : end).map(({ digest }) => digest)
}
