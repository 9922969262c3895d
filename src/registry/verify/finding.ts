/**
 * What verification tells: each finding a sentence for people, and its parts for programs. `damage` breaks something for
 * somebody; `unreadable` could not be looked at, so nothing is known of it; a `note` is worth knowing and nobody's loss.
 */
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import type { Tag } from '../../oci/tag.ts'

export type Severity = 'damage' | 'unreadable' | 'note'

/** By what was compared. Each is described in docs/operate/verify.md. */
export const SEVERITIES = {
  'blob missing': 'damage',
  'blob has wrong size': 'damage',
  'blob has wrong bytes': 'damage',
  'blob has another size than recorded': 'damage',
  'manifest bytes damaged': 'damage',
  'manifest bytes missing': 'damage',
  'manifest file missing': 'damage',
  'manifest file differs': 'damage',
  'image incomplete': 'damage',
  'index incomplete': 'note',
  'link missing': 'damage',
  'link torn': 'damage',
  'link differs': 'damage',
  'link unknown': 'note',
  'bytes being pushed': 'note',
  'bytes waiting for collection': 'note',
  'bytes left behind': 'note',
  'foreign file': 'note',
  'upload left behind': 'note',
  'upload shorter than acknowledged': 'note',
  'blob set aside by mistake': 'damage',
  'bytes in quarantine': 'note',
  'counter differs': 'damage',
  unreadable: 'unreadable',
  'tree not known': 'unreadable',
} as const satisfies Readonly<Record<string, Severity>>

export type FindingKind = keyof typeof SEVERITIES

export interface VerifyFinding {
  readonly kind: FindingKind
  readonly severity: Severity
  /** For people: what it is, and what to do. */
  readonly message: string
  readonly digest: Digest | null
  readonly repository: RepositoryName | null
  readonly tag: Tag | null
  /** Under the data folder. */
  readonly path: string | null
  /** What cannot be pulled whole because of it: the first ones. */
  readonly images: readonly BrokenImage[]
  /** And how many more there are; of very many only that there are more. */
  readonly moreImages: number
  /** What was done about it; null where nothing was. */
  readonly repair: string | null
  /** It is well again. */
  readonly isMended: boolean
}

export interface BrokenImage {
  readonly repository: RepositoryName
  readonly manifest: Digest
  /** Those that lead to it, by way of indexes too. */
  readonly tags: readonly Tag[]
  /** It was deleted, and can still be restored. */
  readonly inTrash: boolean
}

/** A finding with nothing but what is given. */
export function finding(
  kind: FindingKind,
  message: string,
  parts: Partial<Omit<VerifyFinding, 'kind' | 'severity' | 'message'>> = {},
): VerifyFinding {
  return {
    kind,
    severity: SEVERITIES[kind],
    message,
    digest: null,
    repository: null,
    tag: null,
    path: null,
    images: [],
    moreImages: 0,
    repair: null,
    isMended: false,
    ...parts,
  }
}

/** The same, and what has been done about it. */
export function mended(found: VerifyFinding, repair: string): VerifyFinding {
  return { ...found, repair, isMended: true }
}

/** As people call them: `team/app:v1`, `team/app@sha256:…` where no tag leads there. */
export function nameImages({ images, moreImages }: Pick<VerifyFinding, 'images' | 'moreImages'>): string[] {
  const names = images.flatMap(({ repository, manifest, tags, inTrash }) => {
    const named =
      tags.length === 0 ? [`${repository}@${manifest}`] : tags.map((tag) => `${repository}:${tag}`)
    return inTrash ? named.map((name) => `${name} (in the trash)`) : named
  })
  return moreImages === 0 ? names : [...names, `and ${moreImages} more`]
}
