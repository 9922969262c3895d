/**
 * Everything a person can decide about a running Berth, as one typed value that is right by construction.
 * load.ts makes it from the file, the environment and the flags. Only app and cli see it as a whole: each
 * module declares the options that it takes itself. It may hold secrets (the database's URL), so it is
 * never logged, and travels to other processes over a pipe, never by argument: so it is plain data.
 */
export interface Config {
  readonly http: HttpConfig
  readonly auth: AuthConfig
  readonly storage: {
    readonly driver: StorageDriver
    readonly deleteEnabled: boolean
    /** Nothing may be pushed or deleted (`storage.maintenance.readonly`). */
    readonly readOnly: boolean
  }
  readonly database: DatabaseChoice
  /** Processes that answer requests. With more than one a supervisor stands over them. */
  readonly workers: number
  readonly log: LogConfig
  readonly uploads: UploadsConfig
  readonly manifests: ManifestsConfig
  readonly collection: CollectionConfig
  readonly backup: BackupConfig
  /** How stored blobs are hashed again; null where they are not. */
  readonly scrub: ScrubConfig | null
  readonly trash: TrashConfig
  readonly lists: {
    /** The largest `n` of `_catalog`. */
    readonly catalogMaxEntries: number
    /** The largest `n` of `tags/list`. */
    readonly tagsMax: number
  }
  readonly health: HealthConfig
  /** How long requests in flight may take to end when Berth is told to stop. */
  readonly shutdownGraceMilliseconds: number
}

export interface HttpConfig {
  readonly address: ListenAddress
  /** What whole addresses begin with, before `/v2/`: `https://registry.example.com`, perhaps with a path; null where nobody said. */
  readonly host: string | null
  /** What stands before `/v2/`, such as `/registry`: empty, or with a slash at its beginning and none at its end. */
  readonly prefix: string
  /** Whether a `Location` is a path where there is no `host`; otherwise it is a whole URL. */
  readonly relativeUrls: boolean
  /** Whose `X-Forwarded-*` and `Forwarded` are believed: addresses and networks (`10.0.0.0/8`, `::1`). */
  readonly trustedProxies: readonly string[]
  /** On every reply. */
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly tls: TlsConfig | null
  /** Whether HTTP/2 is offered over TLS. */
  readonly http2: boolean
  /** Whether HTTP/2 is spoken without TLS. */
  readonly h2c: boolean
  /** A listener of its own for health and metrics; null for none. */
  readonly debug: DebugConfig | null
}

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly hostname: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

export const TLS_VERSIONS = ['tls1.2', 'tls1.3'] as const

export type TlsConfig =
  | {
      readonly kind: 'files'
      readonly certificate: string
      readonly key: string
      readonly client: ClientCertificates | null
      readonly minimumVersion: (typeof TLS_VERSIONS)[number]
      /** Go's names; null for the usual ones. */
      readonly cipherSuites: readonly string[] | null
    }
  /** A local certificate authority's, made and kept under the data folder. */
  | { readonly kind: 'auto' }

export interface ClientCertificates {
  /** Paths of PEM files. */
  readonly authorities: readonly string[]
  /** `request`: asked for and never checked; `require`: no connection without one that these authorities have signed. */
  readonly mode: 'request' | 'require'
}

export interface DebugConfig {
  readonly address: ListenAddress
  /** Where metrics are served; null for nowhere. */
  readonly metricsPath: string | null
}

/** `open` is everybody for everything, without a login. */
export type AuthConfig =
  | { readonly kind: 'open' }
  | { readonly kind: 'silly'; readonly realm: string; readonly service: string }
  | { readonly kind: 'htpasswd'; readonly realm: string; readonly path: string }
  | TokenAuthConfig

export interface TokenAuthConfig {
  readonly kind: 'token'
  /** Where clients get tokens: a URL. Null where `autoredirect` makes it from the request's own address. */
  readonly realm: string | null
  /** The path that `autoredirect` sends clients to; null where `realm` says where. */
  readonly autoRedirectPath: string | null
  readonly service: string
  readonly issuer: string
  /** A PEM file of certificates; null for none. At least one of the two is there. */
  readonly rootCertificates: string | null
  /** A file, or an http(s) URL, with a JSON Web Key Set; null for none. */
  readonly jwks: string | null
  /** JWS names (`RS256`); null for all that are known. */
  readonly signingAlgorithms: readonly string[] | null
}

