/**
 * Why a digest is still here, or where it went: everything that the database and the storage know of it, with lists
 * that are bounded however many images share it. Changes nothing.
 */
import { type Damage, findDamage } from '../../metadata/damage.ts'
import type { Read } from '../../metadata/database.ts'
import {
  findBlobReview,
  findBlobRow,
  findDeletedAt,
  hasLayerMark,
  listClosingUploads,
  listLinksOf,
  listTrashesWithManifest,
} from '../../metadata/explanation.ts'
import { listRepositoriesWithManifest, listUsers, type ManifestPlace } from '../../metadata/garbage.ts'
import { listLiveParents, listLiveUsers } from '../../metadata/image-usage.ts'
import { findPayload, hasManifest } from '../../metadata/manifests.ts'
import { findRepositoryName } from '../../metadata/repositories.ts'
import { listTagsOf } from '../../metadata/verification.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/tag.ts'
import type { BlobStore } from '../../storage/blob-store.ts'
import type { Registry } from '../registry.ts'
import { type Fate, fateOf, type Holder, type KnownOfDigest, type Some } from './explanation.ts'
import { findHindrance } from './hindrance.ts'

export interface Explanation extends KnownOfDigest, Fate {}

/** Of each list so many are told. */
const SHOWN = 10
/** And so many are counted. */
const COUNTED = 1_000
const TAGS_SHOWN = 5
/** Deleted bytes that are looked through for some of this digest. */
const MOST_CONDEMNED = 100_000

/** Throws StorageUnavailable, DatabaseUnavailable. */
export async function explainDigest(registry: Registry, digest: Digest): Promise<Explanation> {
  const { database, blobs, policy } = registry
  const keepFor = policy.trash.keepFor
  const [blob, payload, review, damage, isMarked] = await Promise.all([
    findBlobRow(database, digest),
    findPayload(database, digest),
    findBlobReview(database, digest),
    findDamage(database, digest),
    hasLayerMark(database, digest),
  ])
  const heldBy = await findHindrance(registry, policy)
  const known: KnownOfDigest = {
    digest,
    blob,
    payload: payload === null ? null : { size: payload.length },
    review,
    damage,
    isMarked,
    heldBy,
    users: await describeHolders(database, await findUsers(database, digest), keepFor),
    manifests: await describeHolders(database, await findManifestPlaces(database, digest), keepFor),
    links: await findLinks(database, digest),
    uploads: await findUploads(database, digest),
    ...(await findBytes(blobs, digest, damage)),
  }
  return {
    ...known,
    ...fateOf(known, {
      ...policy.collection,
      now: Date.now(),
      untaggedFor: policy.untagged.deleteAfter,
    }),
  }
}

interface FoundHolder extends ManifestPlace {
  readonly isLive: boolean
}

/** Those that are there first: what lies in the trash may be much more. */
async function findUsers(read: Read, digest: Digest): Promise<Some<FoundHolder>> {
  const live = await listLiveUsers(read, digest, SHOWN)
  const all = await listUsers(read, digest, { after: { repository: 0, manifest: '' }, limit: COUNTED })
  const shown = new Set(live.map(keyOf))
  const others: FoundHolder[] = []
  for (const place of all) {
    if (shown.size + others.length >= SHOWN) break
    if (shown.has(keyOf(place))) continue
    others.push({ ...place, isLive: await hasManifest(read, place.repository, place.manifest) })
  }
  const items = [...live.map((place) => ({ ...place, isLive: true })), ...others]
  return { items, more: Math.max(0, all.length - items.length) }
}

async function findManifestPlaces(read: Read, digest: Digest): Promise<Some<FoundHolder>> {
  const live = await listRepositoriesWithManifest(read, digest, { after: 0, limit: COUNTED })
  const trashes = await listTrashesWithManifest(read, digest, COUNTED)
  const trashed = [...new Set(trashes)].filter((repository) => !live.includes(repository))
  const places = [
    ...live.map((repository) => ({ repository, manifest: digest, isLive: true })),
    ...trashed.map((repository) => ({ repository, manifest: digest, isLive: false })),
  ]
  return someOf(places)
}

async function describeHolders(
  read: Read,
  { items, more }: Some<FoundHolder>,
  keepFor: number,
): Promise<Some<Holder>> {
  const holders: Holder[] = []
  for (const place of items) holders.push(await describeHolder(read, place, keepFor))
  return { items: holders, more }
}

async function describeHolder(read: Read, place: FoundHolder, keepFor: number): Promise<Holder> {
  const { repository, manifest, isLive } = place
  const parents = isLive ? someOf(await listLiveParents(read, place, COUNTED), TAGS_SHOWN) : NONE
  const indexes: { digest: Digest; tags: Some<Tag> }[] = []
  for (const digest of parents.items) {
    indexes.push({ digest, tags: await findTags(read, { repository, manifest: digest }) })
  }
  const deletedAt = isLive ? null : await findDeletedAt(read, place)
  return {
    repository: await findRepositoryName(read, repository),
    manifest,
    isLive,
    tags: await findTags(read, place),
    indexes: { items: indexes, more: parents.more },
    restorableUntil: deletedAt === null ? null : deletedAt + keepFor,
  }
}

async function findTags(read: Read, place: ManifestPlace): Promise<Some<Tag>> {
  return someOf(await listTagsOf(read, place, COUNTED), TAGS_SHOWN)
}

async function findLinks(read: Read, digest: Digest): Promise<KnownOfDigest['links']> {
  const { items, more } = someOf(await listLinksOf(read, digest, COUNTED))
  const named = items.map(async ({ repository, linkedAt }) => ({
    repository: await findRepositoryName(read, repository),
    linkedAt,
  }))
  return { items: await Promise.all(named), more }
}

async function findUploads(read: Read, digest: Digest): Promise<KnownOfDigest['uploads']> {
  const { items, more } = someOf(await listClosingUploads(read, digest, COUNTED))
  const named = items.map(async ({ id, repository }) => ({
    id,
    repository: await findRepositoryName(read, repository),
  }))
  return { items: await Promise.all(named), more }
}

/** What lies in the storage, in its place and aside. */
async function findBytes(
  blobs: BlobStore,
  digest: Digest,
  damage: Damage | null,
): Promise<Pick<KnownOfDigest, 'file' | 'condemned' | 'quarantined'>> {
  const size = await blobs.stat(digest)
  const condemned: { since: number; size: number }[] = []
  let seen = 0
  for await (const each of blobs.listCondemned()) {
    if (each.digest === digest) condemned.push({ since: each.condemnedAt, size: each.size })
    if (++seen >= MOST_CONDEMNED) break
  }
  condemned.sort((one, other) => other.since - one.since)
  const quarantined = damage === null ? null : await findQuarantined(blobs, digest)
  return { file: size === null ? null : { size }, condemned: someOf(condemned), quarantined }
}

async function findQuarantined(blobs: BlobStore, digest: Digest): Promise<KnownOfDigest['quarantined']> {
  for await (const each of blobs.listQuarantined()) {
    if (each.digest === digest) return { since: each.since, size: each.size }
  }
  return null
}

const NONE: Some<never> = { items: [], more: 0 }

function someOf<Item>(all: readonly Item[], shown = SHOWN): Some<Item> {
  return { items: all.slice(0, shown), more: Math.max(0, all.length - shown) }
}

function keyOf({ repository, manifest }: ManifestPlace): string {
  return `${repository} ${manifest}`
}
