/**
 * What counts for how much, asked of the facts themselves: of many digests with few round trips, each a few probes of
 * an index.
 */
import type { Digest } from '../oci/digest.ts'
import type { Read, Row } from './database.ts'
import { exactChunksOf } from './many-rows.ts'
import { integer, optionalInteger, optionalText, text } from './row.ts'
import {
  placeColumns,
  placeKey,
  type UsagePlace,
  valuesOf,
  wantedDigests,
  wantedPlaces,
} from './usage-place.ts'

/** What a digest is in a repository: used by a manifest, used only by what lies in the trash, or only linked. */
export type PlaceKind = 'live' | 'trash' | 'reclaimable'

/** What is stored under a digest, as a blob or as a manifest's payload. */
export interface StoredFacts {
  /** Bytes; null where nothing is stored. */
  readonly size: number | null
  /** Whether the bytes are being deleted. */
  readonly isLeaving: boolean
}

/** Whether a manifest that the repository has refers to the digest. Nested, for SQLite plans a join anew with each binding. */
const HAS_LIVE_USER = `(SELECT 1 FROM manifest_blobs
  WHERE manifest_blobs.digest = column2 AND manifest_blobs.repository_id = column1 AND (
    SELECT 1 FROM manifests
    WHERE manifests.repository_id = column1 AND manifests.digest = manifest_blobs.manifest) = 1
  LIMIT 1) = 1`

const KIND = `CASE
  WHEN (SELECT 1 FROM manifests WHERE repository_id = column1 AND digest = column2) = 1 THEN 'live'
  WHEN ${HAS_LIVE_USER} THEN 'live'
  WHEN (SELECT 1 FROM manifest_blobs WHERE digest = column2 AND repository_id = column1 LIMIT 1) = 1 THEN 'trash'
  WHEN (SELECT 1 FROM trashed_manifests WHERE digest = column2 AND repository_id = column1 LIMIT 1) = 1 THEN 'trash'
  WHEN (SELECT 1 FROM repository_blobs WHERE digest = column2 AND repository_id = column1) = 1 THEN 'reclaimable'
  END`

/** What each digest is in its repository, in the order of the places; null where it is nothing there. */
export async function findPlaceKinds(
  read: Read,
  places: readonly UsagePlace[],
): Promise<(PlaceKind | null)[]> {
  const found = new Map<string, PlaceKind | null>()
  for (const chunk of exactChunksOf(places)) {
    await read.all(
      `SELECT column1 AS repository_id, column2 AS digest, ${KIND} AS kind FROM ${wantedPlaces(chunk.length)}`,
      valuesOf(chunk),
      (row) => found.set(placeKey(placeColumns(row)), optionalText(row, 'kind') as PlaceKind | null),
    )
  }
  return places.map((place) => found.get(placeKey(place)) ?? null)
}

/** What is stored of each digest. */
export async function findStoredFacts(
  read: Read,
  digests: readonly Digest[],
): Promise<Map<Digest, StoredFacts>> {
  const found = new Map<Digest, StoredFacts>()
  for (const chunk of exactChunksOf(digests)) {
    await read.all(
      `SELECT column1 AS digest,
         (SELECT size FROM blobs WHERE blobs.digest = column1) AS size,
         (SELECT state FROM blobs WHERE blobs.digest = column1) AS state,
         (SELECT length(bytes) FROM manifest_payloads WHERE manifest_payloads.digest = column1) AS payload
       FROM ${wantedDigests(chunk.length)}`,
      chunk,
      (row) => found.set(text(row, 'digest') as Digest, storedFacts(row)),
    )
  }
  return found
}

/** A payload keeps its bytes whatever the state of a blob that has the same ones. */
function storedFacts(row: Row): StoredFacts {
  const payload = optionalInteger(row, 'payload')
  const isLeaving = payload === null && row['state'] === 'deleting'
  return { size: payload ?? optionalInteger(row, 'size'), isLeaving }
}

/** At most `limit` repositories that have to do with the digest, each once: they use it, link it, or were counted for it. */
export function listRepositoriesOfDigest(read: Read, digest: Digest, limit: number): Promise<number[]> {
  return read.all(
    `SELECT repository_id FROM repository_blobs WHERE digest = $1
     UNION SELECT repository_id FROM manifest_blobs WHERE digest = $1
     UNION SELECT repository_id FROM manifests WHERE digest = $1
     UNION SELECT repository_id FROM trashed_manifests WHERE digest = $1
     UNION SELECT repository_id FROM usage_places WHERE digest = $1 LIMIT $2`,
    [digest, limit],
    (row) => integer(row, 'repository_id'),
  )
}

/** The digests of blobs that a manifest refers to, at most `limit`. */
export function listEdgesOf(read: Read, manifest: UsagePlace, limit: number): Promise<Digest[]> {
  return read.all(
    `SELECT digest FROM manifest_blobs WHERE repository_id = $1 AND manifest = $2 ORDER BY digest LIMIT $3`,
    [manifest.repository, manifest.digest, limit],
    (row) => text(row, 'digest') as Digest,
  )
}
