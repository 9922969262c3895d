/**
 * Online collection: what no image and no trash needs is found, condemned, and deleted, in small steps beside pushes and
 * pulls (docs/decisions/collection.md says why each step is safe). It looks only at what the commands have asked it to
 * look at, never at everything, and how much there is of that does not show in its memory.
 *
 * A step that fails has changed nothing that the next one could not go on from.
 */
import { findNextBlobReview, listBlobReviews, listDueBlobReviews } from '../../metadata/reviews.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Registry } from '../registry.ts'
import { type Deletion, deleteBlobs } from './deletion.ts'
import { findHindrance } from './hindrance.ts'
import type { CollectionTimes } from './next-step.ts'
import { reviewBlobsCommand } from './reviews.commands.ts'
import { takeStrays } from './strays.ts'
import { findNextSweep, type Sweep, sweepCondemned } from './sweep.ts'

/** Blobs of one step: everybody who writes waits for its command, some milliseconds. */
const BLOBS_AT_ONCE = 50

/** What was done. */
export interface Collected {
  /** Blobs that were looked at. */
  readonly reviewed: number
  readonly condemned: number
  /** Links that were dropped, for no manifest of their repository uses the blob. */
  readonly unlinked: number
  readonly deleted: number
  /** Of files that are gone for good. */
  readonly freedBytes: number
}

export interface CollectResult extends Collected {
  /** There was nothing to do. */
  readonly isIdle: boolean
  /** When there will be, in milliseconds since 1970 by this machine's clock; null where nothing waits. */
  readonly nextDueAt: number | null
  /** Why nothing is collected, as a sentence; null where it is. */
  readonly heldBy: string | null
}

export interface CollectOptions {
  readonly signal: AbortSignal
  /** The most blobs that it looks at, and files that it removes. */
  readonly limit?: number
}

/** One small step. Throws StorageUnavailable, DatabaseUnavailable, WriterUnavailable: the next one goes on from there. */
export async function collectOnce(
  registry: Registry,
  { signal, limit = BLOBS_AT_ONCE }: CollectOptions,
): Promise<CollectResult> {
  const heldBy = await findHindrance(registry, registry.policy)
  if (heldBy !== null) return { ...NOTHING, isIdle: true, nextDueAt: null, heldBy }
  const { collection } = registry.policy
  const due = await listDueBlobReviews(registry.database, { now: Date.now(), limit })
  const digests = due.map(({ digest }) => digest)
  let sweep = NO_SWEEP
  let looked: Looked
  try {
    looked = await lookAt(registry, digests, { ...collection, isHurried: false })
  } finally {
    // A blob whose bytes cannot be moved keeps nothing that lies aside from being unlinked.
    if (!signal.aborted) {
      sweep = await sweepCondemned(registry, { longerThan: collection.unlinkAfter, limit })
    }
  }
  const isIdle = !looked.isBusy && sweep.unlinked === 0
  const nextDueAt = isIdle ? await findNextDue(registry, looked.clockAhead) : Date.now()
  return { ...sum(looked, sweep), isIdle, nextDueAt, heldBy: null }
}

/** Where a run that does not wait goes on. Plain data, for it is handed out and comes back. */
export interface CollectCursor {
  /** The digest after which it goes on; '' at the beginning of a round. */
  readonly after: string
  /** Whether this round has come upon something to do: then another one follows. */
  readonly isBusy: boolean
  /** Whether it has come upon what the link tree must show first: then it looks again a little later. */
  readonly isWaiting: boolean
  /** Rounds in which only the link tree was waited for. */
  readonly waited: number
}

export const COLLECT_BEGIN: CollectCursor = { after: '', isBusy: false, isWaiting: false, waited: 0 }

export interface CollectPage extends Collected {
  /** Null when all is done that can be. */
  readonly next: CollectCursor | null
}

/** The images cannot be told from garbage now. The message says why, and what to do. */
export class CollectionHeld extends Error {
  override readonly name = 'CollectionHeld'
}

export interface CollectNowOptions {
  readonly signal: AbortSignal
  /** How long deleted bytes must have lain aside, in milliseconds; as the policy says where nobody does. */
  readonly unlinkAfter?: number
}

/** Milliseconds until the link tree has been synced, surely; it is asked now and then. */
const TREE_TAKES = 10_000
const ASK_TREE_EVERY = 250

/**
 * A part of a run that waits for no grace: what nothing needs goes at once, save what a lease holds. Throws
 * CollectionHeld, and as `collectOnce`.
 */
