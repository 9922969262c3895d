/**
 * Conditional requests by entity tag (RFC 9110 §13). Tags here are digests, which never mean two things, so
 * what clients write without its quotes (Docker once did) is taken for the tag that it means.
 */

/** Whether If-None-Match says that the client has it already: then the answer to GET and HEAD is 304. */
export function isNotModified(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch === null) return false
  return parseTags(ifNoneMatch).some(({ tag }) => tag === ANY || tag === unquoted(etag))
}

/**
 * Whether If-Match forbids to go on: then the answer is 412. `etag` is that of what is there now, or null where
 * nothing is. A weak tag never matches (§13.1.1).
 */
export function isPreconditionFailed(ifMatch: string | null, etag: string | null): boolean {
  if (ifMatch === null) return false
  if (etag === null) return true
  return !parseTags(ifMatch).some(({ tag, weak }) => tag === ANY || (!weak && tag === unquoted(etag)))
}

const ANY = Symbol('any')

interface EntityTag {
  readonly tag: string | typeof ANY
  readonly weak: boolean
}

/** A list of `"tag"`, `W/"tag"`, `tag` or `*`; commas inside quotes belong to the tag. */
function parseTags(header: string): EntityTag[] {
  return [...header.matchAll(/(W\/)?"([^"]*)"|([^\s,"]+)/g)].map(([, weak, quoted, bare]) => ({
    tag: bare === '*' ? ANY : (quoted ?? bare ?? ''),
    weak: weak !== undefined,
  }))
}

function unquoted(etag: string): string {
  return etag.replace(/^(?:W\/)?"(.*)"$/, '$1')
}
