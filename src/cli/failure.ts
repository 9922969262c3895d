/**
 * How a command ends, and what it says when it fails: one clear sentence and an exit code, no stack.
 */
export const EXIT = {
  OK: 0,
  /** Something went wrong while starting or running. */
  FAILED: 1,
  /** The command line is wrong. */
  USAGE: 2,
  /** The settings are wrong. */
  CONFIG: 3,
  /** The data belongs to a newer program, or to another one. */
  MISMATCH: 4,
  /** Something that Berth depends on cannot be reached or used now. */
  UNAVAILABLE: 5,
  /** What is stored is damaged. */
  DAMAGED: 6,
} as const

/** A failure that is already put into words for the person. A restart helps after 1 and 5, not after 2, 3 and 4. */
export class Failure extends Error {
  readonly exitCode: number

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'Failure'
    this.exitCode = exitCode
  }
}

/** Errors of the layers below whose message is a sentence for the operator. By name, so that `berth --help` loads none of them. */
const EXIT_CODES: Readonly<Record<string, number>> = {
  ConfigError: EXIT.CONFIG,
  AccessUnusable: EXIT.CONFIG,
  TlsUnusable: EXIT.CONFIG,
  SchemaTooNew: EXIT.MISMATCH,
  VolumeRefused: EXIT.MISMATCH,
  NotWritable: EXIT.CONFIG,
  VolumeInUse: EXIT.FAILED,
  NothingThere: EXIT.FAILED,
  BackupDamaged: EXIT.FAILED,
  BackupTooNew: EXIT.MISMATCH,
  GarbageUnknown: EXIT.FAILED,
  CannotListen: EXIT.FAILED,
  DatabaseUnavailable: EXIT.UNAVAILABLE,
  DatabaseFull: EXIT.UNAVAILABLE,
  DatabaseReadOnly: EXIT.UNAVAILABLE,
  WriterUnavailable: EXIT.UNAVAILABLE,
  StorageUnavailable: EXIT.UNAVAILABLE,
  StorageFull: EXIT.UNAVAILABLE,
  StorageReadOnly: EXIT.UNAVAILABLE,
}

/** What a person is told of any error, and the exit code that belongs to it. */
export function explain(error: unknown): Failure {
  if (error instanceof Failure) return error
  if (!(error instanceof Error)) return new Failure(EXIT.FAILED, String(error))
  const exitCode = EXIT_CODES[error.name]
  if (exitCode !== undefined) return new Failure(exitCode, error.message, { cause: error })
  if ('exitCode' in error && typeof error.exitCode === 'number')
    return new Failure(error.exitCode, error.message)
  return new Failure(
    EXIT.FAILED,
    `Something unexpected went wrong: ${error.message || error.name}. Set REGISTRY_LOG_LEVEL=debug to see where.`,
    { cause: error },
  )
}

/** The text for standard error; with the stack only for someone who asked for it. */
export function formatFailure(failure: Failure, options: { readonly withStack: boolean }): string {
  const stack = options.withStack && failure.cause instanceof Error ? `\n${failure.cause.stack}` : ''
  return `berth: ${failure.message}${stack}\n`
}
