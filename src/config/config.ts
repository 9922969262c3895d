/**
 * Everything a person can decide about a running Berth, as one typed value that is right by construction.
 * load.ts makes it from the file, the environment and the flags. Only app and cli see it as a whole: each
 * module declares the options that it takes itself. It may hold secrets (the database's URL), so it is
 * never logged, and travels to other processes over a pipe, never by argument.
 */
export interface Config {
  readonly http: {
    readonly address: ListenAddress
    /** What clients call this registry, without a slash at the end, for absolute `Location`s; null for relative ones. */
    readonly host: string | null
  }
  readonly storage: { readonly driver: StorageDriver; readonly deleteEnabled: boolean }
  readonly database: DatabaseChoice
  /** Processes that answer requests. With more than one a supervisor stands over them. */
  readonly workers: number
  readonly log: { readonly level: LogLevel; readonly format: LogFormat; readonly accessLog: boolean }
  /** How long an upload may lie idle before it is forgotten. */
  readonly uploads: { readonly expireAfterMilliseconds: number }
  /** Whether an image manifest may be stored before its blobs (sparse manifests). */
  readonly manifests: { readonly allowMissing: boolean }
  /** How long requests in flight may take to end when Berth is told to stop. */
  readonly shutdownGraceMilliseconds: number
}

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly hostname: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

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

/** `pretty` is for people, `text` the lines that `registry:2` writes, `json` one object a line. */
export const LOG_FORMATS = ['pretty', 'text', 'json'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

/** The settings cannot be used. Each problem is a whole sentence that says where it stands and what to write. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}
