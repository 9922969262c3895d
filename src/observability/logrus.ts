/**
 * The lines of logrus, which registry:2 writes its log with:
 * `time="2026-11-22T10:00:00.123Z" level=info msg="listening on [::]:5000" service=registry`.
 * Time, level and sentence first, then the fields by name.
 */
import { flatFields, type LogRecord } from './record.ts'

export function formatLogrusLine(record: LogRecord): string {
  const { time, level, msg } = record
  const pairs = [['time', time], ['level', level], ['msg', msg], ...flatFields(record)]
  return `${pairs.map(([key, value]) => `${key}=${quoteWhereNeeded(value ?? '')}`).join(' ')}\n`
}

/**
 * The line of fields that are flat and in the order of their names already, among others (`always`) that are too:
 * where thousands are written each second, sorting them is most of the work.
 */
export function formatSortedLogrusLine(
  { time, level, msg }: Pick<LogRecord, 'time' | 'level' | 'msg'>,
  fields: Readonly<Record<string, unknown>>,
  always: readonly (readonly [name: string, text: string])[],
): string {
  let line = `time="${time}" level=${level} msg=${quoteWhereNeeded(msg)}`
  let next = 0
  const addUntil = (name: string | null) => {
    for (; next < always.length && (name === null || (always[next]?.[0] ?? '') < name); next++) {
      line += always[next]?.[1]
    }
  }
  for (const name in fields) {
    addUntil(name)
    line += ` ${name}=${quoteWhereNeeded(textOf(fields[name]))}`
  }
  addUntil(null)
  return `${line}\n`
}

/** Fields for `always` above: each with the text that stands in the line. */
export function sortedPairs(fields: Readonly<Record<string, unknown>>): (readonly [string, string])[] {
  return Object.entries(fields)
    .map(([name, value]) => [name, ` ${name}=${quoteWhereNeeded(textOf(value))}`] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

function textOf(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** What logrus writes as it stands; anything else it puts in quotes, as Go's %q does. */
const PLAIN = /^[a-zA-Z0-9\-._/@^+]*$/

export function quoteWhereNeeded(text: string): string {
  if (PLAIN.test(text)) return text
  return HARMLESS.test(text) ? `"${text}"` : `"${escapeControls(text.replace(/["\\]/g, '\\$&'))}"`
}

/** Between quotes these stand for themselves: most of what is quoted at all. */
const HARMLESS = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

const ESCAPES: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}

/** Spells out what a terminal or a line reader would act upon: controls, separators, and marks of direction. */
export function escapeControls(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) => ESCAPES[character] ?? spell(character),
  )
}

function spell(character: string): string {
  const code = character.codePointAt(0) ?? 0
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`
  return code > 0xffff
    ? `\\U${code.toString(16).padStart(8, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`
}
