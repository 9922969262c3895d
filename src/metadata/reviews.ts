/** What collection should look at, and when: filled by whatever may leave content without a reference. */
import type { Digest } from '../oci/digest.ts'
import type { Read, Row, Transaction } from './database.ts'
import { listByDigests } from './digests-among.ts'
import { integer, text } from './row.ts'

/**
 * `repository` is 0 where the blob itself is meant, else the manifest of that digest there. What is due already
 * is put off to the new time, for its reason is newer; and whoever is looking just now looks again.
 */
export async function scheduleReview(
  tx: Transaction,
  review: {
    readonly repository: number
    readonly digest: Digest
    readonly reason: string
    readonly dueAt: number
  },
): Promise<void> {
  await tx.run(
    `INSERT INTO gc_reviews (repository_id, digest, reason, due_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (repository_id, digest) DO UPDATE
     SET reason = excluded.reason, due_at = excluded.due_at, epoch = gc_reviews.epoch + 1, after_repository = 0`,
    [review.repository, review.digest, review.reason, review.dueAt],
  )
}

/** A look at a blob that was asked for. */
export interface BlobReview {
  readonly digest: Digest
  /** Raised by each who asks for it. */
  readonly epoch: number
  /** Milliseconds since 1970. */
  readonly dueAt: number
  /** Up to which repository its links have been looked at. */
  readonly afterRepository: number
}

const COLUMNS = 'digest, epoch, due_at, after_repository'

/** The blobs to be looked at by a time, those that wait longest first. */
export function listDueBlobReviews(
  read: Read,
  page: { readonly now: number; readonly limit: number },
): Promise<BlobReview[]> {
  return read.all(
    `SELECT ${COLUMNS} FROM gc_reviews WHERE repository_id = 0 AND due_at <= $1 ORDER BY due_at, digest LIMIT $2`,
    [page.now, page.limit],
    blobReview,
  )
}

/** When the next blob is to be looked at, in milliseconds since 1970; null where none is. */
export function findNextBlobReview(read: Read): Promise<number | null> {
  return read.one(
    `SELECT due_at FROM gc_reviews WHERE repository_id = 0 ORDER BY due_at LIMIT 1`,
    [],
    (row) => integer(row, 'due_at'),
  )
}

/** The blobs to be looked at whenever, in order of their digests. */
export function listBlobReviews(
  read: Read,
  page: { readonly after: string; readonly limit: number },
): Promise<BlobReview[]> {
  return read.all(
    `SELECT ${COLUMNS} FROM gc_reviews WHERE repository_id = 0 AND digest > $1 ORDER BY digest LIMIT $2`,
    [page.after, page.limit],
    blobReview,
  )
}

/** The looks that were asked for at these blobs. */
export function findBlobReviews(read: Read, digests: readonly Digest[]): Promise<BlobReview[]> {
  const select = `SELECT ${COLUMNS} FROM gc_reviews WHERE repository_id = 0 AND digest`
  return listByDigests(read, digests, select, blobReview)
}

/** Nothing more is to be looked at; unless somebody has asked for it since. */
export async function endBlobReview(
  tx: Transaction,
  { digest, epoch }: Pick<BlobReview, 'digest' | 'epoch'>,
): Promise<void> {
  await tx.run(`DELETE FROM gc_reviews WHERE repository_id = 0 AND digest = $1 AND epoch = $2`, [
    digest,
    epoch,
  ])
}

/** The blob is to be looked at again; unless somebody has said since when. */
export async function putOffBlobReview(
  tx: Transaction,
  { digest, epoch }: Pick<BlobReview, 'digest' | 'epoch'>,
  next: Pick<BlobReview, 'dueAt' | 'afterRepository'>,
): Promise<void> {
  await tx.run(
    `UPDATE gc_reviews SET due_at = $3, after_repository = $4 WHERE repository_id = 0 AND digest = $1 AND epoch = $2`,
    [digest, epoch, next.dueAt, next.afterRepository],
  )
}

function blobReview(row: Row): BlobReview {
  return {
    digest: text(row, 'digest') as Digest,
    epoch: integer(row, 'epoch'),
    dueAt: integer(row, 'due_at'),
    afterRepository: integer(row, 'after_repository'),
  }
}
