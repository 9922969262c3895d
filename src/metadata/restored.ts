/**
 * What is put right in a database that was filled from a backup: which blobs there are is told by the storage, and
 * those that were about to go when the backup was made are kept for now. Runs before any server, and alone.
 */
import type { Digest } from '../oci/digest.ts'
import type { Read, Transaction } from './database.ts'
import type { ManifestPlace } from './garbage.ts'
import { integer, text } from './row.ts'

export interface StoredBlob {
  readonly digest: Digest
  readonly size: number
}

/** Every blob of the database, whatever its state, in order of the digests. */
export function listAllBlobs(
  read: Read,
  page: { readonly after: string; readonly limit: number },
): Promise<StoredBlob[]> {
  return read.all(
    'SELECT digest, size FROM blobs WHERE digest > $1 ORDER BY digest LIMIT $2',
    [page.after, page.limit],
    (row) => ({ digest: text(row, 'digest') as Digest, size: integer(row, 'size') }),
  )
}

/** A blob whose bytes are there lives, and is looked at anew when its lease is over. */
export async function keepRestoredBlob(
  tx: Transaction,
  digest: Digest,
  times: { readonly leaseUntil: number; readonly dueAt: number },
): Promise<void> {
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
}

/** Manifests in the trash that refer to the blob, at most `limit`. */
export function listTrashUsers(read: Read, digest: Digest, limit: number): Promise<ManifestPlace[]> {
  return read.all(
    `SELECT repository_id, manifest FROM manifest_blobs WHERE digest = $1 AND EXISTS (
       SELECT 1 FROM trashed_manifests WHERE trashed_manifests.digest = manifest_blobs.manifest
         AND trashed_manifests.repository_id = manifest_blobs.repository_id)
     ORDER BY repository_id, manifest LIMIT $2`,
    [digest, limit],
    (row) => ({ repository: integer(row, 'repository_id'), manifest: text(row, 'manifest') as Digest }),
  )
}
