/**
 * The tag under which clients keep the list of a manifest's referrers on a registry without the referrers
 * API: an index that they read, change and push again. Lists that stem from such a time are read beside the
 * registry's own; none is ever written here.
 */
import { algorithmOf, type Digest, hexOf } from './digest.ts'
import type { Tag } from './tag.ts'

/** A tag has at most 128 characters, which a whole sha512 digest would exceed. */
const LONGEST_ENCODED = 64

/**
 * `<algorithm>-<hex>` (distribution-spec "Referrers Tag Schema"; its limit of 32 characters for the
 * algorithm is beyond those that a Digest can have). Two sha512 digests may share a tag: of what is found under
 * it, a manifest that has a `subject` goes by that, and only one that has none goes by the tag.
 */
export function referrersTag(digest: Digest): Tag {
  return `${algorithmOf(digest)}-${hexOf(digest).slice(0, LONGEST_ENCODED)}` as Tag
}
