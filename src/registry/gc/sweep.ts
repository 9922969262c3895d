/**
 * Bytes that lie aside after a deletion: they are unlinked for good once they have lain there for long enough and the
 * database, asked then, needs none of them; what it does need is put back.
 */
import type { Read } from '../../metadata/database.ts'
import {
  findBlobStandings,
  findLinkedAnywhere,
  findPayloadDigests,
  findReferredDigests,
} from '../../metadata/leaving-blobs.ts'
import type { Digest } from '../../oci/digest.ts'
import type { CondemnedBytes } from '../../storage/blob-store.ts'
import type { Registry } from '../registry.ts'
import { putBackBytes } from '../stored-bytes.ts'

const AT_ONCE = 100

export interface Sweep {
  /** How many files were unlinked. */
  readonly unlinked: number
  readonly freedBytes: number
  /** Whether all that had lain for long enough was gone through. */
  readonly isDone: boolean
}

/**
 * About `limit` of those that have lain aside for `longerThan` milliseconds; those whose deletion is not finished are
 * passed over. Throws StorageUnavailable, DatabaseUnavailable: then nothing more is unlinked.
 */
export async function sweepCondemned(
  registry: Registry,
  { longerThan, limit }: { readonly longerThan: number; readonly limit: number },
): Promise<Sweep> {
  let [unlinked, freedBytes, settled] = [0, 0, 0]
  const found = registry.blobs.listCondemned(Date.now() - longerThan)
  for await (const page of pagesOf(found, Math.min(limit, AT_ONCE))) {
    const swept = await sweepPage(registry, page)
    for (const bytes of swept.unlinked) {
      unlinked++
      freedBytes += bytes.size
    }
    settled += swept.settled
    if (settled >= limit) return { unlinked, freedBytes, isDone: false }
  }
  return { unlinked, freedBytes, isDone: true }
}

/** When the oldest will have lain for long enough, in milliseconds since 1970; null where nothing lies aside. */
export async function findNextSweep({ blobs, policy }: Registry): Promise<number | null> {
  // Of all times, and yet not of what a backup holds back.
  const [oldest] = await firstOf(blobs.listCondemned(Number.MAX_SAFE_INTEGER), 1)
  return oldest === undefined ? null : oldest.condemnedAt + policy.collection.unlinkAfter
}

/**
 * Puts back what the database needs and a process that died has left aside: before anybody compares the folder with
 * the database, for that would take such a blob for lost.
 */
export async function putBackNeeded(registry: Registry): Promise<number> {
  let count = 0
  for await (const page of pagesOf(registry.blobs.listCondemned())) {
    const digests = page.map(({ digest }) => digest)
    const { needed } = await whatIsNeeded(registry.database, digests)
    for (const digest of needed) if (await putBackBytes(registry, digest)) count++
  }
  return count
}

interface SweptPage {
  readonly unlinked: readonly CondemnedBytes[]
  /** How many lie there no more. */
  readonly settled: number
}

async function sweepPage(registry: Registry, page: readonly CondemnedBytes[]): Promise<SweptPage> {
  const digests = page.map(({ digest }) => digest)
  const { needed, undecided } = await whatIsNeeded(registry.database, digests)
  const back = new Set<Digest>()
  for (const digest of needed) if (await putBackBytes(registry, digest)) back.add(digest)
  // A second copy of what is in its place is of no use.
  const unneeded = page.filter(({ digest }) => !undecided.has(digest) && !back.has(digest))
  for (const bytes of unneeded) await registry.blobs.unlinkCondemned(bytes)
  return { unlinked: unneeded, settled: unneeded.length + back.size }
}

/**
 * What is known of, referred to or linked. A blob that was taken for lost is only linked: on any doubt it is needed. Of
 * a blob whose deletion has not been finished it is not decided.
 */
async function whatIsNeeded(
  read: Read,
  digests: readonly Digest[],
): Promise<{ readonly needed: ReadonlySet<Digest>; readonly undecided: ReadonlySet<Digest> }> {
  const blobs = await findBlobStandings(read, digests)
  const manifests = await findPayloadDigests(read, digests)
  const of = (isLeaving: boolean) =>
    blobs.filter(({ state }) => (state === 'deleting') === isLeaving).map(({ digest }) => digest)
  const referred = await findReferredDigests(read, digests)
  const linked = await findLinkedAnywhere(read, digests)
  const needed = new Set([...of(false), ...manifests, ...referred, ...linked])
  return { needed, undecided: new Set(of(true).filter((digest) => !needed.has(digest))) }
}

async function firstOf<Item>(items: AsyncIterable<Item>, count: number): Promise<Item[]> {
  for await (const page of pagesOf(items, count)) return page
  return []
}

async function* pagesOf<Item>(items: AsyncIterable<Item>, size = AT_ONCE): AsyncGenerator<Item[]> {
  let page: Item[] = []
  for await (const item of items) {
    page.push(item)
    if (page.length < size) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}
