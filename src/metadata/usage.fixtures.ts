/** A call of each function about what everything takes up (queries.fixtures.ts). */
import { digestOf } from '../oci/digest.ts'
import type { Transaction } from './database.ts'
import * as imageUsage from './image-usage.ts'
import type { RepositoryId } from './repositories.ts'
import * as usage from './usage.ts'
import * as usageChanges from './usage-changes.ts'
import * as usageFacts from './usage-facts.ts'

const repository = 1 as RepositoryId
const digest = digestOf(new Uint8Array([1]))
/** So many that they fill chunks of each size. */
const many = Array.from({ length: 111 }, (_, index) => digestOf(new Uint8Array([index])))
const manyPlaces = many.map((each, at) => ({ repository: 1 + (at % 10), digest: each }))

export const USAGE_SAMPLES: Readonly<
  Record<string, (tx: Transaction) => readonly (() => Promise<unknown>)[]>
> = {
  noteManifestUsage: (tx) => [() => usageChanges.noteManifestUsage(tx, repository, many)],
  noteBlobUsage: (tx) => [() => usageChanges.noteBlobUsage(tx, manyPlaces)],
  noteEdgeUsage: (tx) => [() => usageChanges.noteEdgeUsage(tx, repository, digest)],
  noteUsageEverywhere: (tx) => [() => usageChanges.noteUsageEverywhere(tx, digest)],
  listUsageChanges: (tx) => [() => usageChanges.listUsageChanges(tx, 100)],
  numberOfUsageChanges: (tx) => [() => usageChanges.numberOfUsageChanges(tx, 100)],
  forgetUsageChange: (tx) => [() => usageChanges.forgetUsageChange(tx, 1)],
  findPlaceKinds: (tx) => [() => usageFacts.findPlaceKinds(tx, manyPlaces)],
  findStoredFacts: (tx) => [() => usageFacts.findStoredFacts(tx, many)],
  listRepositoriesOfDigest: (tx) => [() => usageFacts.listRepositoriesOfDigest(tx, digest, 100)],
  listEdgesOf: (tx) => [() => usageFacts.listEdgesOf(tx, { repository, digest }, 100)],
  holdUsage: (tx) => [() => usage.holdUsage(tx)],
  findCountedBlobs: (tx) => [() => usage.findCountedBlobs(tx, many)],
  findCountedPlaces: (tx) => [() => usage.findCountedPlaces(tx, manyPlaces)],
  findOtherHolder: (tx) => [() => usage.findOtherHolder(tx, digest, new Set([1]))],
  storeCountedBlobs: (tx) => [
    () => {
      const counted = { size: 1, kind: 'live', liveIn: 1, trashIn: 0 } as const
      return usage.storeCountedBlobs(
        tx,
        many.map((each, at) => [each, at === 0 ? { ...counted, size: null, liveIn: 0 } : counted]),
      )
    },
  ],
  storeCountedPlaces: (tx) => [
    () =>
      usage.storeCountedPlaces(
        tx,
        manyPlaces.map((place, at) => [place, at === 0 ? null : { kind: 'live', size: 1 }]),
      ),
  ],
  addToTotal: (tx) => [() => usage.addToTotal(tx, { repository, kind: 'unique' }, { bytes: 1, digests: 1 })],
  listLargestRepositories: (tx) => [
    () => usage.listLargestRepositories(tx, { after: null, limit: 100 }),
    () => usage.listLargestRepositories(tx, { after: { bytes: 5, repository: 3 }, limit: 100 }),
  ],
  findTotals: (tx) => [() => usage.findTotals(tx, repository)],

  listLiveUsers: (tx) => [() => imageUsage.listLiveUsers(tx, digest, 100)],
  listLiveParents: (tx) => [() => imageUsage.listLiveParents(tx, { repository, manifest: digest }, 100)],
  isManifestKnown: (tx) => [() => imageUsage.isManifestKnown(tx, { repository, manifest: digest })],
}