export type StorageDriver =
  | { readonly kind: 'filesystem'; readonly root: string }
  | { readonly kind: 'memory' }

/**
 * `path: null` is the usual place: `<root>/berth/berth.db`, or memory with the memory driver.
 * `connections` is how many this server opens at most, all of its workers together.
 */
export type DatabaseChoice =
  | { readonly kind: 'sqlite'; readonly path: string | null }
  | { readonly kind: 'postgres'; readonly url: string; readonly connections: number }

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** `pretty` is for people, `text` the lines that `registry:2` writes, `json` and `logstash` one object a line. */
export const LOG_FORMATS = ['pretty', 'text', 'json', 'logstash'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

export interface LogConfig {
  readonly level: LogLevel
  readonly format: LogFormat
  /** On every line. */
  readonly fields: Readonly<Record<string, string | number | boolean>>
  readonly accessLog: boolean
}

export interface UploadsConfig {
  /** How long an upload may lie idle before it is forgotten. */
  readonly expireAfterMilliseconds: number
  /** How often idle uploads are looked for; null for never. */
  readonly purgeEveryMilliseconds: number | null
  /** Idle uploads are only named in the log. */
  readonly purgeIsDryRun: boolean
}

/** Of the metadata, by the server itself. */
export interface BackupConfig {
  /** Null for the usual place, `<root>/berth/backups`. */
  readonly folder: string | null
  /** Null for never. */
  readonly everyMilliseconds: number | null
  /** So many of the newest stay, and of so many days the last one of each. */
  readonly keep: { readonly newest: number; readonly days: number }
}

export interface ManifestsConfig {
  /** Whether an image manifest may be stored before its blobs (sparse manifests). */
  readonly allowMissing: boolean
  /** Which platforms of an index must be there first: all, none (the usual), or those listed (`validation.manifests.indexes`). */
  readonly indexPlatforms: 'all' | 'none' | readonly { readonly os: string; readonly architecture: string }[]
  /** Regular expressions that addresses of foreign layers must and must not match; null where any address is fine. */
  readonly foreignUrls: { readonly allow: readonly string[]; readonly deny: readonly string[] } | null
  /** What may be pushed (`image`, `plugin`); null for anything (`policy.repository.classes`). */
  readonly classes: readonly string[] | null
}

/** When what nothing needs is deleted (docs/decisions/collection.md). */
export interface CollectionConfig {
  readonly isEnabled: boolean
  /** For how long it is kept all the same. */
  readonly graceMilliseconds: number
  /** For how long content is left alone that a push has just named. */
  readonly leaseMilliseconds: number
  /** How long it is condemned before it is deleted. */
  readonly condemnedForMilliseconds: number
  /** How long deleted bytes lie aside. */
  readonly unlinkAfterMilliseconds: number
  /** Times that are too short for slow pushes were asked for. */
  readonly allowsShortTimes: boolean
}

/** Stored blobs are hashed again, all of them each time (docs/operate/verify.md). */
export interface ScrubConfig {
  readonly everyMilliseconds: number
  readonly bytesPerSecond: number
}

/** What becomes of what was deleted, and of what nothing names. */
export interface TrashConfig {
  /** For how long a deletion can be taken back. */
  readonly keepMilliseconds: number
  /** A manifest that nothing names for so long goes into the trash; null: it stays. */
  readonly deleteUntaggedAfterMilliseconds: number | null
}

interface RepeatedCheck {
  readonly everyMilliseconds: number
  /** How many failures in a row make it unhealthy. */
  readonly threshold: number
}

export interface HealthConfig {
  /** A look at the storage; null for none. */
  readonly storage: RepeatedCheck | null
  /** Unhealthy while the file exists. */
  readonly files: readonly { readonly file: string; readonly everyMilliseconds: number }[]
  readonly http: readonly (RepeatedCheck & {
    readonly uri: string
    readonly headers: Readonly<Record<string, readonly string[]>>
    readonly statusCode: number
    readonly timeoutMilliseconds: number
  })[]
  readonly tcp: readonly (RepeatedCheck & {
    readonly address: string
    readonly timeoutMilliseconds: number
  })[]
}

/** The settings cannot be used. Each problem is a whole sentence that says where it stands and what to write. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}
