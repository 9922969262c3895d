/** The writes around the deletion of bytes: what may go, that it has gone, and what turned out to be nobody's. */
import { forgetDamage, hasDamage } from '../../metadata/damage.ts'
import { command, type Read, type Transaction } from '../../metadata/database.ts'
import {
  deleteLeftBlob,
  findBlobStandings,
  findClosingDigests,
  findMarkedBlobs,
  findPayloadDigests,
  findReferredDigests,
  insertStray,
  type SeenBlob,
} from '../../metadata/leaving-blobs.ts'
import { endBlobReview, findBlobReviews, putOffBlobReview, scheduleReview } from '../../metadata/reviews.ts'
import { noteBlobUsage } from '../../metadata/usage-changes.ts'
import type { Digest } from '../../oci/digest.ts'
import { markPayloadAdded } from '../tree/marks.ts'
import { MARKS_TAKE } from './reviews.commands.ts'

/** A blob that is being deleted. */
export interface LeavingBlob extends SeenBlob {
  /** Bytes. */
  readonly size: number
  /** Its bytes are a manifest's too, and stay: only the blob goes. */
  readonly isManifest: boolean
  /** The tree may still show a link to it, or somebody is about to write its file there, for it was a manifest's. */
  readonly isMarked: boolean
  /** The epoch of its review before its bytes were touched; null where nobody had asked for one. */
  readonly review: number | null
}

/** Those of the blobs that are being deleted. */
export async function findLeavingBlobs(read: Read, digests: readonly Digest[]): Promise<LeavingBlob[]> {
  const leaving = (await findBlobStandings(read, digests)).filter(({ state }) => state === 'deleting')
  if (leaving.length === 0) return []
  const names = leaving.map(({ digest }) => digest)
  const manifests = await findPayloadDigests(read, names)
  const marked = await findMarkedBlobs(read, names)
  const reviews = new Map((await findBlobReviews(read, names)).map(({ digest, epoch }) => [digest, epoch]))
  return leaving.map(({ digest, epoch, size }) => ({
    digest,
    epoch,
    size,
    isManifest: manifests.has(digest),
    isMarked: marked.has(digest),
    review: reviews.get(digest) ?? null,
  }))
}

export interface DeletedBlobs {
  /** Their bytes are out of their place, or are a manifest's. */
  readonly gone: readonly Pick<LeavingBlob, 'digest' | 'epoch' | 'review'>[]
  /** To be looked at again a little later. */
  readonly putOff: readonly Digest[]
  /** Their bytes could not be moved: they are tried again when others have had their turn. */
  readonly failed: readonly Digest[]
}

/** Milliseconds. */
const RETRY_AFTER = 60_000

/**
 * The blobs are no more. Gives those that somebody has brought back to life meanwhile: they need their bytes. A file
 * that is a manifest's too is written again where it was taken away: the manifest may have come after it was asked for.
 */
export const endDeletionCommand = command(
  'gc.end-deletion',
  async (tx, { gone, putOff, failed }: DeletedBlobs): Promise<Digest[]> => {
    const digests = inOrder(gone).map(({ digest }) => digest)
    const [deleted, others]: [(typeof gone)[number][], Digest[]] = [[], []]
    for (const blob of inOrder(gone)) {
      if (await deleteLeftBlob(tx, blob)) deleted.push(blob)
      else others.push(blob.digest)
    }
    // Who else deletes may have been faster: then there is nothing to put back, and nothing more to say.
    const kept = (await findBlobStandings(tx, others)).map(({ digest }) => digest)
    await noteBlobUsage(tx, everywhere(digests))
    const manifests = await findPayloadDigests(tx, digests)
    for (const digest of digests) if (manifests.has(digest)) await markPayloadAdded(tx, digest)
    await forgetTheirDamage(tx, deleted)
    for (const { digest, review } of deleted) {
      // Whoever has asked since then has put the bytes back perhaps, for someone who still saw the blob.
      if (review !== null) await endBlobReview(tx, { digest, epoch: review })
    }
    await lookAgainAt(tx, putOff, tx.now + MARKS_TAKE)
    await lookAgainAt(tx, failed, tx.now + RETRY_AFTER)
    return kept
  },
)

async function lookAgainAt(tx: Transaction, digests: readonly Digest[], dueAt: number): Promise<void> {
  for (const review of await findBlobReviews(tx, digests.toSorted())) {
    await putOffBlobReview(tx, review, { dueAt, afterRepository: 0 })
  }
}

/** What is gone can be damaged no more. */
async function forgetTheirDamage(
  tx: Transaction,
  deleted: readonly Pick<SeenBlob, 'digest'>[],
): Promise<void> {
  if (!(await hasDamage(tx))) return
  for (const { digest } of deleted) await forgetDamage(tx, digest)
}

/**
 * Somebody has put bytes into their place: they are looked at, for what they belong to may have gone just before. What
 * is to be looked at already is looked at sooner, and loses nothing by that.
 */
export const reviewBytesCommand = command('gc.review-bytes', (tx, { digest }: { readonly digest: Digest }) =>
  scheduleReview(tx, { repository: 0, digest, reason: 'bytes put back', dueAt: tx.now + MARKS_TAKE }),
)

/** Bytes that lie at a digest's place, of which no blob and no manifest is known. */
export interface LooseBytes {
  readonly digest: Digest
  /** Bytes; null where nothing lies there. */
  readonly size: number | null
}

/**
 * What nobody knows is being deleted from now on, unless a request is about to make a blob of it, or a manifest refers to
 * it, although no repository links it: that is looked at again when the manifest goes. What is not there, or has been
 * made something meanwhile, is looked at no more. Gives how many are being deleted now.
 */
export const takeStraysCommand = command(
  'gc.take-strays',
  async (tx, input: { readonly found: readonly LooseBytes[] }): Promise<number> => {
    const digests = inOrder(input.found).map(({ digest }) => digest)
    const closing = await findClosingDigests(tx, digests)
    const manifests = await findPayloadDigests(tx, digests)
    const referred = await findReferredDigests(tx, digests)
    const reviews = await findBlobReviews(tx, digests)
    const taken: Digest[] = []
    for (const { digest, size } of inOrder(input.found)) {
      const isWanted = closing.has(digest) || manifests.has(digest) || referred.has(digest)
      if (size !== null && !isWanted && (await insertStray(tx, { digest, size }))) taken.push(digest)
    }
    await noteBlobUsage(tx, everywhere(digests))
    const known = new Set((await findBlobStandings(tx, digests)).map(({ digest }) => digest))
    for (const review of reviews) if (!known.has(review.digest)) await endBlobReview(tx, review)
    // Who else collects may have deleted it since it was found, and ended the review: then nothing else would lead here.
    for (const digest of taken) {
      await scheduleReview(tx, { repository: 0, digest, reason: 'bytes that nobody knows', dueAt: tx.now })
    }
    return taken.length
  },
)

function everywhere(digests: readonly Digest[]) {
  return digests.map((digest) => ({ repository: 0, digest }))
}

function inOrder<Item extends { readonly digest: Digest }>(items: readonly Item[]): Item[] {
  return items.toSorted((one, other) => (one.digest < other.digest ? -1 : 1))
}
