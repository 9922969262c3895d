/** Sections of which one counts: where bytes are kept, and how people come in. */
import { ConfigError } from './config.ts'
import type { Draft, Given, Place } from './draft.ts'
import { AUTH_KINDS } from './schema-http.ts'
import { STORAGE_DRIVERS } from './schema-storage.ts'

const SOURCES = ['file', 'variable', 'flag'] as const

interface Alternatives {
  readonly section: 'storage' | 'auth'
  readonly keys: readonly string[]
  readonly what: string
}

export const ALTERNATIVES: readonly Alternatives[] = [
  { section: 'storage', keys: STORAGE_DRIVERS, what: 'drivers' },
  { section: 'auth', keys: AUTH_KINDS, what: 'ways in' },
]

/**
 * Of keys that exclude each other the last source's counts: whoever names a folder by a variable means the
 * filesystem, whatever the file says. One source that names two contradicts itself; and who is let in is never
 * changed by the way, but by REGISTRY_AUTH alone. Gives a sentence for each that is overruled. Throws ConfigError.
 */
export function keepOne(given: Draft, { section, keys, what }: Alternatives): string[] {
  const named = keys
    .map((key) => ({ key, given: given.originOf([section, key]) }))
    .filter((each): each is { key: string; given: Given } => isGiven(given, [section, each.key]))
  const rank = ({ given }: { given: Given }) => SOURCES.indexOf(given.origin.source)
  const last = Math.max(...named.map(rank))
  const [first, second] = named.filter((each) => rank(each) === last)
  const others = named.filter(({ key }) => key !== first?.key)
  const [other] = others
  if (first === undefined || other === undefined) return []
  if (second !== undefined || (section === 'auth' && first.given.origin.words !== 'REGISTRY_AUTH')) {
    const names = [first, second ?? other].map(({ key, given }) => `${key} (${given.origin.words})`)
    throw new ConfigError([`${section} names two ${what}, ${names.join(' and ')}. Keep one.`])
  }
  for (const { key } of others) given.remove([section, key])
  return others.map(
    (each) => `${each.given.origin.words} has no effect: ${first.given.origin.words} overrules it.`,
  )
}

function isGiven(given: Draft, place: Place): boolean {
  const value = given.get(place)
  return value !== undefined && value !== null
}
