/** What the log and the metrics are told of a request that was answered. */
import { contentLength, type Reply } from '../http/reply.ts'
import type { IncomingRequest } from '../http/request.ts'
import type { ServedRequest } from '../observability/served-request.ts'

/** nginx's number for a connection that was gone before the reply, be it the client's doing or the parser's. */
const CLIENT_CLOSED_REQUEST = 499

export function statusOf(request: IncomingRequest, { status }: Reply): number {
  return request.signal.aborted && status < 500 ? CLIENT_CLOSED_REQUEST : status
}

export function describeRequest(request: IncomingRequest, reply: Reply, milliseconds: number): ServedRequest {
  const { id, method, pathAsSent: path, remoteAddress, notes } = request
  return {
    id,
    method,
    path,
    remoteAddress,
    host: request.header('host'),
    userAgent: asWritten(request.header('user-agent')),
    referer: asWritten(request.header('referer')),
    requestType: request.header('content-type'),
    responseType: reply.headers['content-type'] ?? null,
    status: statusOf(request, reply),
    bytes: sentBytes(request, reply),
    milliseconds,
    user: notes.user ?? null,
    variables: notes.variables ?? null,
    refusal: notes.refusal ?? null,
  }
}

const ASCII = /^\p{ASCII}*$/u
const UTF_8 = new TextDecoder('utf-8', { fatal: true })

/** A header comes as one letter for each byte, and what people write is UTF-8; where it is not, it stays as it came. */
function asWritten(header: string | null): string | null {
  if (header === null || ASCII.test(header)) return header
  try {
    return UTF_8.decode(Buffer.from(header, 'latin1'))
  } catch {
    return header
  }
}

/** Of the body; null where its client went away, for nobody knows how many it had by then. */
export function sentBytes({ method, signal }: IncomingRequest, { body }: Reply): number | null {
  if (signal.aborted) return null
  return method === 'HEAD' || body === null || body.kind === 'redirect' ? 0 : contentLength(body)
}
