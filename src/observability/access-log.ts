/**
 * One line a request, with registry:2's field names. What goes on all day (pulls, and the questions that clients
 * ask before they push) is for debug; what changes something or is refused is for info; what we failed at is a warning.
 * Invariant: no header but the user agent goes in, and no query: tokens and signatures travel in both.
 */
import type { Log, LogLevel } from './log.ts'
import type { LogRecord } from './record.ts'

export interface ServedRequest {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly remoteAddress: string | null
  readonly userAgent: string | null
  readonly status: number
  /** The body's size, where it is known. */
  readonly bytes: number | null
  readonly milliseconds: number
}

const SENTENCE = 'response completed'

/** `describe` is called only where there will be a line: on most requests there is none. */
export function logRequest(
  log: Log,
  { method, status }: Pick<ServedRequest, 'method' | 'status'>,
  describe: () => ServedRequest,
): void {
  const level = levelOf(method, status)
  if (log.isLevelEnabled(level)) log[level](fieldsOf(describe()), SENTENCE)
}

const READS = new Set(['GET', 'HEAD', 'OPTIONS'])
/** A read that is refused so is news; 401 and 404 are how clients ask. */
const REFUSALS = new Set([403, 429])

function levelOf(method: string, status: number): LogLevel {
  if (status >= 500) return 'warn'
  return READS.has(method) && !REFUSALS.has(status) ? 'debug' : 'info'
}

/** The fields of a request's line. */
export interface ServedRequestFields {
  readonly 'http.request.id': string
  readonly 'http.request.method': string
  readonly 'http.request.uri': string
  readonly 'http.request.remoteaddr'?: string
  readonly 'http.request.useragent'?: string
  readonly 'http.response.status': number
  readonly 'http.response.written'?: number
  readonly 'http.response.duration': string
}

export function isServedRequest(record: LogRecord): record is LogRecord & ServedRequestFields {
  return record.msg === SENTENCE && 'http.request.uri' in record && 'http.response.status' in record
}

function fieldsOf(request: ServedRequest): ServedRequestFields & Record<string, unknown> {
  return {
    'http.request.id': request.id,
    'http.request.method': request.method,
    'http.request.uri': request.path,
    ...(request.remoteAddress === null ? {} : { 'http.request.remoteaddr': request.remoteAddress }),
    ...(request.userAgent === null ? {} : { 'http.request.useragent': request.userAgent }),
    'http.response.status': request.status,
    ...(request.bytes === null ? {} : { 'http.response.written': request.bytes }),
    'http.response.duration': duration(request.milliseconds),
  }
}

/** As Go writes durations. */
function duration(milliseconds: number): string {
  return milliseconds < 1000 ? `${round(milliseconds)}ms` : `${round(milliseconds / 1000)}s`
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
