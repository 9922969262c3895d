/** References: what stands after `manifests/` in a path. */
import { type Digest, parseDigest } from './digest.ts'
import { parseTag, type Tag } from './tag.ts'

/** What names a manifest in a repository: a tag, or the manifest's own digest. */
export type Reference =
  | { readonly kind: 'tag'; readonly tag: Tag }
  | { readonly kind: 'digest'; readonly digest: Digest }

/** A colon makes it a digest, for a tag has none. Throws DIGEST_INVALID, TAG_INVALID. */
export function parseReference(text: string): Reference {
  return text.includes(':')
    ? { kind: 'digest', digest: parseDigest(text) }
    : { kind: 'tag', tag: parseTag(text) }
}
