/** Blobs and their links: which content exists, how long it must, and which repositories may read it. */
import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { Read, Transaction } from './database.ts'
import { findDigestsAmong } from './digests-among.ts'
import { insertRows } from './many-rows.ts'
import type { RepositoryId } from './repositories.ts'
import { exists, integer, optionalInteger, text } from './row.ts'

/** The size in bytes of a blob that the repository links, or null. The hot read of every blob GET and HEAD, so without a join. */
export function findLinkedBlobSize(
  read: Read,
  repository: RepositoryName,
  digest: Digest,
): Promise<number | null> {
  return read.one(
    `SELECT size FROM blobs WHERE digest = (
       SELECT repository_blobs.digest FROM repository_blobs
       WHERE repository_id = (SELECT id FROM repositories WHERE name = $1) AND repository_blobs.digest = $2)`,
    [repository, digest],
    (row) => integer(row, 'size'),
  )
}

export function isBlobLinked(read: Read, repository: RepositoryId, digest: Digest): Promise<boolean> {
  return exists(read, `SELECT 1 FROM repository_blobs WHERE repository_id = $1 AND digest = $2`, [
    repository,
    digest,
  ])
}

/** Those of the digests that the repository links. */
export function findLinkedBlobs(
  read: Read,
  repository: RepositoryId,
  digests: readonly Digest[],
): Promise<Set<Digest>> {
  const rows = 'repository_blobs WHERE repository_id = $1 AND digest = column1'
  return findDigestsAmong(read, repository, digests, rows)
}

/** Stores what is known of content that has just become durable, or keeps what was known. False: the blob is being deleted. */
export async function insertBlob(
  tx: Transaction,
  digest: Digest,
  size: number,
  leaseUntil: number,
): Promise<boolean> {
  const changed = await tx.run(
    `INSERT INTO blobs (digest, size, lease_until, unreferenced_since, created_at) VALUES ($1, $2, $3, $4, $4)
     ON CONFLICT (digest) DO UPDATE SET epoch = blobs.epoch + 1, state = 'live', size = excluded.size, lease_until = excluded.lease_until,
       unreferenced_since = CASE WHEN blobs.unreferenced_since IS NULL THEN NULL ELSE excluded.unreferenced_since END
     WHERE blobs.state <> 'deleting'`,
    [digest, size, leaseUntil, tx.now],
  )
  return changed === 1
}

/**
 * Raises a blob's epoch because a repository gains the right to read it; where no manifest refers to it, collection
 * counts from now on. False: there is no such blob, or it is being deleted.
 */
export async function keepBlob(tx: Transaction, digest: Digest, leaseUntil: number): Promise<boolean> {
  const changed = await tx.run(
    `UPDATE blobs SET epoch = epoch + 1, state = 'live', lease_until = $2,
       unreferenced_since = CASE WHEN unreferenced_since IS NULL THEN unreferenced_since ELSE $3 END
     WHERE digest = $1 AND state <> 'deleting'`,
    [digest, leaseUntil, tx.now],
  )
  return changed === 1
}

/** Raises a blob's epoch because somebody was told that it is there. False: as `keepBlob`. */
export async function leaseBlob(tx: Transaction, digest: Digest, leaseUntil: number): Promise<boolean> {
  const changed = await tx.run(
    `UPDATE blobs SET epoch = epoch + 1, state = 'live', lease_until = $2 WHERE digest = $1 AND state <> 'deleting'`,
    [digest, leaseUntil],
  )
  return changed === 1
}

/** What a HEAD must know before it says that a blob is there. */
export interface BlobPromise {
  readonly isCondemned: boolean
  /** Milliseconds since 1970. */
  readonly leaseUntil: number
  /** Whether a manifest of the repository refers to it, the trash left out: then it stays without a promise. */
  readonly isUsed: boolean
}

