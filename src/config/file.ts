/**
 * The YAML file: registry:2's and registry:3's v0.1 form, with Berth's own settings under `berth:`. Every key is
 * known and stands once, or is an error that names it: a setting that is ignored in silence is worse than one that
 * is refused. What the values may be is the schema's affair.
 */

import { codeOf, messageOf } from '../lib/thrown.ts'
import { ConfigError } from './config.ts'
import { type Draft, isBranch, nameOf, type Origin, type Place } from './draft.ts'
import { settingsSchema } from './schema.ts'
import { kindOf, listSettings, type Schema, type Shape } from './setting.ts'
import { suggest } from './suggest.ts'

/** Where registry:3 and registry:2 have theirs. Read where the program is called by their name and nothing else is said. */
export const USUAL_FILES = ['/etc/distribution/config.yml', '/etc/docker/registry/config.yml'] as const

/** Reads the file into the draft. Throws ConfigError when it is not there, is not YAML, or has keys that are unknown or stand twice. */
export async function readConfigFile(file: string, draft: Draft): Promise<void> {
  const { parseYaml } = await import('./yaml.ts')
  const { value, doubled } = parseYaml(await readText(file), `The configuration file ${file}`)
  const walk: Walk = { file, draft, problems: [...doubled] }
  visit(walk, settingsSchema, [], value)
  if (walk.problems.length > 0) throw new ConfigError(walk.problems)
}

interface Walk {
  readonly file: string
  readonly draft: Draft
  readonly problems: string[]
}

function visit(walk: Walk, schema: Schema, place: Place, value: unknown): void {
  const kind = kindOf(schema)
  if (kind.kind === 'section') visitSection(walk, kind.shape, place, chosen(kind.shape, value))
  else if (value !== null && value !== '') walk.draft.set(place, value, originOf(walk, place))
}

/** An empty value says nothing, as in registry:2; a key of a section without one says that there is such a section, and no more. */
function visitSection(walk: Walk, shape: Shape, place: Place, value: unknown): void {
  if (value !== null && !isBranch(value)) {
    walk.problems.push(`${walk.file}: ${nameOf(place) || 'the file'} must hold "key: value" lines.`)
    return
  }
  if (place.length > 0) walk.draft.set(place, {}, originOf(walk, place))
  for (const [key, child] of Object.entries(value ?? {})) {
    const schema = Object.hasOwn(shape, key) ? shape[key] : undefined
    if (schema === undefined) walk.problems.push(unknownKey(walk.file, [...place, key]))
    else visit(walk, schema, [...place, key], child)
  }
}

/** `storage: inmemory` is short for a section with that one key. */
export function chosen(shape: Shape, value: unknown): unknown {
  return typeof value === 'string' && Object.hasOwn(shape, value) ? { [value]: {} } : value
}

function originOf({ file }: Walk, place: Place): Origin {
  return { source: 'file', words: `${nameOf(place)} in ${file}` }
}

const HINTS: ReadonlyMap<unknown, string> = new Map([
  ['ENOENT', 'there is no such file'],
  ['EISDIR', 'it is a folder. Docker makes one where a mounted file is missing'],
])

async function readText(path: string): Promise<string> {
  try {
    return await Bun.file(path).text()
  } catch (error) {
    const reason = codeOf(error) ?? messageOf(error)
    const hint = HINTS.get(reason) ?? `it cannot be read (${reason})`
    throw new ConfigError([`The configuration file ${path}: ${hint}.`])
  }
}

function unknownKey(file: string, place: Place): string {
  const sentence = `${file}: ${nameOf(place)} is not a setting that Berth knows.`
  const near = suggestSetting(nameOf(place))
  return near === null
    ? `${sentence} Remove it, or see berth config schema.`
    : `${sentence} Did you mean ${near}?`
}

/** The known setting, or section of settings, nearest to a mistyped name; else one of that key elsewhere. */
export function suggestSetting(name: string): string | null {
  const settings = listSettings(settingsSchema).map((each) => each.name)
  const depth = name.split('.').length
  const sections = settings.map((each) => each.split('.').slice(0, depth).join('.'))
  const key = name.split('.').at(-1)
  return (
    suggest(name, [...new Set([...settings, ...sections])]) ??
    suggest(name, settings.filter(isAddress).map(spellOut))?.replace(SPELLED_OUT, '.addr') ??
    settings.find((each) => each.split('.').at(-1) === key) ??
    null
  )
}

/** `addr` is `address` to many. */
const SPELLED_OUT = /\.address$/

function isAddress(setting: string): boolean {
  return setting.endsWith('.addr')
}

function spellOut(setting: string): string {
  return setting.replace(/\.addr$/, '.address')
}
