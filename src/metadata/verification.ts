/** What is compared with the storage, a page at a time: everything the database knows, in the order of its keys. */
import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { Tag } from '../oci/tag.ts'
import type { UploadId } from '../oci/upload-id.ts'
import type { Read, Row } from './database.ts'
import type { DigestPage, ManifestPlace } from './garbage.ts'
import type { RepositoryId } from './repositories.ts'
import { exists, integer, optionalInteger, text } from './row.ts'

export interface StoredBlob {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  readonly state: string
  readonly epoch: number
}

const BLOB = 'digest, size, state, epoch'

/** All of them: those that are being deleted need have no file any more. */
export function listStoredBlobs(read: Read, page: DigestPage): Promise<StoredBlob[]> {
  return read.all(
    `SELECT ${BLOB} FROM blobs WHERE digest > $1 ORDER BY digest LIMIT $2`,
    [page.after, page.limit],
    storedBlob,
  )
}

export function findStoredBlob(read: Read, digest: Digest): Promise<StoredBlob | null> {
  return read.one(`SELECT ${BLOB} FROM blobs WHERE digest = $1`, [digest], storedBlob)
}

export function hasPayload(read: Read, digest: Digest): Promise<boolean> {
  return exists(read, 'SELECT 1 FROM manifest_payloads WHERE digest = $1', [digest])
}

/** The digests of all manifests whose bytes are known. */
export function listPayloads(read: Read, page: DigestPage): Promise<Digest[]> {
  return read.all(
    'SELECT digest FROM manifest_payloads WHERE digest > $1 ORDER BY digest LIMIT $2',
    [page.after, page.limit],
    digestColumn,
  )
}

export interface KnownRepository {
  readonly id: RepositoryId
  readonly name: RepositoryName
}

/** Null where there is none. */
export function findRepositoryById(read: Read, id: number): Promise<KnownRepository | null> {
  return read.one('SELECT id, name FROM repositories WHERE id = $1', [id], knownRepository)
}

/** The first with an id above `after`, listed or not; null after the last. */
export function findNextRepository(read: Read, after: number): Promise<KnownRepository | null> {
  return read.one(
    'SELECT id, name FROM repositories WHERE id > $1 ORDER BY id LIMIT 1',
    [after],
    knownRepository,
  )
}

/** A blob that a manifest uses. */
export interface UsedBlob {
  readonly digest: Digest
  /** Whether there is such a blob, and the manifest's repository may read it. */
  readonly isHere: boolean
}

/** The blobs that a manifest refers to, and whether its repository can give them. */
export function listUsedBlobs(
  read: Read,
  { repository, manifest }: ManifestPlace,
  page: DigestPage,
): Promise<UsedBlob[]> {
  return read.all(
    `SELECT digest,
       (SELECT state FROM blobs WHERE blobs.digest = manifest_blobs.digest) AS state,
       (SELECT 1 FROM repository_blobs WHERE repository_blobs.repository_id = manifest_blobs.repository_id
        AND repository_blobs.digest = manifest_blobs.digest) AS linked
     FROM manifest_blobs WHERE repository_id = $1 AND manifest = $2 AND digest > $3 ORDER BY digest LIMIT $4`,
    [repository, manifest, page.after, page.limit],
    (row) => ({
      digest: text(row, 'digest') as Digest,
      isHere: row['linked'] !== null && row['state'] !== null && row['state'] !== 'deleting',
    }),
  )
}

/** What an index lists and the repository does not have. At most `limit`. */
export function listLackedChildren(
  read: Read,
  { repository, manifest }: ManifestPlace,
  limit: number,
): Promise<Digest[]> {
  return read.all(
    `SELECT child AS digest FROM manifest_references WHERE repository_id = $1 AND parent = $2 AND
       NOT EXISTS (SELECT 1 FROM manifests WHERE manifests.repository_id = $1
                   AND manifests.digest = manifest_references.child)
       AND NOT EXISTS (SELECT 1 FROM manifest_blobs WHERE manifest_blobs.repository_id = $1
                       AND manifest_blobs.manifest = $2 AND manifest_blobs.digest = manifest_references.child)
     ORDER BY child LIMIT $3`,
    [repository, manifest, limit],
    digestColumn,
  )
}

/** Some of the tags that name a manifest. */
export function listTagsOf(
  read: Read,
  { repository, manifest }: ManifestPlace,
  limit: number,
): Promise<Tag[]> {
  return read.all(
    'SELECT name FROM tags WHERE repository_id = $1 AND digest = $2 LIMIT $3',
    [repository, manifest, limit],
    (row) => text(row, 'name') as Tag,
  )
}

/** When somebody will look whether the digest's bytes may go, in milliseconds since 1970; null where nobody will. */
export function findReviewTime(read: Read, digest: Digest): Promise<number | null> {
  return read.one('SELECT due_at FROM gc_reviews WHERE repository_id = 0 AND digest = $1', [digest], (row) =>
    optionalInteger(row, 'due_at'),
  )
}

export interface StoredUpload {
  readonly id: UploadId
  readonly file: UploadId
  /** Bytes that were acknowledged. */
  readonly received: number
  /** Whether somebody writes it now, or its bytes are being copied: then the file tells nothing. */
  readonly isHeld: boolean
}

export function listUploads(
  read: Read,
  page: { readonly after: string; readonly limit: number },
): Promise<StoredUpload[]> {
  return read.all(
    `SELECT id, file, received, writer IS NOT NULL OR copied_from IS NOT NULL AS is_held FROM uploads
     WHERE id > $1 ORDER BY id LIMIT $2`,
    [page.after, page.limit],
    (row) => ({
      id: text(row, 'id') as UploadId,
      file: text(row, 'file') as UploadId,
      received: integer(row, 'received'),
      isHeld: row['is_held'] === true || row['is_held'] === 1,
    }),
  )
}

function storedBlob(row: Row): StoredBlob {
  return {
    digest: text(row, 'digest') as Digest,
    size: integer(row, 'size'),
    state: text(row, 'state'),
    epoch: integer(row, 'epoch'),
  }
}

function knownRepository(row: Row): KnownRepository {
  return { id: integer(row, 'id') as RepositoryId, name: text(row, 'name') as RepositoryName }
}

function digestColumn(row: Row): Digest {
  return text(row, 'digest') as Digest
}