/** Null where there is no such blob. */
export function findBlobPromise(
  read: Read,
  repository: RepositoryName,
  digest: Digest,
): Promise<BlobPromise | null> {
  return read.one(
    `SELECT state, lease_until,
       (SELECT 1 FROM manifest_blobs WHERE manifest_blobs.digest = blobs.digest
          AND repository_id = (SELECT id FROM repositories WHERE name = $1)
          AND (SELECT 1 FROM manifests WHERE manifests.repository_id = manifest_blobs.repository_id
            AND manifests.digest = manifest_blobs.manifest) = 1 LIMIT 1) AS used
     FROM blobs WHERE digest = $2`,
    [repository, digest],
    (row) => ({
      isCondemned: text(row, 'state') !== 'live',
      leaseUntil: integer(row, 'lease_until'),
      isUsed: optionalInteger(row, 'used') !== null,
    }),
  )
}

/** The repository has been given the right once more: collection counts from now on. */
export async function touchLink(tx: Transaction, repository: RepositoryId, digest: Digest): Promise<void> {
  await tx.run(`UPDATE repository_blobs SET linked_at = $3 WHERE repository_id = $1 AND digest = $2`, [
    repository,
    digest,
    tx.now,
  ])
}

/** As `keepBlob`, because a manifest refers to the blob from now on: it is no longer unreferenced. */
export async function referToBlob(tx: Transaction, digest: Digest, leaseUntil: number): Promise<boolean> {
  const changed = await tx.run(
    `UPDATE blobs SET epoch = epoch + 1, state = 'live', lease_until = $2, unreferenced_since = NULL
     WHERE digest = $1 AND state <> 'deleting'`,
    [digest, leaseUntil],
  )
  return changed === 1
}

/** As `keepBlob`, whatever its state: the bytes are those of a manifest, and are written again from the database. */
export async function reviveBlob(tx: Transaction, digest: Digest, leaseUntil: number): Promise<boolean> {
  const revived = await tx.run(
    `UPDATE blobs SET epoch = epoch + 1, state = 'live', lease_until = $2 WHERE digest = $1`,
    [digest, leaseUntil],
  )
  return revived === 1
}

/** What is stored of a blob, whoever may read it; null where there is nothing. `size` is bytes. */
export function findBlobFacts(
  read: Read,
  digest: Digest,
): Promise<{ readonly size: number; readonly epoch: number } | null> {
  return read.one(`SELECT size, epoch FROM blobs WHERE digest = $1`, [digest], (row) => ({
    size: integer(row, 'size'),
    epoch: integer(row, 'epoch'),
  }))
}

/** The size in bytes of a blob, whoever may read it; null where there is none. */
export function findBlobSize(read: Read, digest: Digest): Promise<number | null> {
  return read.one(`SELECT size FROM blobs WHERE digest = $1`, [digest], (row) => integer(row, 'size'))
}

/** True when the repository did not link the blob before. */
export async function linkBlob(tx: Transaction, repository: RepositoryId, digest: Digest): Promise<boolean> {
  const inserted = await tx.run(
    `INSERT INTO repository_blobs (repository_id, digest, linked_at) VALUES ($1, $2, $3)
     ON CONFLICT (repository_id, digest) DO NOTHING`,
    [repository, digest, tx.now],
  )
  return inserted === 1
}

/** True when there was a link to drop. */
export async function unlinkBlob(
  tx: Transaction,
  repository: RepositoryId,
  digest: Digest,
): Promise<boolean> {
  const deleted = await tx.run(`DELETE FROM repository_blobs WHERE repository_id = $1 AND digest = $2`, [
    repository,
    digest,
  ])
  return deleted === 1
}

/** A blob that was found in the link tree. */
export interface FoundBlob {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  /** Whether a manifest of the repository that links it refers to it. */
  readonly isReferred: boolean
}

/**
 * Stores many blobs that one repository links, in digest order. One that is known already gains a reference, and
 * so is kept as `referToBlob` keeps it, whatever its state: its bytes have been seen in the tree.
 */
