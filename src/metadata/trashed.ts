/**
 * What lies in the trash: manifests' rows, tags, and the links of deleted repositories. The edges of a trashed
 * manifest stay where they are, so that its blobs are kept.
 *
 * Whoever makes a manifest live again, or takes its edges away, holds its trashed rows first (`holdTrashedManifest`):
 * so a push of the same manifest and the emptying of the trash never cross.
 */
import type { Digest } from '../oci/digest.ts'
import type { Tag } from '../oci/tag.ts'
import type { Read, Row, Transaction } from './database.ts'
import { findDigestsAmong } from './digests-among.ts'
import type { DigestPage } from './garbage.ts'
import type { RepositoryId } from './repositories.ts'
import { exists, integer, optionalInteger, text } from './row.ts'
import type { TrashId } from './trash.ts'

/** How much hangs on a deletion. */
export interface TrashedCounts {
  readonly manifests: number
  /** Of the manifests themselves, without their layers. */
  readonly bytes: number
  readonly tags: number
}

export async function countTrashed(read: Read, id: TrashId): Promise<TrashedCounts> {
  const counts = await read.one(
    `SELECT count(*) AS manifests, sum(size) AS bytes,
       (SELECT count(*) FROM trashed_tags WHERE trash_id = $1) AS tags
     FROM trashed_manifests WHERE trash_id = $1`,
    [id],
    (row) => ({
      manifests: integer(row, 'manifests'),
      bytes: optionalInteger(row, 'bytes') ?? 0,
      tags: integer(row, 'tags'),
    }),
  )
  return counts ?? { manifests: 0, bytes: 0, tags: 0 }
}

export function listTrashedManifests(read: Read, id: TrashId, page: DigestPage): Promise<Digest[]> {
  return read.all(
    `SELECT digest FROM trashed_manifests WHERE trash_id = $1 AND digest > $2 ORDER BY digest LIMIT $3`,
    [id, page.after, page.limit],
    digestColumn,
  )
}

export interface TrashedTag {
  readonly name: Tag
  readonly digest: Digest
}

export function listTrashedTags(
  read: Read,
  id: TrashId,
  page: { readonly after: string; readonly limit: number },
): Promise<TrashedTag[]> {
  return read.all(
    `SELECT name, digest FROM trashed_tags WHERE trash_id = $1 AND name > $2 ORDER BY name LIMIT $3`,
    [id, page.after, page.limit],
    (row) => ({ name: text(row, 'name') as Tag, digest: text(row, 'digest') as Digest }),
  )
}

export function listTrashedLinks(read: Read, id: TrashId, page: DigestPage): Promise<Digest[]> {
  return read.all(
    `SELECT digest FROM trashed_blobs WHERE trash_id = $1 AND digest > $2 ORDER BY digest LIMIT $3`,
    [id, page.after, page.limit],
    digestColumn,
  )
}

/** What an index lists, lies in the trash, and is not in the repository: without it the index is not whole. */
export function listTrashedChildren(
  read: Read,
  repository: RepositoryId,
  parent: Digest,
  page: DigestPage,
): Promise<Digest[]> {
  return read.all(
    `SELECT child AS digest FROM manifest_references
     WHERE repository_id = $1 AND parent = $2 AND child > $3
     AND (SELECT 1 FROM trashed_manifests WHERE trashed_manifests.digest = child AND trashed_manifests.repository_id = $1 LIMIT 1) = 1
     AND (SELECT 1 FROM manifests WHERE manifests.repository_id = $1 AND manifests.digest = child) IS NULL
     ORDER BY child LIMIT $4`,
    [repository, parent, page.after, page.limit],
    digestColumn,
  )
}

/** Holds what the trash has of this manifest of this repository until the transaction ends. False: it has nothing. */
export async function holdTrashedManifest(
  tx: Transaction,
  repository: RepositoryId,
  digest: Digest,
): Promise<boolean> {
  const held = await tx.run(
    `UPDATE trashed_manifests SET size = size WHERE digest = $2 AND repository_id = $1`,
    [repository, digest],
  )
  return held > 0
}

