/**
 * The YAML file: registry:2's v0.1 form with Berth's own settings under `berth:`. Every key is known or an
 * error that names it: a setting that is ignored in silence is worse than one that is refused. What the
 * values may be is settings.ts's affair.
 */
import { ConfigError } from './config.ts'
import { type Given, SETTING_NAMES, type SettingName, type Settings } from './settings.ts'
import { suggest } from './suggest.ts'

/** Sections that mean something by standing there, even when nothing is in them. */
const DRIVER_SECTIONS: Readonly<Record<string, string>> = {
  'storage.filesystem': 'filesystem',
  'storage.inmemory': 'inmemory',
}

/** Reads and takes apart the file. Throws ConfigError when it is not there, is not YAML, or has unknown keys. */
export async function readConfigFile(path: string): Promise<Settings> {
  return settingsOf(parseYaml(await readText(path), path), path)
}

async function readText(path: string): Promise<string> {
  try {
    return await Bun.file(path).text()
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? error.code : error
    const hint = reason === 'ENOENT' ? 'there is no such file' : `it cannot be read (${reason})`
    throw new ConfigError([`The configuration file ${path}: ${hint}.`])
  }
}

function parseYaml(text: string, path: string): unknown {
  try {
    return Bun.YAML.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace('YAML Parse error: ', '') : String(error)
    throw new ConfigError([`The configuration file ${path} is not valid YAML: ${reason}.`])
  }
}

interface Walk {
  readonly file: string
  readonly found: Map<SettingName, Given>
  readonly problems: string[]
}

function settingsOf(tree: unknown, file: string): Settings {
  const walk: Walk = { file, found: new Map(), problems: [] }
  visitSection(walk, '', tree)
  if (walk.problems.length > 0) throw new ConfigError(walk.problems)
  return walk.found
}

function visitSection(walk: Walk, section: string, content: unknown): void {
  if (content === null) return
  if (!isRecord(content)) {
    walk.problems.push(`${walk.file}: ${section || 'the file'} must hold "key: value" lines.`)
    return
  }
  for (const [key, value] of Object.entries(content))
    visitKey(walk, section === '' ? key : `${section}.${key}`, value)
}

function visitKey(walk: Walk, path: string, value: unknown): void {
  const setting = SETTING_NAMES.find((name) => name === path)
  const isSection = path in DRIVER_SECTIONS || SETTING_NAMES.some((name) => name.startsWith(`${path}.`))
  noteDriver(walk, path)
  if (isSection && (isRecord(value) || value === null || setting === undefined))
    visitSection(walk, path, value)
  else if (setting === undefined) walk.problems.push(unknownKey(walk.file, path))
  else if (value !== null) walk.found.set(setting, { value, origin: `${path} in ${walk.file}` })
}

function noteDriver(walk: Walk, path: string): void {
  const driver = DRIVER_SECTIONS[path]
  if (driver === undefined) return
  const earlier = walk.found.get('storage')
  if (earlier === undefined) walk.found.set('storage', { value: driver, origin: `${path} in ${walk.file}` })
  else
    walk.problems.push(`${walk.file}: storage names two drivers, ${earlier.value} and ${driver}. Keep one.`)
}

function unknownKey(file: string, path: string): string {
  const known = [...SETTING_NAMES.filter((name) => name !== 'storage'), 'storage.inmemory']
  const near = suggest(path, known)
  const hint =
    near === null ? `This version of Berth understands ${known.join(', ')}` : `Did you mean ${near}?`
  return `${file}: ${path} is not a setting that Berth knows. ${near === null ? `${hint}.` : hint}`
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
