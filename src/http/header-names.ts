/**
 * Names of headers as Go's servers write them, registry:2 among them: `Docker-Content-Digest`. HTTP/1.1 does not mind the
 * case (RFC 9110 §5.1), but scripts that look for a name with `grep` and `awk` do.
 * Over HTTP/2 Bun writes all in lower case, as it must be there (RFC 9113 §8.2.1); over HTTP/1.1 it has spellings of its
 * own for what it knows: `ETag`, and `content-length` where a file is sent.
 */
import type { Reply } from './reply.ts'

/** What stands in most replies. */
const USUAL = [
  'cache-control',
  'content-type',
  'docker-content-digest',
  'docker-distribution-api-version',
  'docker-upload-uuid',
  'etag',
  'location',
  'x-request-id',
]

const SPELLINGS: ReadonlyMap<string, string> = new Map(USUAL.map((name) => [name, spell(name)]))

/** The same fields, by the names that go out. */
export function spelledOut(headers: Reply['headers']): Record<string, string> {
  const spelled: Record<string, string> = {}
  for (const name in headers) spelled[SPELLINGS.get(name) ?? spell(name)] = headers[name] ?? ''
  return spelled
}

function spell(name: string): string {
  return name.replace(/(?<=^|-)[a-z]/g, (letter) => letter.toUpperCase())
}
