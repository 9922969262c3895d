/**
 * A line of the log as data: what pino made, and what the formats for people and for registry:2's readers write.
 * Fields stand beside the three that every line has.
 */

export interface LogRecord {
  readonly time: string
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

/** The fields of a record as `key, value` in the order of their keys; objects inside are spelt with dots. */
export function flatFields({ time, level, msg, ...fields }: LogRecord): [string, string][] {
  return Object.entries(fields)
    .flatMap(([key, value]) => flatten(key, value))
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

function flatten(key: string, value: unknown): [string, string][] {
  if (typeof value !== 'object' || value === null) return [[key, String(value)]]
  if (Array.isArray(value)) return [[key, JSON.stringify(value)]]
  return Object.entries(value).flatMap(([name, inner]) =>
    key === 'error' && name === 'message' ? flatten(key, inner) : flatten(`${key}.${name}`, inner),
  )
}
