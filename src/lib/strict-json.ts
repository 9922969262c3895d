/**
 * JSON that every program reads alike (RFC 8259). `JSON.parse` keeps the last of two equal names, Go merges
 * them, others keep the first; so a document that repeats a name says different things to different readers,
 * and is refused here. So are invalid UTF-8, which Go silently replaces, and a byte order mark.
 * Numbers are as `JSON.parse` reads them. Lists and objects are nested as deep as Go reads them, and no deeper.
 */
import { quoted } from './quoted.ts'

/** Bytes that are not JSON, or that two programs would read differently. The message is a sentence for a person. */
export class InvalidJson extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'InvalidJson'
  }
}

/**
 * What Go's encoding/json takes, in which nearly all clients are written: what is nested deeper only some programs
 * could read. It also keeps 4 MB of brackets from becoming 300 MB of lists, so it is looked at before they are made.
 */
const DEEPEST = 10_000

/** Throws InvalidJson. */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes)
  if (isTooDeep(text)) {
    throw new InvalidJson(`The JSON has more than ${DEEPEST} lists and objects inside one another.`)
  }
  const value = parse(text)
  const repeated = findRepeatedName(text)
  if (repeated !== null) {
    throw new InvalidJson(`The name ${quoted(repeated)} stands twice in one JSON object: keep one of them.`)
  }
  return value
}

function decodeUtf8(bytes: Uint8Array): string {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw new InvalidJson('The JSON starts with a byte order mark: save it as UTF-8 without one.')
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new InvalidJson('The JSON is not valid UTF-8: save it as UTF-8.', { cause })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new InvalidJson(`This is not JSON: ${reasonOf(cause)}.`, { cause })
  }
}

/** The runtime's own reason without its prefix; it may quote the text, so it is cut. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'it could not be read'
  return cause.message.replace(/^JSON Parse error: /, '').slice(0, 100)
}

const QUOTE = '"'.charCodeAt(0)
const BACKSLASH = '\\'.charCodeAt(0)
const COLON = ':'.charCodeAt(0)
const OBJECT_OPENS = '{'.charCodeAt(0)
const OBJECT_CLOSES = '}'.charCodeAt(0)
const LIST_OPENS = '['.charCodeAt(0)
const LIST_CLOSES = ']'.charCodeAt(0)

/** The names seen in an object that is open; null before the first, and for a list. */
type Names = Set<string> | null

/** The first name that an object has twice, or null. `text` is valid JSON. */
function findRepeatedName(text: string): string | null {
  const open: Names[] = []
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code !== QUOTE) {
      nest(open, code)
      continue
    }
    const end = endOfString(text, at)
    const name = isFollowedByColon(text, end) ? nameBetween(text, at, end) : null
    if (name !== null && !addName(open, name)) return name
    at = end
  }
  return null
}

/** Whether more is open at any place than may be. The text need not be JSON. */
function isTooDeep(text: string): boolean {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === OBJECT_OPENS || code === LIST_OPENS) depth++
    else if (code === OBJECT_CLOSES || code === LIST_CLOSES) depth--
    if (depth > DEEPEST) return true
    if (code !== QUOTE) continue
    const end = endOfString(text, at)
    if (end === -1) return false
    at = end
  }
  return false
}

function nest(open: Names[], code: number): void {
  if (code === OBJECT_OPENS || code === LIST_OPENS) open.push(null)
  else if (code === OBJECT_CLOSES || code === LIST_CLOSES) open.pop()
}

/** Notes a name of the innermost object; false when it has it already. */
function addName(open: Names[], name: string): boolean {
  const names = open.at(-1) ?? new Set()
  if (names.has(name)) return false
  open[open.length - 1] = names.add(name)
  return true
}

/** Where the string that opens at `start` has its closing quote; -1 where it has none, which no JSON has. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

/** An odd number of backslashes escapes what follows them. */
function isEscaped(text: string, at: number): boolean {
  let first = at
  while (text.charCodeAt(first - 1) === BACKSLASH) first--
  return (at - first) % 2 === 1
}

function isFollowedByColon(text: string, end: number): boolean {
  let at = end + 1
  while (text.charCodeAt(at) <= 0x20) at++
  return text.charCodeAt(at) === COLON
}

/** The name as a reader sees it: `"\u0061"` and `"a"` are the same one. */
function nameBetween(text: string, start: number, end: number): string {
  const inner = text.slice(start + 1, end)
  return inner.includes('\\') ? String(JSON.parse(`"${inner}"`)) : inner
}
