/**
 * Ranges of a representation (RFC 9110 §14): what a Range header asks for, and the reply that gives it.
 *
 * What cannot be understood is ignored (§14.2), as are requests that would cost more than they ask for: more
 * than 1024 ranges (a partial pull of zstd:chunked layers asks for no more), or ranges that add up to more
 * than the whole. A range that is understood and holds nothing (behind the end, or `500-0`) is answered 416.
 * Knows no caching: If-None-Match has been looked at before.
 */
import type { ByteRange } from '../lib/byte-range.ts'
import type { Content } from '../lib/content.ts'
import { multipart } from './multipart.ts'
import type { Reply } from './reply.ts'

export type RangesAsked =
  | { readonly kind: 'whole' }
  | { readonly kind: 'unsatisfiable' }
  | { readonly kind: 'parts'; readonly parts: readonly [ByteRange, ...ByteRange[]] }

const WHOLE: RangesAsked = { kind: 'whole' }
const MAX_RANGES = 1024

/** What a Range header asks of a body of `size` bytes. An empty body is always sent whole, as Go's servers do. */
export function parseRange(header: string | null, size: number): RangesAsked {
  const set = header === null ? null : /^bytes=(.*)$/i.exec(header)?.[1]
  if (set === null || set === undefined || size === 0) return WHOLE
  const specs = set
    .split(',')
    .map((spec) => spec.trim())
    .filter((spec) => spec !== '')
  if (specs.length === 0 || specs.length > MAX_RANGES) return WHOLE
  const resolved = specs.map((spec) => parseSpec(spec, size))
  if (resolved.includes('malformed')) return WHOLE
  const [first, ...others] = resolved.filter((part): part is ByteRange => typeof part === 'object')
  if (first === undefined) return { kind: 'unsatisfiable' }
  const total = others.reduce((sum, part) => sum + part.length, first.length)
  return total > size && others.length > 0 ? WHOLE : { kind: 'parts', parts: [first, ...others] }
}

/** `first-last`, `first-` or `-suffix`, cut to the body; `empty` where nothing of the body is in it. */
function parseSpec(spec: string, size: number): ByteRange | 'empty' | 'malformed' {
  const [, first, last] = /^(\d*)-(\d*)$/.exec(spec) ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return 'malformed'
  const offset = first === '' ? Math.max(size - Number(last), 0) : Number(first)
  const end = first === '' || last === '' ? size : Math.min(Number(last) + 1, size)
  return offset < end ? { offset, length: end - offset } : 'empty'
}

/** What a reply is made of. */
export interface Representation {
  readonly size: number
  /** In its quotes. */
  readonly etag: string
  /** Those of the whole, with its `content-type`. Names are in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** A part of it, or where to fetch it; opens nothing. */
  content(range: ByteRange): Content
}

/**
 * 200 with the whole, 206 with a part or with several (multipart/byteranges), or 416 without a body, honouring
 * If-Range. Content that lies elsewhere is redirected to whole: the client repeats its Range there.
 */
export function rangedReply(
  request: { readonly method: string; header(name: string): string | null },
  representation: Representation,
): Reply {
  const asked = parseRange(applicableRange(request, representation.etag), representation.size)
  if (asked.kind === 'whole') return whole(representation)
  if (asked.kind === 'unsatisfiable') return unsatisfiable(representation)
  const [first, ...others] = asked.parts
  const content = representation.content(first)
  if (content.kind === 'redirect' || others.length === 0) return single(representation, first, content)
  return several(representation, asked.parts)
}

/** Range is defined for GET alone (§14.2); If-Range has to match strongly, and there is no date to match (§13.1.5). */
function applicableRange(
  request: { readonly method: string; header(name: string): string | null },
  etag: string,
): string | null {
  if (request.method !== 'GET') return null
  const condition = request.header('if-range')
  return condition === null || condition === etag ? request.header('range') : null
}

function whole(representation: Representation): Reply {
  const { size, etag, headers } = representation
  return {
    status: 200,
    headers: { ...headers, etag, 'accept-ranges': 'bytes' },
    body: representation.content({ offset: 0, length: size }),
  }
}

function unsatisfiable({ size }: Representation): Reply {
  return {
    status: 416,
    headers: { 'content-range': `bytes */${size}` },
    body: null,
  }
}

function single({ size, etag, headers }: Representation, range: ByteRange, body: Content): Reply {
  const contentRange = formatContentRange(range, size)
  return {
    status: 206,
    headers: { ...headers, etag, 'accept-ranges': 'bytes', 'content-range': contentRange },
    body,
  }
}

function several(representation: Representation, ranges: readonly ByteRange[]): Reply {
  const { size, etag, headers } = representation
  const parts = ranges.map((range) => ({
    range: formatContentRange(range, size),
    length: range.length,
    content: () => representation.content(range),
  }))
  const { contentType, body } = multipart(headers['content-type'] ?? 'application/octet-stream', parts)
  return {
    status: 206,
    headers: { ...headers, etag, 'accept-ranges': 'bytes', 'content-type': contentType },
    body,
  }
}

function formatContentRange({ offset, length }: ByteRange, size: number): string {
  return `bytes ${offset}-${offset + length - 1}/${size}`
}