export async function collectPage(
  registry: Registry,
  cursor: CollectCursor,
  { signal, unlinkAfter = registry.policy.collection.unlinkAfter }: CollectNowOptions,
): Promise<CollectPage> {
  const heldBy = await findHindrance(registry, registry.policy)
  if (heldBy !== null) throw new CollectionHeld(heldBy)
  const reviews = await listBlobReviews(registry.database, { after: cursor.after, limit: BLOBS_AT_ONCE })
  const digests = reviews.map(({ digest }) => digest)
  const looked = await lookAt(registry, digests, { grace: 0, condemnedFor: 0, isHurried: true })
  const round = {
    ...cursor,
    isBusy: cursor.isBusy || looked.isBusy,
    isWaiting: cursor.isWaiting || looked.waiting > 0,
  }
  const last = digests.length < BLOBS_AT_ONCE ? undefined : digests.at(-1)
  if (last !== undefined) {
    return { ...sum(looked, NO_SWEEP), next: signal.aborted ? null : { ...round, after: last } }
  }
  const sweep = await sweepCondemned(registry, { longerThan: unlinkAfter, limit: BLOBS_AT_ONCE })
  const isBusy = round.isBusy || !sweep.isDone
  return { ...sum(looked, sweep), next: signal.aborted ? null : await nextRound({ ...round, isBusy }) }
}

/** Whole runs, for those who need not answer meanwhile. */
export async function collectNow(registry: Registry, options: CollectNowOptions): Promise<Collected> {
  let all: Collected = NOTHING
  for (let cursor: CollectCursor | null = COLLECT_BEGIN; cursor !== null; ) {
    const page: CollectPage = await collectPage(registry, cursor, options)
    all = sumOf(all, page)
    cursor = page.next
  }
  return all
}

async function nextRound({ isBusy, isWaiting, waited }: CollectCursor): Promise<CollectCursor | null> {
  if (isBusy) return COLLECT_BEGIN
  if (!isWaiting || waited >= TREE_TAKES / ASK_TREE_EVERY) return null
  await Bun.sleep(ASK_TREE_EVERY)
  return { ...COLLECT_BEGIN, waited: waited + 1 }
}

interface Looked extends Omit<Collected, 'freedBytes'> {
  /** Something was done, or is left of these. */
  readonly isBusy: boolean
  /** Blobs whose bytes can go once the link tree is synced. */
  readonly waiting: number
  /** Milliseconds by which this machine's clock is ahead of the database's, as far as it was asked. */
  readonly clockAhead: number
}

async function lookAt(
  registry: Registry,
  digests: readonly Digest[],
  how: CollectionTimes & { readonly isHurried: boolean },
): Promise<Looked> {
  if (digests.length === 0) return { ...NOTHING, isBusy: false, waiting: 0, clockAhead: 0 }
  const { grace, condemnedFor, isHurried } = how
  const found = await registry.database.write(reviewBlobsCommand, { digests, grace, condemnedFor, isHurried })
  const deletion: Deletion = await deleteBlobs(registry, found.deleting)
  const strays = await takeStrays(registry, found.unknown)
  const { reviewed, condemned, unlinked } = found
  const isBusy = found.steps + deletion.deleted + strays > 0 || reviewed + found.unknown.length < found.due
  const { waiting, now } = found
  const clockAhead = Date.now() - now
  return { reviewed, condemned, unlinked, deleted: deletion.deleted, isBusy, waiting, clockAhead }
}

async function findNextDue(registry: Registry, clockAhead: number): Promise<number | null> {
  const review = await findNextBlobReview(registry.database)
  const times = [review === null ? null : review + clockAhead, await findNextSweep(registry)]
  const due = times.filter((time) => time !== null)
  return due.length === 0 ? null : Math.min(...due)
}

const NOTHING: Collected = { reviewed: 0, condemned: 0, unlinked: 0, deleted: 0, freedBytes: 0 }
const NO_SWEEP: Sweep = { unlinked: 0, freedBytes: 0, isDone: true }

function sum({ reviewed, condemned, unlinked, deleted }: Looked, { freedBytes }: Sweep): Collected {
  return { reviewed, condemned, unlinked, deleted, freedBytes }
}

/** What was done in both. */
export function sumOf(one: Collected, other: Collected): Collected {
  return {
    reviewed: one.reviewed + other.reviewed,
    condemned: one.condemned + other.condemned,
    unlinked: one.unlinked + other.unlinked,
    deleted: one.deleted + other.deleted,
    freedBytes: one.freedBytes + other.freedBytes,
  }
}
