/**
 * Counts again what has changed: a bounded step, safe at any time, and alone among all that share the database. What
 * a command commits meanwhile leaves a note of its own, and so is counted by a later step; so nothing here needs to
 * hold anything that a push wants.
 */
import { command, type Transaction } from '../metadata/database.ts'
import {
  addToTotal,
  type CountedBlob,
  findCountedBlobs,
  findCountedPlaces,
  findOtherHolder,
  holdUsage,
  storeCountedBlobs,
  storeCountedPlaces,
} from '../metadata/usage.ts'
import {
  forgetUsageChange,
  listUsageChanges,
  noteEdgeUsage,
  noteUsageEverywhere,
  type UsageChange,
} from '../metadata/usage-changes.ts'
import {
  findPlaceKinds,
  findStoredFacts,
  listEdgesOf,
  listRepositoriesOfDigest,
  type StoredFacts,
} from '../metadata/usage-facts.ts'
import { placeKey, type UsagePlace } from '../metadata/usage-place.ts'
import type { Digest } from '../oci/digest.ts'
import {
  addDifference,
  countedBlob,
  countedPlace,
  gainOf,
  type RecountedBlob,
  type RecountedPlace,
  Sums,
  UNCOUNTED,
} from './usage/counting.ts'

/** Nobody waits for more than this: a push that comes meanwhile waits for a few milliseconds. */
const CHANGES_AT_ONCE = 32
const PLACES_AT_ONCE = 300
const NOT_STORED: StoredFacts = { size: null, isLeaving: false }

/** How many changes were counted; 0: there were none. */
export const countUsageCommand = command(
  'usage.count',
  async (tx, _: null): Promise<number> => {
    await holdUsage(tx)
    const changes = await listUsageChanges(tx, CHANGES_AT_ONCE)
    const batch = new Batch()
    let counted = 0
    for (const change of changes) {
      if (batch.places.size >= PLACES_AT_ONCE) break
      await addChange(tx, batch, change)
      await forgetUsageChange(tx, change.id)
      counted++
    }
    await recount(tx, batch)
    return counted
  },
  { durable: false },
)

/** What is to be counted again. */
class Batch {
  readonly digests = new Set<Digest>()
  readonly places = new Map<string, UsagePlace>()

  add(place: UsagePlace): void {
    this.digests.add(place.digest)
    if (place.repository !== 0) this.places.set(placeKey(place), place)
  }
}

/** A manifest that refers to too many blobs for one step leaves a note for each of them instead. */
async function addChange(tx: Transaction, batch: Batch, change: UsageChange): Promise<void> {
  if (change.what === 'blob') return batch.add(change)
  const edges = await listEdgesOf(tx, change, PLACES_AT_ONCE + 1)
  if (edges.length > PLACES_AT_ONCE) return await noteEdgeUsage(tx, change.repository, change.digest)
  for (const digest of [change.digest, ...edges]) batch.add({ repository: change.repository, digest })
}

async function recount(tx: Transaction, batch: Batch): Promise<void> {
  const digests = [...batch.digests]
  const stored = await findStoredFacts(tx, digests)
  const counted = await findCountedBlobs(tx, digests)
  for (const digest of digests) {
    const isAsCounted = (stored.get(digest)?.size ?? null) === (counted.get(digest)?.size ?? null)
    if (!isAsCounted) await addEverywhere(tx, batch, digest)
  }
  const places = await recountPlaces(tx, [...batch.places.values()], stored)
  const blobs: (RecountedBlob & { readonly digest: Digest })[] = []
  for (const digest of digests) {
    const before = counted.get(digest) ?? UNCOUNTED
    const ofDigest = places.get(digest) ?? []
    blobs.push({
      digest,
      ...(await recountBlob(tx, digest, before, stored.get(digest) ?? NOT_STORED, ofDigest)),
    })
  }
  await store(tx, blobs)
}

/** What is stored, or is stored no more, counts wherever the digest is used or linked. */
async function addEverywhere(tx: Transaction, batch: Batch, digest: Digest): Promise<void> {
  const repositories = await listRepositoriesOfDigest(tx, digest, PLACES_AT_ONCE + 1)
  if (repositories.length > PLACES_AT_ONCE) return await noteUsageEverywhere(tx, digest)
  for (const repository of repositories) batch.add({ repository, digest })
}

async function recountPlaces(
  tx: Transaction,
  places: readonly UsagePlace[],
  stored: ReadonlyMap<Digest, StoredFacts>,
): Promise<Map<Digest, RecountedPlace[]>> {
  const counted = await findCountedPlaces(tx, places)
  const kinds = await findPlaceKinds(tx, places)
  const recounted = places.map(({ repository, digest }, at) => ({
    digest,
    repository,
    before: counted.get(placeKey({ repository, digest })) ?? null,
    after: countedPlace(kinds[at] ?? null, stored.get(digest)?.size ?? null),
  }))
  return Map.groupBy(recounted, ({ digest }) => digest)
}

async function recountBlob(
  tx: Transaction,
  digest: Digest,
  before: CountedBlob,
  stored: StoredFacts,
  places: readonly RecountedPlace[],
): Promise<RecountedBlob> {
  const after = countedBlob(stored, {
    liveIn: before.liveIn + gainOf(places, 'live'),
    trashIn: before.trashIn + gainOf(places, 'trash'),
  })
  const sole = async (liveIn: number, which: 'before' | 'after') => {
    if (liveIn !== 1) return null
    const among = places.find((place) => place[which]?.kind === 'live')
    if (among !== undefined) return among.repository
    return await findOtherHolder(tx, digest, new Set(places.map(({ repository }) => repository)))
  }
  const soleBefore = await sole(before.liveIn, 'before')
  return { before, after, soleBefore, soleAfter: await sole(after.liveIn, 'after'), places }
}

async function store(
  tx: Transaction,
  blobs: readonly (RecountedBlob & { readonly digest: Digest })[],
): Promise<void> {
  const sums = new Sums()
  for (const blob of blobs) addDifference(sums, blob)
  await storeCountedBlobs(
    tx,
    blobs.filter(isChanged).map(({ digest, after }) => [digest, after] as const),
  )
  const places = blobs.flatMap(({ digest, places }) => places.map((place) => ({ digest, ...place })))
  await storeCountedPlaces(
    tx,
    places
      .filter(({ before, after }) => before?.kind !== after?.kind || before?.size !== after?.size)
      .map(({ digest, repository, after }) => [{ digest, repository }, after] as const),
  )
  for (const { repository, kind, ...total } of sums.entries()) {
    await addToTotal(tx, { repository, kind }, total)
  }
}

function isChanged({ before, after }: RecountedBlob): boolean {
  return (
    before.size !== after.size ||
    before.kind !== after.kind ||
    before.liveIn !== after.liveIn ||
    before.trashIn !== after.trashIn
  )
}
