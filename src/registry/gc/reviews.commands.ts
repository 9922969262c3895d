/**
 * One look at some blobs, and the step that each of them takes: live → condemned → deleting. Bounded in how many blobs
 * it looks at, how many links it goes through and how many it drops, for everybody who writes waits for it.
 *
 * The order is what makes it safe beside pushes: first the epochs are read, then what refers to the blobs is looked for,
 * then each step is taken only where the epoch is the same and no lease runs. Whoever adds a reference raises the epoch
 * first. Blobs are changed in the order of their digests, and their reviews after all of them: two of these never wait
 * for each other.
 */
import { unlinkBlob } from '../../metadata/blobs.ts'
import { command, type Transaction } from '../../metadata/database.ts'
import {
  type BlobLink,
  type BlobStanding,
  beginGrace,
  findBlobStandings,
  findReferredDigests,
  holdForUnlinking,
  listBlobLinks,
  moveBlobOut,
  reviveReferred,
} from '../../metadata/leaving-blobs.ts'
import { type BlobReview, endBlobReview, findBlobReviews, putOffBlobReview } from '../../metadata/reviews.ts'
import { noteBlobUsage } from '../../metadata/usage-changes.ts'
import type { Digest } from '../../oci/digest.ts'
import { markLayerRemoved } from '../tree/marks.ts'
import { type CollectionTimes, nextStepOf } from './next-step.ts'

export interface BlobsToReview extends CollectionTimes {
  readonly digests: readonly Digest[]
  /** Whether blobs are looked at before their time too. */
  readonly isHurried: boolean
}

export interface ReviewedBlobs {
  readonly reviewed: number
  readonly condemned: number
  /** Links that were dropped. */
  readonly unlinked: number
  /** Blobs whose bytes can go now. */
  readonly deleting: readonly Digest[]
  /** Digests that no blob has. */
  readonly unknown: readonly Digest[]
  /** How many were to be looked at: more than were, where that was too much for one command. */
  readonly due: number
  /** Steps that were taken. */
  readonly steps: number
  /** Blobs whose bytes can go once the tree shows that their links have gone. */
  readonly waiting: number
  /** Milliseconds since 1970, by the database's clock. */
  readonly now: number
}

/** Links that one command goes through, and that it drops: each of these is a file of the tree that goes before the answer. */
const LINKS_LOOKED_AT = 200
const LINKS_DROPPED = 20

/** Milliseconds after which the tree shows, for good, that links have gone. */
export const MARKS_TAKE = 1_500

export const reviewBlobsCommand = command(
  'gc.review',
  async (tx, input: BlobsToReview): Promise<ReviewedBlobs> => {
    const look = new Look(tx, input)
    const blobs = new Map((await findBlobStandings(tx, input.digests)).map((blob) => [blob.digest, blob]))
    const referred = await findReferredDigests(tx, input.digests)
    const reviews = await dueReviews(tx, input)
    const results: ReviewResult[] = []
    for (const review of reviews) {
      const blob = blobs.get(review.digest)
      const isReferred = referred.has(review.digest)
      if (blob !== undefined) results.push({ review, outcome: await look.takeStep(review, blob, isReferred) })
      if (look.isWorn) break
    }
    for (const { review, outcome } of results) await settleReview(tx, review, outcome)
    return {
      reviewed: results.length,
      condemned: results.filter(({ outcome }) => outcome.kind === 'condemned').length,
      unlinked: look.dropped,
      deleting: results.flatMap(({ review, outcome }) =>
        outcome.kind === 'deleting' ? [review.digest] : [],
      ),
      unknown: reviews.filter(({ digest }) => !blobs.has(digest)).map(({ digest }) => digest),
      due: reviews.length,
      steps: results.filter(({ outcome }) => isStep(outcome)).length,
      waiting: results.filter(({ outcome }) => outcome.kind === 'unlinked' || outcome.kind === 'deleting')
        .length,
      now: tx.now,
    }
  },
)

interface ReviewResult {
  readonly review: BlobReview
  readonly outcome: Outcome
}

/** What became of a blob under review. */
type Outcome =
  /** Nothing more is to be looked at. */
  | { readonly kind: 'settled' }
  | {
      readonly kind: 'again'
      readonly at: number
      readonly isAtOnce: boolean
      readonly afterRepository: number
    }
  | { readonly kind: 'condemned'; readonly at: number }
  /** Its last links were dropped: its bytes can go once the tree shows that. */
  | { readonly kind: 'unlinked'; readonly at: number }
  /** Its bytes can go; whoever takes them away settles the review. */
  | { readonly kind: 'deleting' }
  /** Somebody was faster: what they did counts, and is looked at in its turn. */
  | { readonly kind: 'overtaken' }

/** Whether something is another than before, or is to be looked at at once. */
function isStep(outcome: Outcome): boolean {
  if (outcome.kind === 'again') return outcome.isAtOnce
  return outcome.kind !== 'deleting'
}

/** In the order of their digests. */
async function dueReviews(tx: Transaction, { digests, isHurried }: BlobsToReview): Promise<BlobReview[]> {
  const reviews = await findBlobReviews(tx, digests)
  return reviews
    .filter(({ dueAt }) => isHurried || dueAt <= tx.now)
    .toSorted((one, other) => (one.digest < other.digest ? -1 : 1))
}

