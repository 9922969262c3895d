/**
 * The settings by name, and what each may hold. A setting has one name, its path in the YAML file: those of
 * registry:2's v0.1 file as they are there, and Berth's own under `berth.`. The environment variable follows
 * from it: `http.addr` is REGISTRY_HTTP_ADDR, `berth.uploads.expireAfter` is BERTH_UPLOADS_EXPIREAFTER.
 * A new setting is one line here and one in build.ts.
 */
import { z } from 'zod'
import { parseListenAddress } from './address.ts'
import { LOG_FORMATS, LOG_LEVELS } from './config.ts'
import { parseDuration } from './duration.ts'

const BOOLEAN_WORDS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  false: false,
  no: false,
  off: false,
}

/** A value that is written as text, made of `parse`; null from it means that the text is wrong. */
function written<T>(hint: string, parse: (text: string) => T | null) {
  return z.unknown().transform((value, context): T => {
    const parsed = isScalar(value) ? parse(String(value).trim()) : null
    if (parsed !== null) return parsed
    context.addIssue({ code: 'custom', message: hint })
    return z.NEVER
  })
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function oneOf<const Word extends string>(words: readonly Word[]) {
  const hint = `write ${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
  return written(hint, (text) => words.find((word) => word === text) ?? null)
}

const boolean = written('write true or false', (text) => BOOLEAN_WORDS[text.toLowerCase()] ?? null)
const duration = written(
  'write a duration such as 30s, 90m, 168h or 7d',
  (text) => parseDuration(text) || null,
)
const path = written('write a path', (text) => text || null)

const address = written(
  'write host:port (":5000" for every address of this machine, "127.0.0.1:5000" for this machine alone) or unix:/path/to/socket',
  parseListenAddress,
)

const host = written(
  'write the address that clients use, such as https://registry.example.com, without a path',
  (text) => {
    const url = URL.canParse(text) ? new URL(text) : null
    const isPlain =
      url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === ''
    return isPlain && url.username === '' && url.hash === '' ? url.origin : null
  },
)

const postgresUrl = written(
  'it must look like postgres://user:password@host:5432/database (or leave it out, and SQLite is used)',
  (text) => (URL.canParse(text) && /^postgres(ql)?:$/.test(new URL(text).protocol) ? text : null),
)

const workers = written('write a number from 1 to 256, or auto for one per processor core', (text) => {
  if (text === 'auto') return 'auto'
  return /^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= 256 ? Number(text) : null
})

const connections = written('write a number from 2 to 10000', (text) =>
  /^\d{1,5}$/.test(text) && Number(text) >= 2 && Number(text) <= 10_000 ? Number(text) : null,
)

export const settingsSchema = z.strictObject({
  version: written('the only version of this file is 0.1', (text) =>
    text === '0.1' ? text : null,
  ).optional(),
  'log.level': oneOf(LOG_LEVELS).optional(),
  'log.formatter': oneOf(['text', 'json']).optional(),
  storage: oneOf(['filesystem', 'inmemory']).optional(),
  'storage.filesystem.rootdirectory': path.optional(),
  'storage.delete.enabled': boolean.optional(),
  'http.addr': address.optional(),
  'http.host': host.optional(),
  'berth.database.url': postgresUrl.optional(),
  'berth.database.path': path.optional(),
  'berth.database.connections': connections.optional(),
  'berth.workers': workers.optional(),
  'berth.log.format': oneOf(['auto', ...LOG_FORMATS]).optional(),
  'berth.log.accessLog': boolean.optional(),
  'berth.uploads.expireAfter': duration.optional(),
  'berth.manifests.allowMissing': boolean.optional(),
  'berth.shutdownGrace': duration.optional(),
})

export type SettingName = keyof typeof settingsSchema.shape
export type SettingValues = z.output<typeof settingsSchema>

export const SETTING_NAMES: readonly SettingName[] = settingsSchema.keyof().options

/** Their values must not appear in a message: they hold passwords. */
const SECRET: readonly SettingName[] = ['berth.database.url']

export function isSecret(name: SettingName): boolean {
  return SECRET.includes(name)
}

/** A value as a source gives it, and where it was found: `REGISTRY_HTTP_ADDR`, or `http.addr in config.yml`. */
export interface Given {
  readonly value: unknown
  readonly origin: string
}

/** What one source says. A later source overrules an earlier one, setting by setting. */
export type Settings = ReadonlyMap<SettingName, Given>

/** The variable that sets a setting, or null where none does (the version of a file). */
export function variableOf(name: SettingName): string | null {
  if (name === 'version') return null
  const words = name.startsWith('berth.') ? name : `registry.${name}`
  return words.replaceAll('.', '_').toUpperCase()
}