/** Makes a manifest's row of its newest one in the trash, with the time of its push. False where the repository has it already. */
export async function insertTrashedManifest(
  tx: Transaction,
  repository: RepositoryId,
  digest: Digest,
): Promise<boolean> {
  const inserted = await tx.run(
    `INSERT INTO manifests (repository_id, digest, media_type, artifact_type, subject, annotations, annotations_length, size, pushed_by, created_at, restored_at)
     SELECT repository_id, digest, media_type, artifact_type, subject, annotations, annotations_length, size, pushed_by, created_at, CAST($3 AS BIGINT)
     FROM trashed_manifests WHERE digest = $2 AND repository_id = $1 ORDER BY trash_id DESC LIMIT 1
     ON CONFLICT (repository_id, digest) DO NOTHING`,
    [repository, digest, tx.now],
  )
  return inserted === 1
}

/** Takes a manifest out of one deletion. */
export async function dropTrashedManifest(tx: Transaction, id: TrashId, digest: Digest): Promise<void> {
  await tx.run(`DELETE FROM trashed_manifests WHERE trash_id = $1 AND digest = $2`, [id, digest])
}

export async function dropTrashedTag(tx: Transaction, id: TrashId, tag: Tag): Promise<void> {
  await tx.run(`DELETE FROM trashed_tags WHERE trash_id = $1 AND name = $2`, [id, tag])
}

export async function dropTrashedLink(tx: Transaction, id: TrashId, digest: Digest): Promise<void> {
  await tx.run(`DELETE FROM trashed_blobs WHERE trash_id = $1 AND digest = $2`, [id, digest])
}

/** Those of the blobs that the repository could read before it was deleted. */
export function findTrashedLinks(
  read: Read,
  repository: RepositoryId,
  digests: readonly Digest[],
): Promise<Set<Digest>> {
  const rows = 'trashed_blobs WHERE repository_id = $1 AND digest = column1'
  return findDigestsAmong(read, repository, digests, rows)
}

/** True where the repository could read the blob before it was deleted; then the trash forgets that. */
export async function takeTrashedLink(
  tx: Transaction,
  repository: RepositoryId,
  digest: Digest,
): Promise<boolean> {
  const taken = await tx.run(`DELETE FROM trashed_blobs WHERE repository_id = $1 AND digest = $2`, [
    repository,
    digest,
  ])
  return taken > 0
}

/** A manifest of the repository that lies in the trash and uses the blob. */
export async function findTrashedUser(
  read: Read,
  repository: RepositoryId,
  blob: Digest,
): Promise<TrashId | null> {
  return await read.one(
    `SELECT (SELECT max(trash_id) FROM trashed_manifests
       WHERE trashed_manifests.digest = manifest_blobs.manifest AND trashed_manifests.repository_id = $1) AS trash_id
     FROM manifest_blobs WHERE digest = $2 AND repository_id = $1
     AND (SELECT 1 FROM trashed_manifests
       WHERE trashed_manifests.digest = manifest_blobs.manifest AND trashed_manifests.repository_id = $1 LIMIT 1) = 1
     LIMIT 1`,
    [repository, blob],
    (row) => integer(row, 'trash_id') as TrashId,
  )
}

/** Whether a manifest that the repository has now refers to the blob. */
export function hasLiveUser(read: Read, repository: RepositoryId, blob: Digest): Promise<boolean> {
  return exists(
    read,
    `SELECT 1 FROM manifest_blobs WHERE digest = $2 AND repository_id = $1
     AND (SELECT 1 FROM manifests
       WHERE manifests.repository_id = $1 AND manifests.digest = manifest_blobs.manifest) = 1 LIMIT 1`,
    [repository, blob],
  )
}

/** Forgets what a manifest refers to, and gives the blobs, in the order of their digests. */
export async function dropEdges(
  tx: Transaction,
  repository: RepositoryId,
  manifest: Digest,
): Promise<Digest[]> {
  await tx.run(`DELETE FROM manifest_references WHERE repository_id = $1 AND parent = $2`, [
    repository,
    manifest,
  ])
  const blobs = await tx.all(
    `DELETE FROM manifest_blobs WHERE repository_id = $1 AND manifest = $2 RETURNING digest`,
    [repository, manifest],
    digestColumn,
  )
  return blobs.sort()
}

function digestColumn(row: Row): Digest {
  return text(row, 'digest') as Digest
}