async function settleReview(tx: Transaction, review: BlobReview, outcome: Outcome): Promise<void> {
  switch (outcome.kind) {
    case 'settled':
      return await endBlobReview(tx, review)
    case 'again':
      return await putOffBlobReview(tx, review, {
        dueAt: outcome.at,
        afterRepository: outcome.afterRepository,
      })
    case 'condemned':
    case 'unlinked':
      return await putOffBlobReview(tx, review, { dueAt: outcome.at, afterRepository: 0 })
    // Looked at again soon: the new state may want another step.
    case 'overtaken':
      return await putOffBlobReview(tx, review, { dueAt: tx.now + MARKS_TAKE, afterRepository: 0 })
    case 'deleting':
      return
  }
}

/** The steps of one command, which may only do so much. */
class Look {
  readonly #tx: Transaction
  readonly #times: CollectionTimes
  #lookedAt = 0
  dropped = 0

  constructor(tx: Transaction, times: CollectionTimes) {
    this.#tx = tx
    this.#times = times
  }

  /** Whether the rest had better wait for the next command. */
  get isWorn(): boolean {
    return this.#lookedAt >= LINKS_LOOKED_AT || this.dropped >= LINKS_DROPPED
  }

  async takeStep(review: BlobReview, blob: BlobStanding, isReferred: boolean): Promise<Outcome> {
    const { now } = this.#tx
    const step = nextStepOf({ blob, isReferred, dueAt: review.dueAt, now }, this.#times)
    switch (step.kind) {
      case 'delete':
        return { kind: 'deleting' }
      case 'keep':
        return await this.#dropUnusedLinks(review, blob)
      case 'revive':
        await reviveReferred(this.#tx, blob)
        return OVERTAKEN
      case 'wait':
        return waitUntil(step.until)
      case 'begin grace': {
        const at = Math.max(now + this.#times.grace, blob.leaseUntil + 1)
        return (await beginGrace(this.#tx, blob)) ? waitUntil(at) : OVERTAKEN
      }
      case 'condemn':
        return (await moveBlobOut(this.#tx, blob, 'condemned'))
          ? { kind: 'condemned', at: now + this.#times.condemnedFor }
          : OVERTAKEN
      case 'unlink':
        return await this.#unlinkAll(blob)
    }
  }

  /** The last link gone, the blob is being deleted. */
  async #unlinkAll(blob: BlobStanding): Promise<Outcome> {
    const links = await this.#listLinks(blob.digest, 0)
    const dropped = links.slice(0, this.#mayDrop)
    if (dropped.length < links.length) {
      return (await this.#drop(blob, dropped)) ? this.#again(0) : OVERTAKEN
    }
    if (!(await moveBlobOut(this.#tx, blob, 'deleting'))) return OVERTAKEN
    await noteBlobUsage(this.#tx, [{ repository: 0, digest: blob.digest }])
    await this.#unlink(blob.digest, dropped)
    return dropped.length === 0 ? { kind: 'deleting' } : { kind: 'unlinked', at: this.#tx.now + MARKS_TAKE }
  }

  /** Of a blob that stays: links of repositories of which no manifest uses it. */
  async #dropUnusedLinks(review: BlobReview, blob: BlobStanding): Promise<Outcome> {
    const links = await this.#listLinks(blob.digest, review.afterRepository)
    const unused = links.filter(({ isUsed }) => !isUsed)
    const ripeAt = (link: BlobLink) => Math.max(link.linkedAt + this.#times.grace, blob.leaseUntil + 1)
    const ripe = unused.filter((link) => ripeAt(link) <= this.#tx.now)
    const dropped = ripe.slice(0, this.#mayDrop)
    if (dropped.length > 0 && !(await this.#drop(blob, dropped))) return OVERTAKEN
    if (dropped.length < ripe.length) return this.#again(review.afterRepository)
    const green = unused.filter((link) => ripeAt(link) > this.#tx.now).map(ripeAt)
    if (green.length > 0) {
      return waitUntil(Math.min(...green), review.afterRepository)
    }
    const last = links.length < LINKS_AT_ONCE ? undefined : links.at(-1)
    return last === undefined ? { kind: 'settled' } : this.#again(last.repository)
  }

  async #listLinks(digest: Digest, after: number): Promise<BlobLink[]> {
    const links = await listBlobLinks(this.#tx, digest, { after, limit: LINKS_AT_ONCE })
    this.#lookedAt += links.length
    return links
  }

  get #mayDrop(): number {
    return Math.max(LINKS_DROPPED - this.dropped, 1)
  }

  /** False: somebody has been faster, and no link was dropped. */
  async #drop(blob: BlobStanding, links: readonly BlobLink[]): Promise<boolean> {
    if (!(await holdForUnlinking(this.#tx, blob))) return false
    await this.#unlink(blob.digest, links)
    return true
  }

  async #unlink(digest: Digest, links: readonly BlobLink[]): Promise<void> {
    for (const { repository } of links) {
      if (!(await unlinkBlob(this.#tx, repository, digest))) continue
      await noteBlobUsage(this.#tx, [{ repository, digest }])
      await markLayerRemoved(this.#tx, repository, digest)
      this.dropped++
    }
  }

  #again(afterRepository: number): Outcome {
    return { kind: 'again', at: this.#tx.now, isAtOnce: true, afterRepository }
  }
}

function waitUntil(at: number, afterRepository = 0): Outcome {
  return { kind: 'again', at, isAtOnce: false, afterRepository }
}

const OVERTAKEN: Outcome = { kind: 'overtaken' }

/** Of one blob. */
const LINKS_AT_ONCE = 100
