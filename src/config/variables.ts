/**
 * Settings from the environment: `REGISTRY_*` as registry:2 and registry:3 have them, and `BERTH_*`. A variable is
 * named by the keys of its setting, in capitals; Go's name of the field is understood where it differs. What is
 * broken there works here: sections that are not in the file, items of lists by number, `_FILE` for secrets.
 * A variable that sets nothing is worth a warning, for it is most likely a slip; what Kubernetes puts there is not.
 */
import { readFileSync } from 'node:fs'
import { codeOf, messageOf } from '../lib/thrown.ts'
import { ConfigError } from './config.ts'
import { type Draft, isBranch, type Origin, type Place } from './draft.ts'
import type { Environment } from './env.ts'
import { chosen } from './file.ts'
import { settingsSchema } from './schema.ts'
import { factsOf, type Kind, kindOf, listSettings, type Schema } from './setting.ts'
import { suggest } from './suggest.ts'
import type { YamlContent } from './yaml.ts'

/** Which file to read; as in registry:2. */
export const CONFIG_FILE_VARIABLE = 'REGISTRY_CONFIGURATION_PATH'

/** Where the data lies when nothing says so: a container image sets it to its volume. */
export const DEFAULT_DATA_VARIABLE = 'BERTH_DEFAULT_DATA'

/**
 * A Service named `registry`, `registry-cache` or `berth` makes Kubernetes set these in every pod beside it, to values
 * of these forms: a number in REGISTRY_PORT was written by a person.
 */
