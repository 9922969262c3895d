/** What an image takes up, and who else uses it, asked of its own edges: a few rows for each of its digests. */
import type { Digest } from '../oci/digest.ts'
import type { Read } from './database.ts'
import type { ManifestPlace } from './garbage.ts'
import { exists, integer, text } from './row.ts'

/** At most `limit` manifests that refer to the blob and are there: none of those in the trash. */
export function listLiveUsers(read: Read, digest: Digest, limit: number): Promise<ManifestPlace[]> {
  return read.all(
    `SELECT repository_id, manifest FROM manifest_blobs WHERE digest = $1 AND (
       SELECT 1 FROM manifests WHERE manifests.repository_id = manifest_blobs.repository_id
         AND manifests.digest = manifest_blobs.manifest) = 1
     LIMIT $2`,
    [digest, limit],
    (row) => ({ repository: integer(row, 'repository_id'), manifest: text(row, 'manifest') as Digest }),
  )
}

/** At most `limit` indexes of the repository that list the manifest and are there: none of those in the trash. */
export function listLiveParents(
  read: Read,
  { repository, manifest }: ManifestPlace,
  limit: number,
): Promise<Digest[]> {
  return read.all(
    `SELECT parent FROM manifest_references WHERE repository_id = $1 AND child = $2 AND (
       SELECT 1 FROM manifests WHERE manifests.repository_id = manifest_references.repository_id
         AND manifests.digest = manifest_references.parent) = 1
     LIMIT $3`,
    [repository, manifest, limit],
    (row) => text(row, 'parent') as Digest,
  )
}

/** Whether the repository has, or its trash holds, a manifest of this digest. */
export function isManifestKnown(read: Read, { repository, manifest }: ManifestPlace): Promise<boolean> {
  return exists(
    read,
    `SELECT 1 FROM manifests WHERE repository_id = $1 AND digest = $2
     UNION ALL SELECT 1 FROM trashed_manifests WHERE repository_id = $1 AND digest = $2 LIMIT 1`,
    [repository, manifest],
  )
}
