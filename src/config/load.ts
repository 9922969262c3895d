/**
 * Brings the sources together: defaults, then the file, then the environment, then flags, each overruling
 * what came before. The result is a whole Config or a ConfigError with every problem found, never something
 * half right.
 */
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import type { Config, DatabaseChoice, ListenAddress, LogFormat, StorageDriver } from './config.ts'
import { ConfigError } from './config.ts'
import type { Environment } from './env.ts'
import { readConfigFile } from './file.ts'
import {
  type Given,
  isSecret,
  type SettingName,
  type Settings,
  type SettingValues,
  settingsSchema,
} from './settings.ts'
import { CONFIG_FILE_VARIABLE, DEFAULT_DATA_VARIABLE, readVariables } from './variables.ts'

const SEVEN_DAYS = 7 * 86_400_000
/** Together with what ends after it, inside the 10 s that `docker stop` waits. */
const SHUTDOWN_GRACE = 8000
const REGISTRY_2_DATA = '/var/lib/registry'
/** A PostgreSQL as it comes has 100 for all replicas and whoever else uses it. */
const USUAL_CONNECTIONS = 20
/** One to read and one to write, for a pull must not wait for a push. */
const LEAST_CONNECTIONS = 2
const USUAL_PURGE_INTERVAL = 60 * 60 * 1000
/** Loopback, private and link-local networks: every tutorial puts nginx there and sets nothing. */
const USUAL_TRUSTED_PROXIES = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '::1/128',
  'fc00::/7',
  'fe80::/10',
]
const USUAL_ADDRESS: ListenAddress = { kind: 'tcp', hostname: '::', port: 5000 }

export interface ConfigSources {
  /** The file named on the command line, or null: then REGISTRY_CONFIGURATION_PATH may name one. */
  readonly file: string | null
  readonly environment: Environment
  readonly flags: { readonly addr: string | null; readonly data: string | null }
  /** Whether a person reads the log as it is written. */
  readonly isTerminal: boolean
}

export interface LoadedConfig {
  readonly config: Config
  /** The file that was read, or null. */
  readonly file: string | null
  /** Sentences that the person should see, though Berth can start. */
  readonly warnings: readonly string[]
}

/** Throws ConfigError. */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const file = sources.file ?? (sources.environment[CONFIG_FILE_VARIABLE] || null)
  const fromFile = file === null ? new Map() : await readConfigFile(file)
  const fromEnvironment = readVariables(sources.environment)
  const layers = [fromFile, fromEnvironment.settings, flagSettings(sources.flags)].map(withDriver)
  const settings: Settings = new Map(layers.flatMap((layer) => [...layer]))
  const values = parseSettings(settings)
  const config = build(values, {
    data: sources.environment[DEFAULT_DATA_VARIABLE] || './data',
    logFormat: sources.isTerminal ? 'pretty' : 'text',
  })
  const problems = contradictions(config, settings)
  if (problems.length > 0) throw new ConfigError(problems)
  return { config, file, warnings: [...fromEnvironment.warnings, ...doubts(config)] }
}

function flagSettings(flags: ConfigSources['flags']): Settings {
  const settings = new Map<SettingName, Given>()
  if (flags.addr !== null) settings.set('http.addr', { value: flags.addr, origin: '--addr' })
  if (flags.data !== null)
    settings.set('storage.filesystem.rootdirectory', { value: flags.data, origin: '--data' })
  return settings
}

/** Whoever names a folder means the filesystem: a source that names memory too contradicts itself. */
function withDriver(settings: Settings): Settings {
  const root = settings.get('storage.filesystem.rootdirectory')
  const driver = settings.get('storage')
  if (root === undefined) return settings
  if (driver?.value === 'inmemory') {
    throw new ConfigError([`${root.origin} names a folder, and ${driver.origin} says memory. Keep one.`])
  }
  return new Map([...settings, ['storage', { value: 'filesystem', origin: root.origin }]])
}

function parseSettings(settings: Settings): SettingValues {
  const input = Object.fromEntries([...settings].map(([name, given]) => [name, given.value]))
  const parsed = settingsSchema.safeParse(input)
  if (parsed.success) return parsed.data
  throw new ConfigError(parsed.error.issues.map((issue) => describeIssue(settings, issue)))
}

function describeIssue(settings: Settings, issue: { path: PropertyKey[]; message: string }): string {
  const [name, given] = [...settings].find(([each]) => each === issue.path[0]) ?? []
  if (name === undefined || given === undefined) return issue.message
  const shown = isSecret(name) ? 'cannot be used' : `is ${JSON.stringify(given.value)}`
  return `${given.origin} ${shown}: ${issue.message}.`
}

interface Defaults {
  readonly data: string
  readonly logFormat: LogFormat
}