const SET_BY_KUBERNETES: readonly (readonly [name: RegExp, value: RegExp])[] = [
  [/_SERVICE_HOST$|_PORT_\d+_(TCP|UDP|SCTP)_ADDR$/, /^[\d.]+$|^[\da-f:.]*:[\da-f:.]*$/i],
  [/_SERVICE_PORT(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)_PORT$/, /^\d+$/],
  [/_PORT(_\d+_(TCP|UDP|SCTP))?$/, /^(tcp|udp|sctp):\/\//],
  [/_PORT_\d+_(TCP|UDP|SCTP)_PROTO$/, /^(tcp|udp|sctp)$/],
]
/** What people look for who know other programs. */
const MEANT_BY: Readonly<Record<string, string>> = {
  REGISTRY_PORT: 'REGISTRY_HTTP_ADDR',
  REGISTRY_HTTP_PORT: 'REGISTRY_HTTP_ADDR',
  BERTH_PORT: 'REGISTRY_HTTP_ADDR',
}
const OURS = /^(REGISTRY|BERTH)_/
const FROM_FILE = /_FILE$/

/**
 * Puts the settings of the environment into the draft, parents before their children, as registry:2 does. An empty
 * variable counts as not set. Gives one sentence for each variable that sets nothing, or more than its writer may
 * think. Throws ConfigError.
 */
export async function readVariables(environment: Environment, draft: Draft): Promise<readonly string[]> {
  const warnings: string[] = []
  const problems: string[] = []
  const traced = Object.keys(environment).find((each) => isOfTracing(each, environment[each] ?? ''))
  if (traced !== undefined) warnings.push(`${traced} has no effect: Berth sends no traces yet.`)
  for (const variable of Object.keys(environment).sort(byName)) {
    const text = environment[variable] ?? ''
    if (text === '') warnings.push(...describeEmpty(draft, variable))
    if (text === '' || !looksMeant(variable, text)) continue
    try {
      warnings.push(...((await setVariable(draft, variable, text)) ?? [unknownVariable(variable)]))
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      problems.push(...error.problems)
    }
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return warnings
}

/** In registry:2 an empty variable empties what the file says; here it is not set, and the file's value holds. */
function describeEmpty(draft: Draft, variable: string): string[] {
  // The place of a list's item would be made by looking for it.
  const found = !OURS.test(variable) || /_\d/.test(variable) ? null : findPlaceOrNull(draft, variable)
  const given = found === null || draft.get(found.place) === undefined ? null : draft.originOf(found.place)
  if (given === null || given.origin.source !== 'file') return []
  return [
    `${variable} is empty, and so not set: ${given.origin.words} holds. Remove it there, if it should not.`,
  ]
}

function findPlaceOrNull(draft: Draft, variable: string): Found | null {
  try {
    return findPlace(draft, variable)
  } catch (error) {
    if (error instanceof ConfigError) return null
    throw error
  }
}

/** Places in a list by their number: the tenth after the ninth. */
function byName(one: string, other: string): number {
  const [a = '', b = ''] = [one, other].map((name) =>
    name.replace(/\d+/g, (digits) => digits.padStart(6, '0')),
  )
  return a < b ? -1 : 1
}

/** The variable that sets a setting. */
export function variableOf(name: string): string {
  const words = name.startsWith('berth.') ? name : `registry.${name}`
  return words.replaceAll('.', '_').toUpperCase()
}

/** registry:3 is told by OpenTelemetry's own variables where to send its traces. */
function isOfTracing(variable: string, value: string): boolean {
  return /^OTEL_(TRACES|EXPORTER)_/.test(variable) && value !== '' && value !== 'none'
}

function looksMeant(variable: string, text: string): boolean {
  const isOfKubernetes = SET_BY_KUBERNETES.some(([name, value]) => name.test(variable) && value.test(text))
  if (!OURS.test(variable) || isOfKubernetes) return false
  return variable !== CONFIG_FILE_VARIABLE && variable !== DEFAULT_DATA_VARIABLE
}

/** Gives sentences about what is lost by it; null where the variable is no setting's. */
async function setVariable(draft: Draft, variable: string, text: string): Promise<readonly string[] | null> {
  const secret = FROM_FILE.test(variable) ? findPlace(draft, variable.replace(FROM_FILE, '')) : null
  if (secret?.isSecret === true) {
    const before = draft.get(secret.place) === undefined ? null : draft.originOf(secret.place)
    if (before?.origin.words === variable.replace(FROM_FILE, '')) {
      throw new ConfigError([`${variable.replace(FROM_FILE, '')} and ${variable} are both set. Keep one.`])
    }
    const content = readSecret(variable, text)
    draft.set(secret.place, await parseValue(secret.schema, content, variable), origin(variable))
    return []
  }
  const found = findPlace(draft, variable)
  if (found === null) return null
  return setFound(draft, found, await parseValue(found.schema, text, variable), origin(variable))
}

/**
 * The name of a driver alone chooses it, without any settings, as in registry:2; and leaves alone what else stands in
 * its section.
 */
function setFound(draft: Draft, { place, schema }: Found, value: unknown, origin: Origin): readonly string[] {
  const kind = kindOf(schema)
  const isChoice = kind.kind === 'section' && typeof value === 'string' && chosen(kind.shape, value) !== value
  const section = isChoice ? [...place, value] : place
  const before = draft.givenBelow(section)
  draft.set(section, isChoice ? {} : value, origin)
  return before
    .filter((given) => draft.get(given.place) === undefined)
    .map(
      (given) =>
        `${given.origin.words} has no effect: ${origin.words} begins that section anew, as in registry:2.`,
    )
}

function origin(variable: string): Origin {
  return { source: 'variable', words: variable }
}

interface Found {
  readonly place: Place
  readonly schema: Schema
  /** Also where something above it is. */
  readonly isSecret: boolean
}

function findPlace(draft: Draft, variable: string): Found | null {
  const [program = '', ...segments] = variable.split('_')
  if (segments.length === 0 || segments[0] === 'VERSION') return null
  const words = program === 'BERTH' ? ['BERTH', ...segments] : segments
  if (program === 'REGISTRY' && words[0] === 'BERTH') return null
  return descend(draft, { place: [], schema: settingsSchema, isSecret: false }, words, variable)
}

function descend(draft: Draft, at: Found, words: readonly string[], variable: string): Found | null {
  const [word, ...rest] = words
  if (word === undefined) return at
  const kind = kindOf(at.schema)
  switch (kind.kind) {
    case 'section': {
      const key = Object.keys(kind.shape).find((each) => isNamed(each, kind.shape[each], word))
      const schema = key === undefined ? undefined : kind.shape[key]
      if (key === undefined || schema === undefined) return null
      return descend(draft, below(at, [...at.place, key], schema), rest, variable)
    }
    case 'map':
      return descend(
        draft,
        below(at, [...at.place, keyIn(draft, at.place, word)], kind.value),
        rest,
        variable,
      )
    case 'list':
      return descend(draft, below(at, itemIn(draft, at.place, word, variable), kind.item), rest, variable)
    case 'unread':
      return at
    case 'value':
      return null
  }
}

function below({ isSecret }: Found, place: Place, schema: Schema): Found {
  return { place, schema, isSecret: isSecret || factsOf(schema)?.isSecret === true }
}

function isNamed(key: string, schema: Schema | undefined, word: string): boolean {
  return key.toUpperCase() === word || (schema !== undefined && factsOf(schema)?.goName === word)
}

/** A key that is there already, however it is written; or a new one in small letters. */
function keyIn(draft: Draft, place: Place, word: string): string {
  const map = draft.get(place)
  const found = isBranch(map)
    ? Object.keys(map).find((key) => key.toLowerCase() === word.toLowerCase())
    : undefined
  return found ?? word.toLowerCase()
}

/** An item of a list, or the place behind its last one. The list becomes the variable's own. */
function itemIn(draft: Draft, place: Place, word: string, variable: string): Place {
  const list = draft.get(place)
  const items = Array.isArray(list) ? list : list === undefined ? [] : [list]
  const index = /^\d{1,6}$/.test(word) ? Number(word) : Number.NaN
  if (!(index <= items.length)) {
    throw new ConfigError([`${variable} names no item of a list: the next one is number ${items.length}.`])
  }
  if (!Array.isArray(list)) draft.set(place, items, origin(variable))
  if (index === items.length) items.push({})
  return [...place, word]
}

/** In quotes or in brackets. */
const MEANT_AS_YAML = /^\s*(?:["']|\[.*\]\s*$|\{.*\}\s*$)/s

/** A text as it stands, save for the quotes that compose hands on; a section, a map or a list as YAML. */
async function parseValue(schema: Schema, text: string, variable: string): Promise<unknown> {
  const { kind } = kindOf(schema)
  const inside = unquoted(text)
  if (kind === 'value') return inside
  const { parseYaml } = await import('./yaml.ts')
  let content: YamlContent
  try {
    content = parseYaml(inside, variable)
    // Compose hands on the quotes around a section, a map or a list too; those around one text are YAML's own.
    if (inside !== text && !isWhole(kind, content.value)) content = parseYaml(text, variable)
  } catch (error) {
    // One item may stand for a list, unless it is meant as one; and a password may look like anything.
    const isText = kind === 'unread' || (kind === 'list' && !MEANT_AS_YAML.test(inside))
    if (error instanceof ConfigError && isText) return inside
    throw error
  }
  if (content.doubled.length > 0) throw new ConfigError(content.doubled)
  return content.value
}

/** Whether it is more than a text that only looks like it, as a header's value may. */
function isWhole(kind: Kind['kind'], value: unknown): boolean {
  return kind === 'list' ? Array.isArray(value) : typeof value === 'object' && value !== null
}

function unquoted(text: string): string {
  return /^\s*(["'])((?:(?!\1).)*)\1\s*$/s.exec(text)?.[2] ?? text
}

function readSecret(variable: string, path: string): string {
  try {
    return readFileSync(unquoted(path), 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    const reason = codeOf(error) ?? messageOf(error)
    throw new ConfigError([`${variable} names ${path}, which cannot be read (${reason}).`])
  }
}

function unknownVariable(variable: string): string {
  const known = listSettings(settingsSchema).map(({ name }) => variableOf(name))
  const others = [...known, CONFIG_FILE_VARIABLE].filter((each) => each !== variable)
  const near = MEANT_BY[variable] ?? suggest(variable, others)
  return `The variable ${variable} sets nothing in Berth.${near === null ? '' : ` Did you mean ${near}?`}`
}
