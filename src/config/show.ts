/** The settings as they hold: each with its value, as far as that may be shown, and where it came from. */
import type { Config } from './config.ts'
import { type Draft, isBranch, nameOf, type Place } from './draft.ts'
import type { LoadedConfig } from './load.ts'
import { settingsSchema } from './schema.ts'
import { masked } from './secrets.ts'
import { kindOf, listSettings, type NamedSetting } from './setting.ts'

export interface ShownSetting {
  readonly name: string
  readonly value: string
  /** `REGISTRY_HTTP_ADDR`, `--addr`, the path of the file, or `default`. */
  readonly origin: string
}

export function showSettings({ given, config }: Pick<LoadedConfig, 'given' | 'config'>): ShownSetting[] {
  return listSettings(settingsSchema).flatMap((setting) => {
    return isGiven(given, setting) ? showGiven(given, setting) : showDefault(given, setting, config)
  })
}

function isGiven(given: Draft, { name }: NamedSetting): boolean {
  return given.get(name.split('.')) !== undefined
}

/** Keys that people choose may each have another origin. */
function showGiven(given: Draft, { name, schema }: NamedSetting): ShownSetting[] {
  const place = name.split('.')
  const value = masked(schema, given.get(place))
  if (kindOf(schema).kind !== 'map' || !isBranch(value)) return [shown(given, place, value)]
  return Object.entries(value).map(([key, child]) => shown(given, [...place, key], child))
}

function shown(given: Draft, place: Place, value: unknown): ShownSetting {
  const origin = given.originOf(place)?.origin
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  // The name stands beside it already.
  return { name: nameOf(place), value: text, origin: origin?.words.replace(/^\S+ in /, '') ?? 'default' }
}

/** Nothing where nothing holds by default, or the section that it belongs to was not chosen. */
function showDefault(given: Draft, { name, facts }: NamedSetting, config: Config): ShownSetting[] {
  const isAlternative = /^auth\.|^http\.tls\.|^http\.debug\.prometheus|^storage\.filesystem\./.test(name)
  const section = name.split('.').slice(0, name.startsWith('http.') ? 2 : -1)
  const { driver } = config.storage
  if (name === 'storage.filesystem.rootdirectory' && driver.kind === 'filesystem')
    return [{ name, value: driver.root, origin: 'default' }]
  if (facts.byDefault === undefined || (isAlternative && given.get(section) === undefined)) return []
  return [{ name, value: computed(config)[name] ?? facts.byDefault, origin: 'default' }]
}

/** Defaults that depend on other settings. */
function computed({ storage, log, database, workers }: Config): Readonly<Record<string, string>> {
  return {
    'storage.delete.enabled': String(storage.deleteEnabled),
    'log.formatter': log.format,
    'log.level': log.level,
    'berth.workers': String(workers),
    ...(database.kind === 'postgres' ? { 'berth.database.connections': String(database.connections) } : {}),
  }
}
