/**
 * Brings the sources together: defaults, then the file, then the environment, then flags, each overruling
 * what came before. The result is a whole Config or a ConfigError with every problem found, never something
 * half right.
 */
import { buildConfig } from './build.ts'
import { type Config, ConfigError } from './config.ts'
import { findContradictions, findDoubts, findOverruled } from './contradictions.ts'
import { Draft, type Given, type Place } from './draft.ts'
import type { Environment } from './env.ts'
import { readConfigFile, suggestSetting } from './file.ts'
import { type Settings, settingsSchema } from './schema.ts'
import { AUTH_KINDS } from './schema-http.ts'
import { STORAGE_DRIVERS } from './schema-storage.ts'
import { factsOf, kindOf, listKeys, type NamedSetting, type Schema, type SettingFacts } from './setting.ts'
import { CONFIG_FILE_VARIABLE, DEFAULT_DATA_VARIABLE, readVariables } from './variables.ts'

export interface ConfigSources {
  /** The file named on the command line, or null: then REGISTRY_CONFIGURATION_PATH may name one. */
  readonly file: string | null
  readonly environment: Environment
  readonly flags: {
    readonly addr: string | null
    readonly data: string | null
    readonly tls?: string | null
  }
  /** Whether a person reads the log as it is written. */
  readonly isTerminal: boolean
}

export interface LoadedConfig {
  readonly config: Config
  /** The file that was read, or null. */
  readonly file: string | null
  /** Sentences that the person should see, though Berth can start. */
  readonly warnings: readonly string[]
  /** Settings that Berth takes and does not need: one sentence each. */
  readonly notices: readonly string[]
  /** What was given, setting by setting. */
  readonly given: Draft
}

/** Throws ConfigError with every problem that can be known: only what contradicts itself is looked for when the rest is right. */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const file = sources.file ?? (sources.environment[CONFIG_FILE_VARIABLE] || null)
  const given = new Draft()
  const problems = new Problems()
  if (file !== null) await readConfigFile(file, given).catch(problems.note)
  const unknown = (await readVariables(sources.environment, given).catch(problems.note)) ?? []
  setFlags(given, sources.flags)
  const replaced = ALTERNATIVES.flatMap((each) => problems.among(() => keepOne(given, each)) ?? [])
  const unsupported = problems.among(() => findUnsupported(given))
  const settings = await parse(given).catch(problems.note)
  problems.throwAny()
  if (settings === undefined || unsupported === null)
    throw new Error('settings without a problem are not there')
  const config = buildConfig(settings, {
    data: sources.environment[DEFAULT_DATA_VARIABLE] || './data',
    logFormat: sources.isTerminal ? 'pretty' : 'text',
  })
  const contradictions = findContradictions(config, given)
  if (contradictions.length > 0) throw new ConfigError(contradictions)
  return {
    config,
    file,
    warnings: [...unknown, ...replaced, ...unsupported.warnings, ...findDoubts(config, given)],
    notices: unsupported.notices,
    given,
  }
}

/** Gathers what is wrong in one step, so that the next can be looked at too. */
class Problems {
  readonly #found: string[] = []

  /** Takes a ConfigError; any other error is thrown on. */
  readonly note = (error: unknown): void => {
    if (!(error instanceof ConfigError)) throw error
    this.#found.push(...error.problems)
  }

  /** What the step gives, or null where it found something wrong. */
  among<T>(step: () => T): T | null {
    try {
      return step()
    } catch (error) {
      this.note(error)
      return null
    }
  }

  throwAny(): void {
    if (this.#found.length > 0) throw new ConfigError(this.#found)
  }
}

function setFlags(given: Draft, { addr, data, tls = null }: ConfigSources['flags']): void {
  if (tls !== null) given.set(['berth', 'tls'], tls, { source: 'flag', words: '--tls' })
  if (addr !== null) given.set(['http', 'addr'], addr, { source: 'flag', words: '--addr' })
  if (data === null) return
  given.set(['storage', 'filesystem', 'rootdirectory'], data, { source: 'flag', words: '--data' })
}

const SOURCES = ['file', 'variable', 'flag'] as const

interface Alternatives {
  readonly section: 'storage' | 'auth'
  readonly keys: readonly string[]
  readonly what: string
}

const ALTERNATIVES: readonly Alternatives[] = [
  { section: 'storage', keys: STORAGE_DRIVERS, what: 'drivers' },
  { section: 'auth', keys: AUTH_KINDS, what: 'ways in' },
]

/**
 * Of keys that exclude each other the last source's counts: whoever names a folder by a variable means the
 * filesystem, whatever the file says. One source that names two contradicts itself; and who is let in is never
 * changed by the way, but by REGISTRY_AUTH alone. Gives a sentence for each that is overruled. Throws ConfigError.
 */
function keepOne(given: Draft, { section, keys, what }: Alternatives): string[] {
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

/** What Berth does not do, or does not need, of what was given. Throws ConfigError for what it must not go on without. */
function findUnsupported(given: Draft): { readonly warnings: string[]; readonly notices: string[] } {
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

async function parse(given: Draft): Promise<Settings> {
  const parsed = await settingsSchema.safeParseAsync(given.tree)
  if (parsed.success) return parsed.data
  throw new ConfigError(parsed.error.issues.flatMap((issue) => describeIssue(given, issue)))
}

type Issue = NonNullable<ReturnType<typeof settingsSchema.safeParse>['error']>['issues'][number]

function describeIssue(given: Draft, issue: Issue): string[] {
  const place = issue.path.map(String)
  const words = given.originOf(place)?.origin.words ?? place.join('.')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const name = [...place, key].join('.')
      const near = suggestSetting(name)
      return `${words}: ${name} is not a setting that Berth knows.${near === null ? '' : ` Did you mean ${near}?`}`
    })
  }
  if (given.get(place) === undefined) return [`${words}: ${place.at(-1)} is missing: ${hintOf(issue)}.`]
  const shown = isSecret(settingsSchema, place) ? 'cannot be used' : `is ${JSON.stringify(given.get(place))}`
  return [`${words} ${shown}: ${CHOICES[place.join('.')] ?? hintOf(issue)}.`]
}

/** Sections that may be chosen from by a name alone. */
const CHOICES: Readonly<Record<string, string>> = {
  storage: 'write filesystem or inmemory',
  auth: 'write htpasswd, token, silly or none',
}

/** Our own hints say what to write; the library's of shapes would speak of types. */
function hintOf(issue: Issue): string {
  if (issue.code === 'custom') return issue.message
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? issue.message
  if (issue.code === 'invalid_type' && issue.expected === 'array') return 'write a list'
  if (issue.code === 'invalid_union') return 'write a text, a number, true or false'
  return 'write "key: value" lines'
}

/** Whether the setting at a place, or one above it, holds a secret. */
export function isSecret(schema: Schema, place: Place): boolean {
  if (factsOf(schema)?.isSecret === true) return true
  const [key, ...rest] = place
  const kind = kindOf(schema)
  const child = kind.kind === 'section' && key !== undefined ? kind.shape[key] : undefined
  return child !== undefined && isSecret(child, rest)
}
