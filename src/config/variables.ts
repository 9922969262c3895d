/**
 * Settings from the environment: `REGISTRY_*` as registry:2 and registry:3 have them, and `BERTH_*`. A variable is
 * named by the keys of its setting, in capitals; Go's name of the field is understood where it differs. What is
 * broken there works here: sections that are not in the file, items of lists by number, `_FILE` for secrets.
 * A variable that sets nothing is worth a warning, for it is most likely a slip; what Kubernetes puts there is not.
 */
import { readFileSync } from 'node:fs'
import { ConfigError } from './config.ts'
import { type Draft, isBranch, type Origin, type Place } from './draft.ts'
import type { Environment } from './env.ts'
import { chosen } from './file.ts'
import { settingsSchema } from './schema.ts'
import { factsOf, kindOf, listSettings, type Schema } from './setting.ts'
import { suggest } from './suggest.ts'
import type { YamlContent } from './yaml.ts'

/** Which file to read; as in registry:2. */
export const CONFIG_FILE_VARIABLE = 'REGISTRY_CONFIGURATION_PATH'

/** Where the data lies when nothing says so: a container image sets it to its volume. */
export const DEFAULT_DATA_VARIABLE = 'BERTH_DEFAULT_DATA'

/** A Service named `registry`, `registry-cache` or `berth` makes Kubernetes set these in every pod beside it. */
const SET_BY_KUBERNETES =
  /^(REGISTRY|BERTH)_(\w+_)?(SERVICE_(HOST|PORT(_.*)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/
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
  for (const variable of Object.keys(environment).sort(byName)) {
    const text = environment[variable] ?? ''
    if (text === '' || !looksMeant(variable)) continue
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

function looksMeant(variable: string): boolean {
  if (!OURS.test(variable) || SET_BY_KUBERNETES.test(variable)) return false
  return variable !== CONFIG_FILE_VARIABLE && variable !== DEFAULT_DATA_VARIABLE
}

/** Gives sentences about what is lost by it; null where the variable is no setting's. */
async function setVariable(draft: Draft, variable: string, text: string): Promise<readonly string[] | null> {
  const found = findPlace(draft, variable)
  if (found !== null) {
    return setFound(draft, found, await parseValue(found.schema, text, variable), origin(variable))
  }
  if (!FROM_FILE.test(variable)) return null
  const secret = findPlace(draft, variable.replace(FROM_FILE, ''))
  if (secret === null || factsOf(secret.schema)?.isSecret !== true) return null
  if (draft.originOf(secret.place)?.origin.words === variable.replace(FROM_FILE, '')) {
    throw new ConfigError([`${variable.replace(FROM_FILE, '')} and ${variable} are both set. Keep one.`])
  }
  draft.set(secret.place, readSecret(variable, text), origin(variable))
  return []
}

/**
 * The name of a driver alone chooses it, without any settings, as in registry:2; and leaves alone what else stands in
 * its section.
 */
function setFound(draft: Draft, { place, schema }: Found, value: unknown, origin: Origin): readonly string[] {
  const kind = kindOf(schema)
  const choice = kind.kind === 'section' && typeof value === 'string' ? chosen(kind.shape, value) : value
  if (choice === value) {
    draft.set(place, value, origin)
    return []
  }
  const driver = [...place, String(value)]
  const before = draft.get(driver)
  const lost = isBranch(before)
    ? Object.keys(before).map((key) => draft.originOf([...driver, key])?.origin.words)
    : []
  draft.set(driver, {}, origin)
  return lost.map(
    (words) => `${words} has no effect: ${origin.words} begins that section anew, as in registry:2.`,
  )
}

function origin(variable: string): Origin {
  return { source: 'variable', words: variable }
}

interface Found {
  readonly place: Place
  readonly schema: Schema
}

function findPlace(draft: Draft, variable: string): Found | null {
  const [program = '', ...segments] = variable.split('_')
  if (segments.length === 0 || segments[0] === 'VERSION') return null
  const words = program === 'BERTH' ? ['BERTH', ...segments] : segments
  if (program === 'REGISTRY' && words[0] === 'BERTH') return null
  return descend(draft, { place: [], schema: settingsSchema }, words, variable)
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
      return descend(draft, { place: [...at.place, key], schema }, rest, variable)
    }
    case 'map':
      return descend(
        draft,
        { place: [...at.place, keyIn(draft, at.place, word)], schema: kind.value },
        rest,
        variable,
      )
    case 'list':
      return descend(
        draft,
        { place: itemIn(draft, at.place, word, variable), schema: kind.item },
        rest,
        variable,
      )
    case 'unread':
      return at
    case 'value':
      return null
  }
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

/** A text as it stands, save for the quotes that compose hands on; a section, a map or a list as YAML. */
async function parseValue(schema: Schema, text: string, variable: string): Promise<unknown> {
  const { kind } = kindOf(schema)
  if (kind === 'value') return unquoted(text)
  const { parseYaml } = await import('./yaml.ts')
  let content: YamlContent
  try {
    content = parseYaml(text, variable)
  } catch (error) {
    // One item may stand for a list, and a password may look like anything.
    if (error instanceof ConfigError && (kind === 'list' || kind === 'unread')) return unquoted(text)
    throw error
  }
  if (content.doubled.length > 0) throw new ConfigError(content.doubled)
  return content.value
}

function unquoted(text: string): string {
  return /^\s*(["'])(.*)\1\s*$/s.exec(text)?.[2] ?? text
}

function readSecret(variable: string, path: string): string {
  try {
    return readFileSync(unquoted(path), 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? error.code : error
    throw new ConfigError([`${variable} names ${path}, which cannot be read (${reason}).`])
  }
}

function unknownVariable(variable: string): string {
  const known = listSettings(settingsSchema).map(({ name }) => variableOf(name))
  const near = suggest(variable, [...known, CONFIG_FILE_VARIABLE])
  return `The variable ${variable} sets nothing in Berth.${near === null ? '' : ` Did you mean ${near}?`}`
}
