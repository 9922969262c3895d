/**
 * What one digest adds to the sums, before and after it was counted again: arithmetic alone, no I/O.
 *
 * A digest is in a repository `live`, `trash`, `reclaimable` or nothing; in all it is the first of these that it is
 * anywhere, or `leaving`. It is unique to the only repository in which it is live.
 */
import type { BlobKind, CountedBlob, CountedPlace, TotalKind } from '../../metadata/usage.ts'
import type { PlaceKind, StoredFacts } from '../../metadata/usage-facts.ts'

/** What a digest was counted for in a repository, and what it is there. Null: nothing. */
export interface RecountedPlace {
  readonly repository: number
  readonly before: CountedPlace | null
  readonly after: CountedPlace | null
}

export interface RecountedBlob {
  readonly before: CountedBlob
  readonly after: CountedBlob
  /** The repository in which alone it was live, and is; null where there is none, or several. */
  readonly soleBefore: number | null
  readonly soleAfter: number | null
  readonly places: readonly RecountedPlace[]
}

export const UNCOUNTED: CountedBlob = { size: null, kind: null, liveIn: 0, trashIn: 0 }

/** The sums, by repository (0: everything) and kind. */
export class Sums {
  readonly #totals = new Map<number, Map<TotalKind, { bytes: number; digests: number }>>()

  /** `times` −1 takes it away. */
  add(repository: number, kind: TotalKind, bytes: number, times: 1 | -1): void {
    const ofRepository = this.#totals.get(repository) ?? new Map()
    this.#totals.set(repository, ofRepository)
    const total = ofRepository.get(kind) ?? { bytes: 0, digests: 0 }
    ofRepository.set(kind, { bytes: total.bytes + times * bytes, digests: total.digests + times })
  }

  /** Those that are not zero, in the order of repositories and kinds. */
  entries(): { repository: number; kind: TotalKind; bytes: number; digests: number }[] {
    const entries = [...this.#totals].flatMap(([repository, kinds]) =>
      [...kinds].map(([kind, total]) => ({ repository, kind, ...total })),
    )
    return entries
      .filter(({ bytes, digests }) => bytes !== 0 || digests !== 0)
      .toSorted((one, other) => one.repository - other.repository || (one.kind < other.kind ? -1 : 1))
  }
}

/** What a digest of which so much is stored is, used in so many places. */
export function countedBlob(
  stored: StoredFacts,
  { liveIn, trashIn }: Pick<CountedBlob, 'liveIn' | 'trashIn'>,
): CountedBlob {
  return { size: stored.size, kind: kindOf(stored, liveIn, trashIn), liveIn, trashIn }
}

function kindOf({ size, isLeaving }: StoredFacts, liveIn: number, trashIn: number): BlobKind | null {
  if (size === null) return null
  if (liveIn > 0) return 'live'
  if (trashIn > 0) return 'trash'
  return isLeaving ? 'leaving' : 'reclaimable'
}

/** What a digest counts for in a repository: nothing where nothing is stored. */
export function countedPlace(kind: PlaceKind | null, size: number | null): CountedPlace | null {
  return kind === null || size === null ? null : { kind, size }
}

/** In how many places more (or fewer) the digest is of this kind now. */
export function gainOf(places: readonly RecountedPlace[], kind: PlaceKind): number {
  return places.reduce(
    (gain, { before, after }) => gain + Number(after?.kind === kind) - Number(before?.kind === kind),
    0,
  )
}

/** Adds the difference that a digest makes. */
export function addDifference(sums: Sums, blob: RecountedBlob): void {
  for (const { repository, before, after } of blob.places) {
    if (before !== null) sums.add(repository, before.kind, before.size, -1)
    if (after !== null) sums.add(repository, after.kind, after.size, 1)
  }
  addInAll(sums, blob.before, blob.soleBefore, -1)
  addInAll(sums, blob.after, blob.soleAfter, 1)
}

function addInAll(sums: Sums, { size, kind }: CountedBlob, sole: number | null, times: 1 | -1): void {
  if (size === null || kind === null) return
  sums.add(0, kind, size, times)
  if (sole === null) return
  sums.add(sole, 'unique', size, times)
  sums.add(0, 'unique', size, times)
}
