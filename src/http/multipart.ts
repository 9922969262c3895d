/**
 * multipart/byteranges (RFC 9110 §14.6): several parts of one body in one reply. Its length is known before
 * anything is read, and the parts are read one after another as the client takes them.
 */
import type { Content, StreamContent } from '../lib/content.ts'
import { exactly, readContent } from './outgoing-body.ts'

export interface Part {
  /** Its Content-Range. */
  readonly range: string
  readonly length: number
  content(): Content
}

/** The parts with their headers and boundaries. `partType` is the Content-Type of each. */
export function multipart(
  partType: string,
  parts: readonly Part[],
): { readonly contentType: string; readonly body: StreamContent } {
  const boundary = crypto.randomUUID()
  const encode = (text: string) => new TextEncoder().encode(text)
  const heads = parts.map(({ range }, index) =>
    encode(
      `${index === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Range: ${range}\r\nContent-Type: ${partType}\r\n\r\n`,
    ),
  )
  const tail = encode(`\r\n--${boundary}--\r\n`)
  const length =
    tail.length +
    heads.reduce((sum, head) => sum + head.length, 0) +
    parts.reduce((sum, part) => sum + part.length, 0)
  return {
    contentType: `multipart/byteranges; boundary=${boundary}`,
    body: { kind: 'stream', length, open: () => interleave(heads, parts, tail) },
  }
}

async function* interleave(
  heads: readonly Uint8Array[],
  parts: readonly Part[],
  tail: Uint8Array,
): AsyncGenerator<Uint8Array, void> {
  for (const [index, part] of parts.entries()) {
    const head = heads[index]
    if (head !== undefined) yield head
    yield* exactly(chunksOf(part), part.length)
  }
  yield tail
}

function chunksOf(part: Part): AsyncIterable<Uint8Array> {
  const content = part.content()
  if (content.kind === 'redirect')
    throw new Error('a part of a body lies elsewhere, although another did not')
  return readContent(content)
}
