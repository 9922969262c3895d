/**
 * Blobs on their way out: what is asked before each step, and the step itself, which is taken only if the blob's epoch
 * is still the one that was read before anything else was asked. No statement here decides by another table's rows.
 */
import type { Digest } from '../oci/digest.ts'
import type { Read, Row, Transaction } from './database.ts'
import { findDigestsAnywhere, listByDigests } from './digests-among.ts'
import type { RepositoryId } from './repositories.ts'
import { integer, optionalInteger, text } from './row.ts'

/** `live`, and then out: `condemned` is still readable, `deleting` has no links and no file for long. */
export type BlobState = 'live' | 'condemned' | 'deleting'

export interface BlobStanding {
  readonly digest: Digest
  readonly state: BlobState
  /** Raised by whoever adds a reference or takes a step. */
  readonly epoch: number
  /** Bytes. */
  readonly size: number
  /** Times are milliseconds since 1970. */
  readonly leaseUntil: number
  /** Null while a manifest refers to it, and until collection has seen that none does any more. */
  readonly unreferencedSince: number | null
}

/** A blob as somebody saw it. */
export type SeenBlob = Pick<BlobStanding, 'digest' | 'epoch'>

/** How these blobs stand; those that nobody knows are left out. */
export function findBlobStandings(read: Read, digests: readonly Digest[]): Promise<BlobStanding[]> {
  const select = `SELECT digest, state, epoch, size, lease_until, unreferenced_since FROM blobs WHERE digest`
  return listByDigests(read, digests, select, blobStanding)
}

/** Those that a manifest refers to: of whichever repository, in the trash or not. */
export function findReferredDigests(read: Read, digests: readonly Digest[]): Promise<Set<Digest>> {
  return findDigestsAnywhere(read, digests, 'manifest_blobs WHERE digest = column1')
}

/** Those that a repository may read. */
export function findLinkedAnywhere(read: Read, digests: readonly Digest[]): Promise<Set<Digest>> {
  return findDigestsAnywhere(read, digests, 'repository_blobs WHERE digest = column1')
}

/** Those that are manifests of any repository, or were and may come back. */
export function findPayloadDigests(read: Read, digests: readonly Digest[]): Promise<Set<Digest>> {
  return findDigestsAnywhere(read, digests, 'manifest_payloads WHERE digest = column1')
}

/** Those that a request is about to make of an upload. */
export function findClosingDigests(read: Read, digests: readonly Digest[]): Promise<Set<Digest>> {
  return findDigestsAnywhere(read, digests, 'uploads WHERE closing = column1')
}

/**
 * Those of which a link, or the file of a manifest, may not show yet in the tree what the database says: somebody may
 * be about to write that file.
 */
export async function findMarkedBlobs(read: Read, digests: readonly Digest[]): Promise<Set<Digest>> {
  const layers = await findDigestsAnywhere(read, digests, `tree_dirty WHERE kind = 'layer' AND key = column1`)
  const path = `kind = 'payload' AND repository_id = 0 AND key = column1`
  return layers.union(await findDigestsAnywhere(read, digests, `tree_dirty WHERE ${path}`))
}

/** The right of a repository to read a blob. */
export interface BlobLink {
  readonly repository: RepositoryId
  /** Milliseconds since 1970. */
  readonly linkedAt: number
  /** Whether a manifest of that repository, in the trash or not, refers to the blob. */
  readonly isUsed: boolean
}

export function listBlobLinks(
  read: Read,
  digest: Digest,
  page: { readonly after: number; readonly limit: number },
): Promise<BlobLink[]> {
  return read.all(
    `SELECT repository_id, linked_at,
       (SELECT 1 FROM manifest_blobs WHERE manifest_blobs.digest = repository_blobs.digest
          AND manifest_blobs.repository_id = repository_blobs.repository_id LIMIT 1) AS used
     FROM repository_blobs WHERE digest = $1 AND repository_id > $2 ORDER BY repository_id LIMIT $3`,
    [digest, page.after, page.limit],
    (row) => ({
      repository: integer(row, 'repository_id') as RepositoryId,
      linkedAt: integer(row, 'linked_at'),
      isUsed: optionalInteger(row, 'used') !== null,
    }),
  )
}

/** Says since when nothing refers to the blob. False: somebody has been faster. */
export async function beginGrace(tx: Transaction, { digest, epoch }: SeenBlob): Promise<boolean> {
  const changed = await tx.run(
    `UPDATE blobs SET unreferenced_since = $3 WHERE digest = $1 AND epoch = $2 AND state <> 'deleting'`,
    [digest, epoch, tx.now],
  )
  return changed === 1
}

/** The next step out. False: somebody has been faster, or has been promised that the blob stays for now. */
export async function moveBlobOut(
  tx: Transaction,
  { digest, epoch }: SeenBlob,
  to: 'condemned' | 'deleting',
): Promise<boolean> {
  const changed = await tx.run(
    `UPDATE blobs SET state = $3, epoch = epoch + 1 WHERE digest = $1 AND epoch = $2 AND lease_until < $4`,
    [digest, epoch, to, tx.now],
  )
  return changed === 1
}

/** Holds the blob, for links to it are dropped. False: as `moveBlobOut`. */
export async function holdForUnlinking(tx: Transaction, { digest, epoch }: SeenBlob): Promise<boolean> {
  const changed = await tx.run(
    `UPDATE blobs SET epoch = epoch + 1 WHERE digest = $1 AND epoch = $2 AND lease_until < $3`,
    [digest, epoch, tx.now],
  )
  return changed === 1
}

/** Back to life, for a manifest was found to refer to it. False: somebody has been faster. */
export async function reviveReferred(tx: Transaction, { digest, epoch }: SeenBlob): Promise<boolean> {
  const changed = await tx.run(
    `UPDATE blobs SET state = 'live', epoch = epoch + 1, unreferenced_since = NULL
     WHERE digest = $1 AND epoch = $2 AND state <> 'deleting'`,
    [digest, epoch],
  )
  return changed === 1
}

/** The last step. False: somebody has been faster. */
export async function deleteLeftBlob(tx: Transaction, { digest, epoch }: SeenBlob): Promise<boolean> {
  const deleted = await tx.run(`DELETE FROM blobs WHERE digest = $1 AND epoch = $2 AND state = 'deleting'`, [
    digest,
    epoch,
  ])
  return deleted === 1
}

/** Makes bytes that nobody knows a blob that is being deleted. False: somebody knows them now. */
export async function insertStray(
  tx: Transaction,
  { digest, size }: Pick<BlobStanding, 'digest' | 'size'>,
): Promise<boolean> {
  const inserted = await tx.run(
    `INSERT INTO blobs (digest, size, state, unreferenced_since, created_at) VALUES ($1, $2, 'deleting', $3, $3)
     ON CONFLICT (digest) DO NOTHING`,
    [digest, size, tx.now],
  )
  return inserted === 1
}

function blobStanding(row: Row): BlobStanding {
  return {
    digest: text(row, 'digest') as Digest,
    state: text(row, 'state') as BlobState,
    epoch: integer(row, 'epoch'),
    size: integer(row, 'size'),
    leaseUntil: integer(row, 'lease_until'),
    unreferencedSince: optionalInteger(row, 'unreferenced_since'),
  }
}
