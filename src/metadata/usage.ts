/**
 * What everything takes up, as it was counted last, and the sums of that. Only the counting writes here
 * (registry/usage.commands.ts), one step at a time.
 */
import type { Digest } from '../oci/digest.ts'
import type { Read, Row, Transaction } from './database.ts'
import { exactChunksOf, insertRows } from './many-rows.ts'
import { integer, optionalInteger, optionalText, text } from './row.ts'
import { putSetting } from './settings.ts'
import type { PlaceKind } from './usage-facts.ts'
import {
  placeColumns,
  placeKey,
  type UsagePlace,
  valuesOf,
  wantedDigests,
  wantedPlaces,
} from './usage-place.ts'

/** What a digest is in all. `leaving`: its bytes are being deleted. */
export type BlobKind = PlaceKind | 'leaving'

/** What a sum is of. `unique`: what is live in one repository only; in all, of every such repository. */
export type TotalKind = BlobKind | 'unique'

export interface CountedBlob {
  /** Bytes; null where nothing is stored. */
  readonly size: number | null
  /** Null exactly where nothing is stored. */
  readonly kind: BlobKind | null
  /** In how many repositories it is live, and how many have it only in the trash. */
  readonly liveIn: number
  readonly trashIn: number
}

export interface CountedPlace {
  readonly kind: PlaceKind
  /** Bytes. */
  readonly size: number
}

export interface Total {
  readonly bytes: number
  readonly digests: number
}

/** Of nothing at all. */
export const NOTHING: Total = { bytes: 0, digests: 0 }

/** Holds the counting until the transaction ends: one step at a time, of all that share the database. */
export async function holdUsage(tx: Transaction): Promise<void> {
  await putSetting(tx, 'usage.counting', 'whoever counts holds this row')
}

export async function findCountedBlobs(
  read: Read,
  digests: readonly Digest[],
): Promise<Map<Digest, CountedBlob>> {
  const found = new Map<Digest, CountedBlob>()
  for (const chunk of exactChunksOf(digests)) {
    await read.all(
      `SELECT column1 AS digest, ${['size', 'kind', 'live_in', 'trash_in'].map(columnOfBlob).join(', ')}
       FROM ${wantedDigests(chunk.length)}`,
      chunk,
      (row) => {
        if (row['live_in'] !== null) found.set(text(row, 'digest') as Digest, countedBlob(row))
      },
    )
  }
  return found
}

/** Probed row by row (chunks.ts). */
function columnOfBlob(column: string): string {
  return `(SELECT ${column} FROM usage_blobs WHERE usage_blobs.digest = column1) AS ${column}`
}

function countedBlob(row: Row): CountedBlob {
  return {
    size: optionalInteger(row, 'size'),
    kind: optionalText(row, 'kind') as BlobKind | null,
    liveIn: integer(row, 'live_in'),
    trashIn: integer(row, 'trash_in'),
  }
}

/** By `placeKey`, those that count for something. */
export async function findCountedPlaces(
  read: Read,
  places: readonly UsagePlace[],
): Promise<Map<string, CountedPlace>> {
  const found = new Map<string, CountedPlace>()
  const counted =
    'FROM usage_places WHERE usage_places.digest = column2 AND usage_places.repository_id = column1'
  for (const chunk of exactChunksOf(places)) {
    await read.all(
      `SELECT column1 AS repository_id, column2 AS digest,
         (SELECT kind ${counted}) AS kind, (SELECT size ${counted}) AS size FROM ${wantedPlaces(chunk.length)}`,
      valuesOf(chunk),
      (row) => {
        const kind = optionalText(row, 'kind') as PlaceKind | null
        if (kind !== null) found.set(placeKey(placeColumns(row)), { kind, size: integer(row, 'size') })
      },
    )
  }
  return found
}

/** A repository in which the digest was counted as live, other than these; null where there is none. */
export async function findOtherHolder(
  read: Read,
  digest: Digest,
  besides: ReadonlySet<number>,
): Promise<number | null> {
  const holders = await read.all(
    `SELECT repository_id FROM usage_places WHERE digest = $1 AND kind = 'live' ORDER BY repository_id LIMIT $2`,
    [digest, besides.size + 1],
    (row) => integer(row, 'repository_id'),
  )
  return holders.find((holder) => !besides.has(holder)) ?? null
}

