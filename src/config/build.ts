/** Makes the whole Config of what was given, with a default for everything else. Decides nothing about contradictions. */
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { buildAuth } from './build-auth.ts'
import { buildCollection } from './build-collection.ts'
import { buildScrub } from './build-scrub.ts'
import type {
  BackupConfig,
  Config,
  DatabaseChoice,
  DebugConfig,
  HealthConfig,
  HttpConfig,
  ListenAddress,
  LogConfig,
  LogFormat,
  ManifestsConfig,
  StorageDriver,
  TlsConfig,
  UploadsConfig,
} from './config.ts'
import type { Settings } from './schema.ts'

const DAY = 24 * 3_600_000
const SEVEN_DAYS = 7 * DAY
/** A timer counts 31 bits of milliseconds, and one that is set to more goes off at once. */
const LONGEST_TIMER = 24 * DAY
/** Together with what ends after it, inside the 10 s that `docker stop` waits. */
const SHUTDOWN_GRACE = 8000
const REGISTRY_2_DATA = '/var/lib/registry'
/** A PostgreSQL as it comes has 100 for all replicas and whoever else uses it. */
const USUAL_CONNECTIONS = 20
/** One to read and one to write, for a pull must not wait for a push. */
export const LEAST_CONNECTIONS = 2
/** Names of a page of a list, whatever is asked for: so many take some milliseconds. */
export const LONGEST_PAGE = 100_000
const USUAL_ADDRESS: ListenAddress = { kind: 'tcp', hostname: '::', port: 5000 }
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
const USUAL_CHECK_INTERVAL = 10_000
const USUAL_CHECK_TIMEOUT = 5000

export interface Defaults {
  /** Where images are kept when nobody says so; null for where that usually is. */
  readonly data: string | null
  readonly logFormat: LogFormat
}

export function buildConfig(settings: Settings, defaults: Defaults): Config {
  const driver = storageDriver(settings, defaults.data)
  const http = buildHttp(settings.http, settings.berth)
  const workers = workerCount(settings, driver, http.address)
  return {
    http,
    auth: buildAuth(settings.auth),
    storage: {
      driver,
      deleteEnabled: settings.storage?.delete?.enabled ?? settings.version === undefined,
      readOnly: settings.storage?.maintenance?.readonly?.enabled ?? false,
    },
    database: databaseChoice(settings, workers),
    workers,
    log: buildLog(settings, defaults.logFormat),
    uploads: buildUploads(settings),
    manifests: buildManifests(settings),
    collection: buildCollection(settings),
    backup: buildBackup(settings.berth?.backup),
    scrub: buildScrub(settings),
    trash: {
      keepMilliseconds: settings.berth?.trash?.keep ?? SEVEN_DAYS,
      deleteUntaggedAfterMilliseconds: settings.berth?.collection?.untagged?.deleteAfter ?? null,
    },
    lists: {
      catalogMaxEntries: Math.min(settings.catalog?.maxentries ?? 1_000, LONGEST_PAGE),
      tagsMax: Math.min(settings.tags?.maxtags ?? 10_000, LONGEST_PAGE),
    },
    health: buildHealth(settings.health),
    shutdownGraceMilliseconds: timed(
      settings.berth?.shutdownGrace ?? (settings.http?.draintimeout || SHUTDOWN_GRACE),
    ),
  }
}

/** A file with registry:2's `version` brings registry:2's defaults: that folder, and no deletes (above). */
function storageDriver({ version, storage }: Settings, defaultData: string | null): StorageDriver {
  if (storage?.inmemory !== undefined) return { kind: 'memory' }
  const unsaid = defaultData ?? (version === undefined ? './data' : REGISTRY_2_DATA)
  return { kind: 'filesystem', root: resolve(storage?.filesystem?.rootdirectory ?? unsaid) }
}

function buildHttp(http: Settings['http'] = {}, berth: Settings['berth']): HttpConfig {
  return {
    address: listenAddress(http),
    host: http.host === undefined ? null : withPath(http.host, http.prefix ?? ''),
    prefix: http.prefix ?? '',
    relativeUrls: http.relativeurls ?? true,
    trustedProxies: http.trustedproxies?.flat() ?? USUAL_TRUSTED_PROXIES,
    headers: http.headers ?? {},
    tls: berth?.tls === 'auto' ? { kind: 'auto' } : buildTls(http.tls),
    http2: http.http2?.disabled !== true,
    h2c: http.h2c?.enabled ?? false,
    debug: buildDebug(http),
  }
}

/** A host with a path of its own needs no prefix: the path is where a proxy has the registry. */
function withPath(host: string, prefix: string): string {
  return new URL(host).pathname === '/' ? host + prefix : host
}

/**
 * Null where the registry itself has that address: the image's own file has one for the debug server, and
 * `-e REGISTRY_HTTP_ADDR=:5001`, which was right for `registry:2`, means the registry.
 */
function buildDebug(http: NonNullable<Settings['http']>): DebugConfig | null {
  const { addr, prometheus } = http.debug ?? {}
  if (addr === undefined || haveOneSocket(addr, listenAddress(http))) return null
  return { address: addr, metricsPath: prometheus?.enabled === true ? (prometheus.path ?? '/metrics') : null }
}

const EVERY_HOST = ['::', '0.0.0.0']

function haveOneSocket(one: ListenAddress, other: ListenAddress): boolean {
  if (one.kind === 'unix') return other.kind === 'unix' && one.path === other.path
  if (other.kind === 'unix') return false
  const hosts = [one.hostname, other.hostname]
  const overlap = hosts[0] === hosts[1] || hosts.some((host) => EVERY_HOST.includes(host))
  return one.port === other.port && one.port !== 0 && overlap
}

