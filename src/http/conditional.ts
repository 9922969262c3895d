/**
 * Conditional requests by entity tag (RFC 9110 §13). Tags here are digests, which never mean two things, so
 * what clients write without its quotes (Docker once did) is taken for the tag that it means.
 */

/** Whether If-None-Match says that the client has it already: then the answer to GET and HEAD is 304. */
export function isNotModified(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch === null) return false
  return parseTags(ifNoneMatch).some((tag) => tag === ANY || tag === unquoted(etag))
}

/**
 * Whether If-Match says that the client wants something else than what is there: then the answer is 412 (§13.1.1).
 * It compares strongly, so a weak tag is never the one.
 */
export function isOutdated(ifMatch: string | null, etag: string): boolean {
  if (ifMatch === null) return false
  return !parseTags(ifMatch.replaceAll(/W\/"[^"]*"/g, '')).some(
    (tag) => tag === ANY || tag === unquoted(etag),
  )
}

const ANY = Symbol('any')

/**
 * A list of `"tag"`, `W/"tag"`, `tag` or `*`; commas inside quotes belong to the tag. Weak ones count (§13.1.2).
 * Where quotes do not close nobody can say which commas are inside: that is no list, and the content is sent.
 */
function parseTags(header: string): (string | typeof ANY)[] {
  const quotes = header.split('"').length - 1
  if (quotes % 2 === 1) return []
  return [...header.matchAll(/(?:W\/)?"([^"]*)"|([^\s,"]+)/g)].map(([, quoted, bare]) =>
    bare === '*' ? ANY : (quoted ?? bare ?? ''),
  )
}

function unquoted(etag: string): string {
  return etag.replace(/^(?:W\/)?"(.*)"$/, '$1')
}
