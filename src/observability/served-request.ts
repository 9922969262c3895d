/**
 * One request that was answered, as the log tells of it: with registry:2's field names, and as the combined line
 * of web servers.
 * Invariant: no header but those named here goes in, and no query: tokens and signatures travel in both.
 */
import type { LogRecord } from './record.ts'

export interface ServedRequest {
  readonly id: string
  readonly method: string
  /** By which name the client called; null where it named none. */
  readonly host: string | null
  readonly path: string
  readonly remoteAddress: string | null
  readonly userAgent: string | null
  readonly referer: string | null
  /** The media types of the request's and the reply's bodies. */
  readonly requestType: string | null
  readonly responseType: string | null
  readonly status: number
  /** Of the reply's body; null where nobody knows. */
  readonly bytes: number | null
  readonly milliseconds: number
  /** Who asked, where a login told. */
  readonly user: string | null
  /** What the address names, such as `name: team/app`; null for an address that is no part of the registry's protocol. */
  readonly variables: Readonly<Record<string, string>> | null
  /** Why it was refused. */
  readonly refusal: RefusalFacts | null
}

export interface RefusalFacts {
  /** Such as `MANIFEST_UNKNOWN`. */
  readonly code: string
  readonly message: string
  readonly detail?: unknown
}

/** The fields of a request's line that always stand in it. */
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
  return 'http.request.uri' in record && 'http.response.status' in record
}

/** registry:2's two sentences. */
export function sentenceOf({ status }: ServedRequest): string {
  return status < 400 ? 'response completed' : 'response completed with error'
}

/** The fields in the order of their names. What is not known has none. */
export function fieldsOf(request: ServedRequest): ServedRequestFields & Record<string, unknown> {
  const { refusal, variables } = request
  const fields: Record<string, unknown> = {}
  const add = (key: string, value: unknown) => {
    if (value !== null && value !== undefined && value !== '') fields[key] = value
  }
  add('auth.user.name', request.user)
  if (refusal !== null) {
    add('err.code', spokenCode(refusal.code))
    add('err.detail', textOf(refusal.detail))
    add('err.message', refusal.message)
  }
  add('http.request.contenttype', request.requestType)
  add('http.request.host', request.host)
  add('http.request.id', request.id)
  add('http.request.method', request.method)
  add('http.request.referer', request.referer)
  add('http.request.remoteaddr', request.remoteAddress)
  add('http.request.uri', request.path)
  add('http.request.useragent', request.userAgent)
  add('http.response.contenttype', request.responseType)
  add('http.response.duration', duration(request.milliseconds))
  add('http.response.status', request.status)
  add('http.response.written', request.bytes)
  for (const name in variables) add(`vars.${name}`, variables[name])
  return fields as unknown as ServedRequestFields & Record<string, unknown>
}

/** Always a text, as registry:2 has it: an index of logs takes one kind of value for each field. */
function textOf(detail: unknown): unknown {
  return typeof detail === 'object' && detail !== null ? JSON.stringify(detail) : detail
}

/** As registry:2 spells codes in its log. */
function spokenCode(code: string): string {
  return code.toLowerCase().replaceAll('_', ' ')
}

/** As Go writes durations. */
function duration(milliseconds: number): string {
  if (milliseconds < 1) return `${Math.round(milliseconds * 1000)}µs`
  return milliseconds < 1000 ? `${round(milliseconds)}ms` : `${round(milliseconds / 1000)}s`
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
