/**
 * What was met in the link tree that is not as distribution leaves it: counted, with the places of each kind, as
 * many as a person may want to look through. None of it is touched for having been found. It is for the operator,
 * and decides nothing.
 */

const SENTENCES = {
  'empty link': 'empty link files, as a crash leaves them',
  'torn link': 'link files that hold no digest, or another than their own',
  'missing manifest': 'manifests and tags whose bytes are not there',
  'unreadable manifest': 'manifests that are damaged, or no manifests at all',
  'missing blob': 'links to blobs that are not there',
  'damaged blob': 'blobs whose files are not as long as when they were pushed',
  'foreign file': "files and folders that are not a registry's",
  'temporary file': 'temporary files of another registry',
  'old signature': 'signatures of manifests of schema version 1',
  'upload in progress': 'uploads that another registry has begun',
  'impossible name': 'folders whose names no client can ask for',
  'empty tag': 'folders of tags that name nothing',
  'dangling link': 'symbolic links that lead nowhere',
  'link back': 'symbolic links that lead back to a folder above them',
} as const

export type FindingKind = keyof typeof SENTENCES

const PLACES_KEPT = 1_000
const PLACES_NAMED = 3

export interface Finding {
  readonly kind: FindingKind
  readonly count: number
  /** As paths under the root: the first thousand. */
  readonly places: readonly string[]
}

export class Findings {
  readonly #found = new Map<FindingKind, { count: number; readonly places: Set<string> }>()

  /** Adding one again changes nothing, as far as places are kept. */
  add(kind: FindingKind, place: string): void {
    const known = this.#found.get(kind) ?? { count: 0, places: new Set() }
    this.#found.set(kind, known)
    if (known.places.has(place)) return
    known.count++
    if (known.places.size < PLACES_KEPT) known.places.add(place)
  }

  list(): Finding[] {
    return [...this.#found].map(([kind, { count, places }]) => ({ kind, count, places: [...places] }))
  }
}

/** For the log: what it is, how many, and the first of them. */
export function describeFinding({ kind, count, places }: Finding): string {
  const more = count > PLACES_NAMED ? ', …' : ''
  const named = places.slice(0, PLACES_NAMED).join(', ')
  return `found ${SENTENCES[kind]}, and left them as they are (${count}): ${named}${more}`
}
