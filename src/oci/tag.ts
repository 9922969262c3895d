/** Tags: the names that people give to manifests. The grammar keeps them safe as folders of the link tree. */
import { quoted } from '../lib/quoted.ts'
import { RegistryError } from './errors.ts'

/** At most 128 characters (distribution-spec "Pulling manifests", `<reference>` as a tag). */
export type Tag = string & { readonly kind: 'tag' }

const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/

/** Throws TAG_INVALID. */
export function parseTag(text: string): Tag {
  const tag = findTag(text)
  if (tag !== null) return tag
  throw new RegistryError(
    'TAG_INVALID',
    `${quoted(text)} is not a tag: use up to 128 letters, digits, _ . and -, and start with a letter, a digit or _.`,
  )
}

/** As `parseTag`, but null for what is none: for names of folders. */
export function findTag(text: string): Tag | null {
  return TAG.test(text) ? (text as Tag) : null
}
