/**
 * What was met in the link tree that is not as distribution leaves it: counted, with a few places of each kind.
 * None of it is touched for having been found. It is for one summary to the operator, and decides nothing.
 */

export type FindingKind =
  | 'empty link'
  | 'torn link'
  | 'missing manifest'
  | 'unreadable manifest'
  | 'missing blob'
  | 'damaged blob'
  | 'foreign file'
  | 'temporary file'
  | 'old signature'
  | 'upload in progress'
  | 'impossible name'

const SENTENCES: Readonly<Record<FindingKind, string>> = {
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
}

const PLACES_NAMED = 3

export interface Finding {
  readonly kind: FindingKind
  readonly count: number
  /** The first few, as paths under the root. */
  readonly places: readonly string[]
}

export class Findings {
  readonly #found = new Map<FindingKind, { count: number; readonly places: string[] }>()

  add(kind: FindingKind, place: string): void {
    const known = this.#found.get(kind) ?? { count: 0, places: [] }
    this.#found.set(kind, known)
    known.count++
    if (known.places.length < PLACES_NAMED) known.places.push(place)
  }

  list(): Finding[] {
    return [...this.#found].map(([kind, { count, places }]) => ({ kind, count, places }))
  }
}

/** For the log: what it is, how many, and the first of them. */
export function describeFinding({ kind, count, places }: Finding): string {
  const more = count > places.length ? ', …' : ''
  return `found ${SENTENCES[kind]}, and left them as they are (${count}): ${places.join(', ')}${more}`
}