export async function storeCountedBlobs(
  tx: Transaction,
  blobs: readonly (readonly [Digest, CountedBlob])[],
): Promise<void> {
  const [gone, kept] = split(blobs, ([, blob]) => blob.size === null && blob.liveIn + blob.trashIn === 0)
  await insertRows(tx, {
    into: 'usage_blobs (digest, size, kind, live_in, trash_in)',
    rows: kept.map(([digest, blob]) => [digest, blob.size, blob.kind, blob.liveIn, blob.trashIn]),
    ending: `ON CONFLICT (digest) DO UPDATE SET size = excluded.size, kind = excluded.kind,
       live_in = excluded.live_in, trash_in = excluded.trash_in`,
  })
  for (const [digest] of gone) await tx.run(`DELETE FROM usage_blobs WHERE digest = $1`, [digest])
}

/** Null: it counts for nothing there any more. */
export async function storeCountedPlaces(
  tx: Transaction,
  places: readonly (readonly [UsagePlace, CountedPlace | null])[],
): Promise<void> {
  const [gone, kept] = split(places, ([, counted]) => counted === null)
  await insertRows(tx, {
    into: 'usage_places (digest, repository_id, kind, size)',
    rows: kept.flatMap(([{ digest, repository }, counted]) =>
      counted === null ? [] : [[digest, repository, counted.kind, counted.size]],
    ),
    ending: 'ON CONFLICT (digest, repository_id) DO UPDATE SET kind = excluded.kind, size = excluded.size',
  })
  for (const [{ digest, repository }] of gone) {
    await tx.run(`DELETE FROM usage_places WHERE digest = $1 AND repository_id = $2`, [digest, repository])
  }
}

/** Adds to the sum of a repository, or with repository 0 to that of everything. */
export async function addToTotal(
  tx: Transaction,
  { repository, kind }: { readonly repository: number; readonly kind: TotalKind },
  { bytes, digests }: Total,
): Promise<void> {
  await tx.run(
    `INSERT INTO usage_totals (repository_id, kind, bytes, digests) VALUES ($1, $2, $3, $4)
     ON CONFLICT (repository_id, kind) DO UPDATE SET
       bytes = usage_totals.bytes + excluded.bytes, digests = usage_totals.digests + excluded.digests`,
    [repository, kind, bytes, digests],
  )
}

/** The sums of a repository, or with 0 of everything. A kind that is missing is NOTHING. */
export async function findTotals(read: Read, repository: number): Promise<Map<TotalKind, Total>> {
  const rows = await read.all(
    `SELECT kind, bytes, digests FROM usage_totals WHERE repository_id = $1`,
    [repository],
    (row) =>
      [
        text(row, 'kind') as TotalKind,
        { bytes: integer(row, 'bytes'), digests: integer(row, 'digests') },
      ] as const,
  )
  return new Map(rows)
}

/** A repository in the order of what its images take up. */
export interface LargestPlace {
  readonly bytes: number
  readonly repository: number
}

/** At most `limit` repositories after a place in that order, the largest first; null for the first page. */
export function listLargestRepositories(
  read: Read,
  { after, limit }: { readonly after: LargestPlace | null; readonly limit: number },
): Promise<LargestPlace[]> {
  const { bytes, repository } = after ?? { bytes: Number.MAX_SAFE_INTEGER, repository: 0 }
  return read.all(
    `SELECT bytes, repository_id FROM usage_totals
     WHERE kind = 'live' AND (bytes, repository_id) < ($1, $2) AND repository_id > 0
     ORDER BY bytes DESC, repository_id DESC LIMIT $3`,
    [bytes, repository, limit],
    (row) => ({ bytes: integer(row, 'bytes'), repository: integer(row, 'repository_id') }),
  )
}

function split<Item>(items: readonly Item[], isFirst: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))]
}
