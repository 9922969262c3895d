/**
 * Repository names. The grammar keeps them safe as folders of the link tree: no `..`, no empty part, no
 * upper case, and no part that starts with `_`, where that tree keeps its own folders.
 */
import { quoted } from '../lib/quoted.ts'
import { RegistryError } from './errors.ts'

/** Path components joined by `/` (distribution-spec "Pulling manifests", `<name>`), at most 255 characters. */
export type RepositoryName = string & { readonly kind: 'repository-name' }

const LONGEST = 255
const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const NAME = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`)

/** Throws NAME_INVALID. */
export function parseRepositoryName(text: string): RepositoryName {
  const name = findRepositoryName(text)
  if (name !== null) return name
  throw new RegistryError('NAME_INVALID', complaintOf(text))
}

/** As `parseRepositoryName`, but null for what is no name: for hints that may be ignored, such as `from=`. */
export function findRepositoryName(text: string): RepositoryName | null {
  return text.length <= LONGEST && NAME.test(text) ? (text as RepositoryName) : null
}

/**
 * The order in which distribution lists names, component by component: `a`, `a/b`, `a-b`. For that `/` counts as
 * `!`, which sorts before everything that a name may have.
 */
export function byFolders(one: string, other: string): number {
  const [first, second] = [one.replaceAll('/', '!'), other.replaceAll('/', '!')]
  return first < second ? -1 : Number(first > second)
}

function complaintOf(text: string): string {
  return text.length > LONGEST
    ? `A repository name has at most ${LONGEST} characters; this one has ${text.length}.`
    : `${quoted(text)} is not a repository name: use lower-case letters and digits, with . _ __ or - between them and / between parts.`
}
