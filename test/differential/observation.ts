/**
 * What is compared of an answer: its status with the codes of its errors, its headers, and its body. What is
 * another one with every request (upload ids, the state in their addresses, host and port) gets a word in its place.
 */
import type { RawResponse } from '../../src/http/raw-client.support.ts'
import { nameDigests } from './contents.ts'

/** By field: `answer`, `body`, or the lower-case name of a header. */
export type Observation = Readonly<Record<string, string>>

/** Of the connection, of the moment, or a name that Berth gives to each request. */
const NOT_COMPARED = new Set(['date', 'connection', 'transfer-encoding', 'x-request-id'])
/** What a body carries with it: other where the body is another one, or plain text instead of JSON. */
const OF_THE_BODY = new Set(['content-type', 'content-length', 'x-content-type-options'])
/** What is said of the content, and not of the refusal that is sent in its place. */
const OF_THE_CONTENT = ['etag', 'cache-control']
/** Longer bodies are named by their length. */
const READABLE = 400

interface Problem {
  readonly code: string
  readonly message: string
  readonly detail?: unknown
}

/**
 * `answer` is the status with the codes of its errors, where it has some: what docker-registry's router refuses, it
 * refuses in plain text and without a code, and only the status counts. Neither does a body count that a refusal or a
 * redirect has for people, and what its headers say about it.
 */
export function observe(method: string, response: RawResponse): Observation {
  const { status } = response
  const codes = problemsOf(response).map(({ code }) => code)
  const headers = headersOf(response)
  const isForPeople = status >= 300 && codes.length === 0 && !(isJson(response) && response.body.length > 0)
  if (isForPeople) for (const name of OF_THE_BODY) delete headers[name]
  if (status >= 300) delete headers['content-length']
  if (status >= 400) for (const name of OF_THE_CONTENT) delete headers[name]
  if (method === 'OPTIONS') return { answer: String(status) }
  if (headers['content-type']?.startsWith('multipart/')) delete headers['content-length']
  const isContent = status < 300 || (!isForPeople && codes.length === 0)
  const body = isContent && response.body.length > 0 ? { body: bodyOf(response).trimEnd() } : {}
  return { answer: [String(status), ...codes].join(' '), ...headers, ...body }
}

/** The errors of a refusal; none where it is not JSON, or JSON with something else in it. */
export function problemsOf(response: RawResponse): readonly Problem[] {
  const { status, body } = response
  if (status < 400 || !isJson(response)) return []
  return body.length === 0 ? [] : (JSON.parse(body.toString()).errors ?? [])
}

function isJson({ headers }: RawResponse): boolean {
  return headers['content-type']?.startsWith('application/json') ?? false
}

/** A body without an announced length has the one that came. */
function headersOf({ headers, body }: RawResponse): Record<string, string> {
  const length = headers['transfer-encoding'] === undefined ? headers['content-length'] : String(body.length)
  const all = { ...headers, ...(length === undefined ? {} : { 'content-length': length }) }
  const compared = Object.entries(all).filter(
    ([name, value]) => !NOT_COMPARED.has(name) && !isNoLength(name, value),
  )
  return Object.fromEntries(compared.map(([name, value]) => [name, withoutAccidents(name, value)]))
}

/** No length and a length of nothing are the same. */
function isNoLength(name: string, value: string): boolean {
  return name === 'content-length' && value === '0'
}

function withoutAccidents(name: string, value: string): string {
  if (name === 'allow') return withoutHead(value)
  if (name === 'www-authenticate') return value.replace(/(?<=scope=")[^"]*/, oneByOne)
  return value
    .replace(/^https?:\/\/127\.0\.0\.1:\d+/, (origin) => `${origin.slice(0, origin.indexOf(':'))}://<host>`)
    .replace(/(?<=[?&]_state=)[\w%=-]+/, '<state>')
    .replace(/(?<=uploads\/|^)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/, '<id>')
    .replace(/boundary=[\w-]+/, 'boundary=<word>')
}

/** `repository:a:pull,push` is as much as `repository:a:push repository:a:pull`. */
function oneByOne(scope: string): string {
  const actions = scope.split(' ').flatMap((each) => {
    const end = each.lastIndexOf(':') + 1
    return each
      .slice(end)
      .split(',')
      .map((action) => each.slice(0, end) + action)
  })
  return actions.sort().join(' ')
}

/** Whatever takes GET takes HEAD (RFC 9110 §9.1), said or not. */
function withoutHead(allow: string): string {
  const methods = allow.split(', ')
  return methods.filter((each) => each !== 'HEAD' || !methods.includes('GET')).join(', ')
}

/** docker-registry lists tags as they lie in their folder: they are sorted first. */
function bodyOf({ headers, body }: RawResponse): string {
  const boundary = /boundary=([\w-]+)/.exec(headers['content-type'] ?? '')?.[1]
  const text = body.toString('latin1').replaceAll(boundary ?? '\0', '<word>')
  if (text.startsWith('{"name":'))
    return text.replace(/(?<="tags":)\[.*\]/, (tags) => JSON.stringify(JSON.parse(tags).sort()))
  return text.length > READABLE ? `${text.length} bytes, ${Bun.hash(text)}` : text
}

export interface Difference {
  readonly field: string
  readonly theirs: string
  readonly ours: string
}

/** With another status everything is another, and so is everything about other content. */
export function differencesOf(theirs: Observation, ours: Observation): Difference[] {
  const isOtherForm = hasCodes(theirs) !== hasCodes(ours)
  const fields = [...new Set([...Object.keys(theirs), ...Object.keys(ours)])]
  const different = fields
    .map((field) => ({
      field,
      theirs: nameDigests(theirs[field] ?? ''),
      ours: nameDigests(ours[field] ?? ''),
    }))
    .filter((each) => !isSame(each))
    .filter(({ field }) => !(isOtherForm && OF_THE_BODY.has(field)))
  const decisive = DECISIVE.find((field) => different.some((each) => each.field === field))
  return decisive === undefined ? different : different.filter(({ field }) => !followsFrom(decisive, field))
}

function hasCodes(observation: Observation): boolean {
  return observation['answer']?.includes(' ') ?? false
}

/** Which differences bring others with them. */
const DECISIVE = ['answer', 'docker-content-digest', 'body'] as const

function followsFrom(decisive: (typeof DECISIVE)[number], field: string): boolean {
  if (decisive === 'answer') return field !== 'answer'
  if (decisive === 'body') return field === 'content-length'
  return ['etag', 'location', 'body', ...OF_THE_BODY].includes(field)
}

/** A code counts where both have one. */
function isSame({ field, theirs, ours }: Difference): boolean {
  if (field !== 'answer' || (theirs.includes(' ') && ours.includes(' '))) return theirs === ours
  return theirs.split(' ')[0] === ours.split(' ')[0]
}