function build(values: SettingValues, defaults: Defaults): Config {
  const driver = storageDriver(values, defaults.data)
  const address = values['http.addr'] ?? USUAL_ADDRESS
  const workers = workerCount(values, driver, address)
  return {
    http: {
      address,
      host: values['http.host'] ?? null,
      prefix: '',
      relativeUrls: true,
      trustedProxies: USUAL_TRUSTED_PROXIES,
      headers: {},
      tls: null,
      http2: true,
      h2c: false,
      debug: null,
    },
    auth: { kind: 'open' },
    storage: {
      driver,
      deleteEnabled: values['storage.delete.enabled'] ?? values.version === undefined,
      readOnly: false,
    },
    database: databaseChoice(values, workers),
    workers,
    log: {
      level: values['log.level'] ?? 'info',
      format: logFormat(values, defaults.logFormat),
      fields: {},
      accessLog: values['berth.log.accessLog'] ?? true,
    },
    uploads: {
      expireAfterMilliseconds: values['berth.uploads.expireAfter'] ?? SEVEN_DAYS,
      purgeEveryMilliseconds: USUAL_PURGE_INTERVAL,
      purgeIsDryRun: false,
    },
    manifests: {
      allowMissing: values['berth.manifests.allowMissing'] ?? false,
      indexPlatforms: 'all',
      foreignUrls: null,
      classes: null,
    },
    lists: { catalogMaxEntries: 1_000, tagsMax: 10_000 },
    health: { storage: null, files: [], http: [], tcp: [] },
    shutdownGraceMilliseconds: values['berth.shutdownGrace'] ?? SHUTDOWN_GRACE,
  }
}

/** A file with registry:2's `version` brings registry:2's defaults: that folder, and no deletes (above). */
function storageDriver(values: SettingValues, defaultData: string): StorageDriver {
  if (values.storage === 'inmemory') return { kind: 'memory' }
  const unsaid = values.version === undefined ? defaultData : REGISTRY_2_DATA
  return { kind: 'filesystem', root: resolve(values['storage.filesystem.rootdirectory'] ?? unsaid) }
}

function logFormat(values: SettingValues, automatic: LogFormat): LogFormat {
  const own = values['berth.log.format'] ?? 'auto'
  return own === 'auto' ? (values['log.formatter'] ?? automatic) : own
}

function databaseChoice(values: SettingValues, workers: number): DatabaseChoice {
  const url = values['berth.database.url']
  const usual = Math.max(USUAL_CONNECTIONS, workers * LEAST_CONNECTIONS)
  if (url !== undefined) {
    return { kind: 'postgres', url, connections: values['berth.database.connections'] ?? usual }
  }
  const path = values['berth.database.path']
  return { kind: 'sqlite', path: path === undefined ? null : resolve(path) }
}

/** Memory and a Unix socket belong to one process, so `auto` means one there. */
function workerCount(values: SettingValues, driver: StorageDriver, address: ListenAddress): number {
  const workers = values['berth.workers'] ?? 1
  if (workers !== 'auto') return workers
  return driver.kind === 'memory' || address.kind === 'unix' ? 1 : availableParallelism()
}

/** Settings that are right each by itself, but not together. */
function contradictions(config: Config, settings: Settings): string[] {
  const workers = settings.get('berth.workers')?.origin
  const url = settings.get('berth.database.url')?.origin
  const path = settings.get('berth.database.path')?.origin
  const hasMany = config.workers > 1
  const address: ListenAddress = config.http.address
  const { database } = config
  const connections = settings.get('berth.database.connections')?.origin
  const least = config.workers * LEAST_CONNECTIONS
  return [
    connections !== undefined &&
      database.kind === 'sqlite' &&
      `${connections} is for PostgreSQL, and SQLite is used. Remove it, or set berth.database.url.`,
    database.kind === 'postgres' &&
      database.connections < least &&
      `${connections} is ${database.connections}, but ${config.workers} workers need at least ${least}, ${LEAST_CONNECTIONS} each.`,
    url !== undefined && path !== undefined && `${url} means PostgreSQL and ${path} means SQLite. Keep one.`,
    hasMany &&
      config.storage.driver.kind === 'memory' &&
      `${workers}: storage in memory works with one worker only.`,
    hasMany && address.kind === 'unix' && `${workers}: a Unix socket works with one worker only.`,
  ].filter((problem) => problem !== false)
}

/** Settings that work, but perhaps not as their writer thinks. */
function doubts({ storage, database }: Config): string[] {
  const isKept = database.kind === 'postgres' || database.path !== null
  if (storage.driver.kind !== 'memory' || !isKept) return []
  return [
    'Storage in memory is gone when Berth stops, but the database stays, and will then list images that nobody can pull. ' +
      'Use it for tests only, each time with an empty database.',
  ]
}