export async function insertFoundBlobs(
  tx: Transaction,
  repository: RepositoryId,
  found: readonly FoundBlob[],
  leaseUntil: number,
): Promise<void> {
  await insertRows(tx, {
    into: 'blobs (digest, size, lease_until, unreferenced_since, created_at)',
    rows: found
      .toSorted((one, other) => (one.digest < other.digest ? -1 : 1))
      .map(({ digest, size, isReferred }) => [digest, size, leaseUntil, isReferred ? null : tx.now, tx.now]),
    ending: `ON CONFLICT (digest) DO UPDATE SET epoch = blobs.epoch + 1, state = 'live',
       lease_until = excluded.lease_until,
       unreferenced_since = CASE WHEN excluded.unreferenced_since IS NULL THEN NULL ELSE blobs.unreferenced_since END`,
  })
  await insertRows(tx, {
    into: 'repository_blobs (repository_id, digest, linked_at)',
    rows: found.map(({ digest }) => [repository, digest, tx.now]),
    ending: 'ON CONFLICT (repository_id, digest) DO NOTHING',
  })
}

/** Forgets a blob whose file was looked for and not found while its epoch was this one. Links to it stay: they come to life with its next upload. */
export async function forgetLostBlob(tx: Transaction, digest: Digest, epoch: number): Promise<void> {
  await tx.run(`DELETE FROM blobs WHERE digest = $1 AND epoch = $2 AND state <> 'deleting'`, [digest, epoch])
}

/** A blob that a repository links, and what is stored of it: null where its bytes are known to be gone. */
export interface LinkedBlob {
  readonly digest: Digest
  readonly stored: { readonly size: number; readonly epoch: number } | null
}

/** At most `limit` blobs after `after` that the repository links, in order of their digests. */
export function listLinkedBlobs(
  read: Read,
  repository: RepositoryId,
  page: { readonly after: string; readonly limit: number },
): Promise<LinkedBlob[]> {
  return read.all(
    `SELECT digest,
       (SELECT size FROM blobs WHERE blobs.digest = repository_blobs.digest) AS size,
       (SELECT epoch FROM blobs WHERE blobs.digest = repository_blobs.digest) AS epoch
     FROM repository_blobs WHERE repository_id = $1 AND digest > $2 ORDER BY digest LIMIT $3`,
    [repository, page.after, page.limit],
    (row) => ({
      digest: text(row, 'digest') as Digest,
      stored:
        optionalInteger(row, 'size') === null
          ? null
          : { size: integer(row, 'size'), epoch: integer(row, 'epoch') },
    }),
  )
}

/** At most `limit` links of the repository after `after`, in order of their digests, with the time of each. */
export function listLinks(
  read: Read,
  repository: RepositoryId,
  page: { readonly after: string; readonly limit: number },
): Promise<{ readonly digest: Digest; readonly linkedAt: number }[]> {
  return read.all(
    `SELECT digest, linked_at FROM repository_blobs
     WHERE repository_id = $1 AND digest > $2 ORDER BY digest LIMIT $3`,
    [repository, page.after, page.limit],
    (row) => ({ digest: text(row, 'digest') as Digest, linkedAt: integer(row, 'linked_at') }),
  )
}

/** Holds the blob's row until the transaction ends. False where somebody has referred to it since its epoch was seen. */
export async function holdBlobAsSeen(tx: Transaction, digest: Digest, epoch: number): Promise<boolean> {
  const held = await tx.run(`UPDATE blobs SET epoch = epoch WHERE digest = $1 AND epoch = $2`, [
    digest,
    epoch,
  ])
  return held === 1
}

/** Whether a manifest of the repository refers to the blob. */
export function hasReferences(read: Read, repository: RepositoryId, digest: Digest): Promise<boolean> {
  return exists(read, `SELECT 1 FROM manifest_blobs WHERE digest = $1 AND repository_id = $2 LIMIT 1`, [
    digest,
    repository,
  ])
}
