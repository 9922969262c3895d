/** What is asked about one digest by whoever wants to know why it is still here: each a few rows of an index. */
import type { Digest } from '../oci/digest.ts'
import type { UploadId } from '../oci/upload-id.ts'
import type { Read } from './database.ts'
import type { ManifestPlace } from './garbage.ts'
import { exists, integer, optionalInteger, text } from './row.ts'

/** What is known of a blob. Times are milliseconds since 1970 by the database's clock. */
export interface BlobRow {
  /** Bytes. */
  readonly size: number
  readonly state: 'live' | 'condemned' | 'deleting'
  readonly epoch: number
  readonly leaseUntil: number
  /** Null while a manifest refers to it, or until collection has found that none does. */
  readonly unreferencedSince: number | null
  readonly createdAt: number
}

export function findBlobRow(read: Read, digest: Digest): Promise<BlobRow | null> {
  return read.one(
    `SELECT size, state, epoch, lease_until, unreferenced_since, created_at FROM blobs WHERE digest = $1`,
    [digest],
    (row) => ({
      size: integer(row, 'size'),
      state: text(row, 'state') as BlobRow['state'],
      epoch: integer(row, 'epoch'),
      leaseUntil: integer(row, 'lease_until'),
      unreferencedSince: optionalInteger(row, 'unreferenced_since'),
      createdAt: integer(row, 'created_at'),
    }),
  )
}

export interface LinkRow {
  readonly repository: number
  readonly linkedAt: number
}

/** At most `limit` repositories through which the blob may be read. */
export function listLinksOf(read: Read, digest: Digest, limit: number): Promise<LinkRow[]> {
  return read.all(
    `SELECT repository_id, linked_at FROM repository_blobs WHERE digest = $1 LIMIT $2`,
    [digest, limit],
    (row) => ({ repository: integer(row, 'repository_id'), linkedAt: integer(row, 'linked_at') }),
  )
}

export interface ClosingUpload {
  readonly id: UploadId
  readonly repository: number
}

/** At most `limit` uploads that are about to make the digest a blob. */
export function listClosingUploads(read: Read, digest: Digest, limit: number): Promise<ClosingUpload[]> {
  return read.all(
    `SELECT id, repository_id FROM uploads WHERE closing = $1 LIMIT $2`,
    [digest, limit],
    (row) => ({ id: text(row, 'id') as UploadId, repository: integer(row, 'repository_id') }),
  )
}

export interface ReviewRow {
  readonly reason: string
  readonly dueAt: number
}

/** When collection looks at a blob next, and why. */
export function findBlobReview(read: Read, digest: Digest): Promise<ReviewRow | null> {
  return read.one(
    `SELECT reason, due_at FROM gc_reviews WHERE repository_id = 0 AND digest = $1`,
    [digest],
    (row) => ({ reason: text(row, 'reason'), dueAt: integer(row, 'due_at') }),
  )
}

/** When a manifest in the trash was deleted last; null where none of this digest lies there. */
export function findDeletedAt(read: Read, { repository, manifest }: ManifestPlace): Promise<number | null> {
  return read.one(
    `SELECT max((SELECT deleted_at FROM trash WHERE trash.id = trashed_manifests.trash_id)) AS deleted_at
     FROM trashed_manifests WHERE digest = $1 AND repository_id = $2`,
    [manifest, repository],
    (row) => optionalInteger(row, 'deleted_at'),
  )
}

/** At most `limit` repositories whose trash holds the manifest. */
export function listTrashesWithManifest(read: Read, digest: Digest, limit: number): Promise<number[]> {
  return read.all(
    `SELECT repository_id FROM trashed_manifests WHERE digest = $1 LIMIT $2`,
    [digest, limit],
    (row) => integer(row, 'repository_id'),
  )
}

/** Whether the link tree may still show a link to the blob: for so long its bytes stay. */
export function hasLayerMark(read: Read, digest: Digest): Promise<boolean> {
  return exists(read, `SELECT 1 FROM tree_dirty WHERE kind = 'layer' AND key = $1 LIMIT 1`, [digest])
}
