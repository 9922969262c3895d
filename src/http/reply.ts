/**
 * What a handler answers, as plain data, and the one place where it becomes Bun's Response.
 *
 * Invariants: HEAD carries the Content-Length of the body that GET would have sent, and opens nothing;
 * bytes and files carry an exact Content-Length; a stream is chunked, counted, and cut rather than short.
 * A handler has decided about ranges already (range.ts): status and body go out as they are.
 */
import type { Content, FileContent, RedirectContent, StreamContent } from '../lib/content.ts'
import { spelledOut } from './header-names.ts'
import { exactly, started } from './outgoing-body.ts'

/** Header names are in lower case. No Content-Length: it follows from the body. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Content | null
}

/** What the way out needs to know of the request. */
export interface Asked {
  readonly method: string
  header(name: string): string | null
}

/**
 * The Response for a reply. A stream has given its first chunk when this resolves: a source that cannot even
 * start rejects here, and can still be answered with an error. One that breaks later calls `failed`, and all
 * that the client sees is the connection cut.
 */
export function toResponse(
  reply: Reply,
  asked: Asked,
  failed: (error: unknown) => void,
): Response | Promise<Response> {
  const { status, body } = reply
  if (body?.kind === 'redirect') return redirect(reply.headers, body)
  const headers = spelledOut(reply.headers)
  if (asked.method === 'HEAD') return head(status, headers, body)
  if (body === null || hasNoBody(status) || contentLength(body) === 0) {
    return new Response(null, { status, headers })
  }
  if (body.kind === 'bytes') return new Response(body.bytes, { status, headers })
  if (body.kind === 'stream') return streamed({ status, headers }, body, failed)
  const ignoresRange = status === 200 && asked.header('range') !== null
  return new Response(fileBody(body, ignoresRange), { status, headers })
}

/** A body that is sent from here, not from elsewhere. */
export type LocalContent = Exclude<Content, RedirectContent>

/** How many bytes a body has, known without opening it. */
export function contentLength(content: LocalContent): number {
  return content.kind === 'bytes' ? content.bytes.length : content.length
}

/** RFC 9110 §6.4.1: an answer with such a status ends with its headers. */
function hasNoBody(status: number): boolean {
  return status === 204 || status === 304
}

/** With its Date, for Bun sends one with every answer but those to HEAD. */
function head(status: number, headers: Record<string, string>, body: LocalContent | null): Response {
  if (hasNoBody(status)) return new Response(null, { status, headers })
  const length = body === null ? 0 : contentLength(body)
  const date = new Date().toUTCString()
  return new Response(null, { status, headers: { ...headers, Date: date, 'Content-Length': String(length) } })
}

/** What describes the body would be taken for the redirect's own: nobody may keep that for a year. */
const DESCRIBES_THE_BODY = /^(?:content-|cache-control$|etag$|accept-ranges$|last-modified$|expires$)/

function redirect(headers: Reply['headers'], { location }: RedirectContent): Response {
  const kept = Object.entries(headers).filter(([name]) => !DESCRIBES_THE_BODY.test(name))
  return new Response(null, { status: 307, headers: spelledOut({ ...Object.fromEntries(kept), location }) })
}

/** Bun adds a content-disposition with the file's name, unless no header can hold that name. */
const UNSPEAKABLE_NAME = '"'

/**
 * A part of a file for the kernel to send. A whole file at status 200 would be cut to the request's Range
 * by Bun, by rules of its own. It lets slices be; one that ends a byte after the file is one to Bun alone.
 */
function fileBody({ path, offset, length }: FileContent, ignoresRange: boolean): Blob {
  const end = offset + length + (ignoresRange ? 1 : 0)
  return Object.assign(Bun.file(path).slice(offset, end), { name: UNSPEAKABLE_NAME })
}

async function streamed(
  { status, headers }: Omit<Reply, 'body'>,
  body: StreamContent,
  failed: (error: unknown) => void,
): Promise<Response> {
  return new Response(await started(exactly(body.open(), body.length), failed), { status, headers })
}