function listenAddress({ addr }: NonNullable<Settings['http']>): ListenAddress {
  return addr ?? USUAL_ADDRESS
}

const MODES = { 'request-client-cert': 'request', 'require-and-verify-client-cert': 'require' } as const

/** Null without a certificate: what stands there by itself is a contradiction. */
function buildTls(tls: NonNullable<Settings['http']>['tls']): TlsConfig | null {
  if (tls?.certificate === undefined || tls.key === undefined) return null
  const auth = tls.clientauth ?? 'require-and-verify-client-cert'
  const authorities = tls.clientcas ?? []
  return {
    kind: 'files',
    certificate: tls.certificate,
    key: tls.key,
    client:
      authorities.length === 0
        ? null
        : { authorities, mode: auth in MODES ? MODES[auth as keyof typeof MODES] : 'require' },
    minimumVersion: tls.minimumtls === 'tls1.3' ? 'tls1.3' : 'tls1.2',
    cipherSuites: tls.ciphersuites ?? null,
  }
}

function buildLog({ log, loglevel, berth }: Settings, automatic: LogFormat): LogConfig {
  const own = berth?.log?.format ?? 'auto'
  return {
    level: log?.level ?? loglevel ?? 'info',
    format: own === 'auto' ? (log?.formatter ?? automatic) : own,
    fields: log?.fields ?? {},
    accessLog: berth?.log?.accessLog ?? log?.accesslog?.disabled !== true,
  }
}

function databaseChoice({ berth }: Settings, workers: number): DatabaseChoice {
  const { url, path, connections } = berth?.database ?? {}
  const usual = Math.max(USUAL_CONNECTIONS, workers * LEAST_CONNECTIONS)
  if (url !== undefined) return { kind: 'postgres', url, connections: connections ?? usual }
  return { kind: 'sqlite', path: path === undefined ? null : resolve(path) }
}

/** Memory and a Unix socket belong to one process, so `auto` means one there. */
function workerCount({ berth }: Settings, driver: StorageDriver, address: ListenAddress): number {
  const workers = berth?.workers ?? 1
  if (workers !== 'auto') return workers
  return driver.kind === 'memory' || address.kind === 'unix' ? 1 : availableParallelism()
}

function buildUploads({ storage, berth }: Settings): UploadsConfig {
  const purging = storage?.maintenance?.uploadpurging
  return {
    expireAfterMilliseconds: berth?.uploads?.expireAfter ?? purging?.age ?? SEVEN_DAYS,
    purgeEveryMilliseconds: purging?.enabled === false ? null : timed(purging?.interval ?? DAY),
    purgeIsDryRun: purging?.dryrun ?? false,
  }
}

function buildManifests({ validation, policy, berth }: Settings): ManifestsConfig {
  const isOff = validation?.disabled === true && validation.enabled !== true
  const { urls, indexes } = validation?.manifests ?? {}
  return {
    allowMissing: berth?.manifests?.allowMissing ?? false,
    indexPlatforms: isOff ? 'none' : indexPlatforms(indexes),
    foreignUrls: isOff || urls === undefined ? null : { allow: urls.allow ?? [], deny: urls.deny ?? [] },
    classes: policy?.repository?.classes ?? null,
  }
}

const HOUR = 3_600_000

function buildBackup(backup: NonNullable<Settings['berth']>['backup'] = {}): BackupConfig {
  return {
    folder: backup.folder === undefined ? null : resolve(backup.folder),
    everyMilliseconds: backup.enabled === false ? null : timed(backup.every ?? HOUR),
    keep: { newest: backup.keep ?? 6, days: backup.keepDays ?? 7 },
  }
}

type Indexes = NonNullable<NonNullable<Settings['validation']>['manifests']>['indexes']

/** Unlike distribution, whoever says nothing may push an index before its manifests (docs/decisions/missing-content.md). */
function indexPlatforms(indexes: Indexes): ManifestsConfig['indexPlatforms'] {
  if (indexes?.platforms !== 'list') return indexes?.platforms ?? 'none'
  return indexes.platformlist ?? []
}

function buildHealth(health: Settings['health'] = {}): HealthConfig {
  const { storagedriver } = health
  return {
    storage: storagedriver?.enabled === true ? repeated(storagedriver) : null,
    files: (health.file ?? []).map(({ file, ...check }) => ({
      file,
      everyMilliseconds: repeated(check).everyMilliseconds,
    })),
    http: (health.http ?? []).map(({ uri, headers, statuscode, timeout, ...check }) => ({
      uri,
      headers: headers ?? {},
      statusCode: statuscode ?? 200,
      timeoutMilliseconds: timed(timeout || USUAL_CHECK_TIMEOUT),
      ...repeated(check),
    })),
    tcp: (health.tcp ?? []).map(({ addr, timeout, ...check }) => ({
      address: addr,
      timeoutMilliseconds: timed(timeout || USUAL_CHECK_TIMEOUT),
      ...repeated(check),
    })),
  }
}

interface Check {
  readonly interval?: number | undefined
  readonly threshold?: number | undefined
}

function repeated({ interval, threshold }: Check): { everyMilliseconds: number; threshold: number } {
  return { everyMilliseconds: timed(interval || USUAL_CHECK_INTERVAL), threshold: threshold || 1 }
}

/** What is to be waited for, in milliseconds. Nobody will notice a difference after weeks. */
function timed(milliseconds: number): number {
  return Math.min(milliseconds, LONGEST_TIMER)
}
