/** Settings that are known, and that Berth does not do, or does not need. */
import { ConfigError } from './config.ts'
import { findOverruled } from './contradictions.ts'
import type { Draft, Place } from './draft.ts'
import { settingsSchema } from './schema.ts'
import { kindOf, listKeys, type NamedSetting, type SettingFacts } from './setting.ts'

/** What Berth does not do, or does not need, of what was given. Throws ConfigError for what it must not go on without. */
export function findUnsupported(given: Draft): { readonly warnings: string[]; readonly notices: string[] } {
  const found = listKeys(settingsSchema).flatMap((setting) =>
    placesOf(given, setting.name)
      .filter((place) => asksForIt(given.get(place), setting))
      .map((place) => ({ words: wordsFor(given, place), facts: setting.facts })),
  )
  const sentences = (fact: keyof SettingFacts, verb: string) =>
    found
      .filter(({ facts }) => facts[fact] !== undefined)
      .map(({ words, facts }) => `${words}${verb}${facts[fact]}.`)
  const refused = sentences('refused', ': ')
  if (refused.length > 0) throw new ConfigError(refused)
  return {
    warnings: sentences('ignored', ' has no effect: '),
    notices: [...sentences('unneeded', ' is not needed: '), ...findOverruled(given)],
  }
}

function asksForIt(value: unknown, { schema, facts }: NamedSetting): boolean {
  if (value === undefined || value === null) return false
  return kindOf(schema).kind !== 'unread' || facts.countsWhenEmpty === true || asksForSomething(value)
}

/** In what is not looked into, empty sections and texts ask for nothing, and neither do sections of nothing else. */
function asksForSomething(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value !== null && value !== ''
  return Object.values(value).some(asksForSomething)
}

/** Where a setting may stand: `health.file[].threshold` in each item of the list. */
function placesOf(given: Draft, name: string): Place[] {
  const [list = '', key] = name.split('[].')
  if (key === undefined) return [name.split('.')]
  const items = given.get(list.split('.'))
  return Array.isArray(items)
    ? items.map((_, item) => [...list.split('.'), String(item), ...key.split('.')])
    : []
}

function wordsFor(given: Draft, place: Place): string {
  const origin = given.originOf(place)
  // A list is one setting of its file.
  return origin === null || origin.place.length === place.length
    ? (origin?.origin.words ?? place.join('.'))
    : `${place.slice(origin.place.length).join('.')} of ${origin.origin.words}`
}
