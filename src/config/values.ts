/**
 * What a single setting may hold: each is written as text by people, in a file or a variable, and parsed here once
 * into what the rest of Berth works with. A hint says what to write where the text is wrong.
 */
import { z } from 'zod'
import { parseNetworkList } from '../lib/network-list.ts'
import { messageOf } from '../lib/thrown.ts'
import { parseListenAddress } from './address.ts'
import { parseDuration, parseGoDuration } from './duration.ts'

type JsonType = 'string' | 'boolean' | 'integer' | 'number'

/** A value made of its text by `parse`; null from it means that the text is wrong. `types` are for editors. */
export function written<T>(hint: string, types: readonly JsonType[], parse: (text: string) => T | null) {
  return z
    .unknown()
    .transform((value, context): T => {
      const parsed = isScalar(value) ? parse(String(value).trim()) : null
      if (parsed !== null) return parsed
      context.addIssue({ code: 'custom', message: hint })
      return z.NEVER
    })
    .meta({ type: types.length === 1 ? types[0] : [...types] })
}

export function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

/** One of these words, however it is capitalized. */
export function oneOf<const Word extends string>(words: readonly Word[]) {
  const hint =
    words.length === 1 ? `write ${words[0]}` : `write ${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
  const find = (text: string) => words.find((word) => word.toLowerCase() === text.toLowerCase()) ?? null
  return written(hint, ['string'], find).meta({ enum: [...words] })
}

const BOOLEAN_WORDS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['yes', true],
  ['on', true],
  ['false', false],
  ['no', false],
  ['off', false],
])

export const boolean = written(
  'write true or false',
  ['boolean'],
  (text) => BOOLEAN_WORDS.get(text.toLowerCase()) ?? null,
)

export const text = written('write some text', ['string', 'number', 'boolean'], (value) => value)
export const path = written('write a path', ['string'], (value) => value || null)

const DURATION_HINT = 'write a duration such as 30s, 90m, 168h or 7d'
/** Whole milliseconds, at least one. */
export const duration = written(DURATION_HINT, ['string'], (value) => atLeast(1, parseDuration(value)))
/** As Go reads it. Nothing shorter than a millisecond: whoever writes `10` means ten seconds, and Go nanoseconds. */
export const goDuration = written(
  `${DURATION_HINT}; a bare number means nanoseconds`,
  ['string', 'integer'],
  (value) => atLeast(1, parseGoDuration(value)),
)
/** As goDuration, where 0 means not at all. */
export const goDurationOrNone = written(
  `${DURATION_HINT}, or 0; any other bare number means nanoseconds`,
  ['string', 'integer'],
  (value) => (parseGoDuration(value) === 0 ? 0 : atLeast(1, parseGoDuration(value))),
)

function atLeast(least: number, value: number | null): number | null {
  return value === null || value < least ? null : Math.round(value)
}

/** A whole number within bounds. */
export function wholeNumber(least: number, most: number) {
  return written(`write a number from ${least} to ${most}`, ['integer'], (value) => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
    return number >= least && number <= most ? number : null
  })
}

export const address = written(
  'write host:port (":5000" for every address of this machine, "127.0.0.1:5000" for this machine alone) or unix:/path/to/socket',
  ['string'],
  (value) =>
    parseListenAddress(value) ?? (value.startsWith('/') ? { kind: 'unix' as const, path: value } : null),
)

export const hostAndPort = written('write host:port', ['string'], (value) =>
  /^\S+:\d{1,5}$/.test(value) ? value : null,
)

/**
 * What clients call the registry, without a slash at its end. Of a path that does not end in a slash distribution
 * makes nothing, and so it is refused.
 */
export const host = written(
  'write the address that clients use, such as https://registry.example.com, or https://example.com/registry/ with a slash at its end',
  ['string'],
  (value) => {
    const url = URL.canParse(value) ? new URL(value) : null
    const isWeb = url !== null && /^https?:$/.test(url.protocol) && url.pathname.endsWith('/')
    const isPlain = isWeb && url.username === '' && url.search === '' && url.hash === ''
    return isPlain ? `${url.origin}${url.pathname.replace(/\/+$/, '')}` : null
  },
)

/** Begins with a slash and has none at its end; empty for `/`. */
export const prefix = written('write a path such as /registry/', ['string'], (value) =>
  /^\/(?:[\w.~-]+\/?)*$/.test(value) && !/(^|\/)\.{1,2}(\/|$)/.test(value) ? value.replace(/\/$/, '') : null,
)

/** The path of an address. Whoever leaves out the slash at its beginning means it. */
export const urlPath = written('write a path such as /metrics', ['string'], (value) =>
  /^[^\s?#]+$/.test(value) ? value.replace(/^(?!\/)/, '/') : null,
)

/** What a parser says of a value that it does not take, or null. */
export function problemWith(parse: () => unknown): string | null {
  try {
    parse()
    return null
  } catch (error) {
    return messageOf(error)
  }
}

export const postgresUrl = written(
  'it must look like postgres://user:password@host:5432/database (or leave it out, and SQLite is used)',
  ['string'],
  (value) => (URL.canParse(value) && /^postgres(ql)?:$/.test(new URL(value).protocol) ? value : null),
)

export const workers = written(
  'write a number from 1 to 256, or auto for one per processor core',
  ['string', 'integer'],
  (value) => {
    if (value === 'auto') return 'auto' as const
    return /^\d{1,3}$/.test(value) && Number(value) >= 1 && Number(value) <= 256 ? Number(value) : null
  },
)

export const httpUrl = written('write an http or https URL', ['string'], (value) =>
  URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) ? value : null,
)

/** Addresses and networks, several of them with commas between. */
export const networks = written(
  'write addresses and networks such as 10.0.0.0/8, 192.168.1.7 or ::1',
  ['string'],
  (value) => {
    const parts = value.split(',').map((part) => part.trim())
    return parts.every(isNetwork) ? parts : null
  },
)

function isNetwork(value: string): boolean {
  return problemWith(() => parseNetworkList([value])) === null
}

/** RFC 9110, 5.1: a token. */
export const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'this is no name for a header')
/** RFC 9110, 5.5: no ends of lines, and nothing that is no text. */
export const headerValue = written('write a text on one line', ['string'], (value) =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it looks for
  /^[^\x00-\x08\x0a-\x1f\x7f]*$/.test(value) ? value : null,
)

/** A regular expression in Go's syntax. What reads it is loaded where one is written: it takes a hundred milliseconds. */
export const pattern = text.refine(
  async (value) => (await import('../lib/linear-expression.ts')).isExpression(value),
  'write a regular expression as Go knows them, such as ^https://layers\\.example\\.com/',
)

/** A list; one value alone is a list of it, and none an empty one. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.preprocess((value) => (isScalar(value) ? [value] : (value ?? [])), z.array(item))
}

/** A text, a number or a boolean as it stands; anything else becomes its JSON. */
export const scalarOrJson = z
  .unknown()
  .transform((value) => (isScalar(value) ? value : JSON.stringify(value)))
  .meta({})
