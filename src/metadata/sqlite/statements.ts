/**
 * One SQLite connection with its prepared statements, cached by text. SQLite numbers `$1` by where a name
 * first appears, so the common SQL's `$n` becomes `?n` here.
 * It knows no transaction and no rule; reader.ts and writer.ts each own one.
 */
import { Database, SQLiteError, type SQLQueryBindings, type Statement } from 'bun:sqlite'
import { accessSync, constants } from 'node:fs'
import { codeOf } from '../../lib/thrown.ts'
import type { Row, SqlValue } from '../database.ts'
import { DatabaseFull, DatabaseReadOnly, DatabaseUnavailable } from '../unavailable.ts'

/** Statements are few and fixed, save those with lists of varying length. */
const CACHED_STATEMENTS = 500
const BUSY_PATIENCE_MS = 5000
const CACHE_KIB = 8192

/** Result codes that speak of the disk or the file, not of the statement (https://sqlite.org/rescode.html). */
const UNUSABLE: Readonly<Record<number, string>> = {
  5: 'another program holds the file: stop that program',
  7: 'there is no memory left',
  8: 'the file may not be written: check its owner and mode, and that the volume is not read-only',
  10: 'the disk reports errors: check the disk and the system log',
  11: 'the file is damaged: restore a backup, or rebuild it with berth reindex',
  13: 'the disk is full: free some space',
  14: 'the file cannot be opened: check that its folder exists, and their owner and mode',
  15: 'another program holds the file: stop that program',
  26: 'the file is not a database: restore a backup, or rebuild it with berth reindex',
}

/** Those that whoever pushes is told about; the others are plain DatabaseUnavailable. */
const CLASSES: Readonly<Record<number, typeof DatabaseUnavailable>> = {
  8: DatabaseReadOnly,
  13: DatabaseFull,
}

const DISK_BECAME_READ_ONLY =
  'its disk has become read-only: check the disk and the system log, then mount it for writing'

type Prepared = Statement<Row, SQLQueryBindings[]>

const SQLITE_IOERR = 10
const SQLITE_IOERR_FSYNC = 1034
const SQLITE_IOERR_DIR_FSYNC = 1290

export class Statements {
  readonly #database: Database
  readonly #path: string
  readonly #prepared = new Map<string, Prepared>()

  /** Throws DatabaseUnavailable. */
  constructor(path: string, mode: 'read' | 'write') {
    this.#path = path
    this.#database = asDatabaseErrors(path, () => open(path, mode))
  }

  /** The first row, or null. A statement that changes rows and returns some still changes all of them. */
  one(sql: string, values: readonly SqlValue[]): Row | null {
    return asDatabaseErrors(this.#path, () => this.#prepare(sql, values).get(...bindings(values)))
  }

  all(sql: string, values: readonly SqlValue[]): Row[] {
    return asDatabaseErrors(this.#path, () => this.#prepare(sql, values).all(...bindings(values)))
  }

  /** The number of rows that the statement itself changed. */
  run(sql: string, values: readonly SqlValue[] = []): number {
    return asDatabaseErrors(this.#path, () => this.#prepare(sql, values).run(...bindings(values)).changes)
  }

  /** For statements that must not be cached: PRAGMA acts when it is compiled. */
  execute(sql: string): void {
    asDatabaseErrors(this.#path, () => this.#database.run(sql))
  }

  get inTransaction(): boolean {
    return this.#database.inTransaction
  }

  close(): void {
    this.#prepared.clear()
    this.#database.close(true)
  }

  /** Without values bun:sqlite would bind none, and keep those of the last time. */
  #prepare(sql: string, values: readonly SqlValue[]): Prepared {
    const statement = this.#prepared.get(sql) ?? this.#compile(sql)
    if (values.length === 0 && statement.paramsCount > 0) {
      throw new RangeError(`the statement needs ${statement.paramsCount} values, and was given none: ${sql}`)
    }
    return statement
  }

  #compile(sql: string): Prepared {
    const statement = this.#database.prepare<Row, SQLQueryBindings[]>(withNumberedParameters(sql))
    if (this.#prepared.size >= CACHED_STATEMENTS) this.#forgetOldest()
    this.#prepared.set(sql, statement)
    return statement
  }

  #forgetOldest(): void {
    for (const [sql, statement] of this.#prepared) {
      statement.finalize()
      this.#prepared.delete(sql)
      return
    }
  }
}

/** `$2` as `?2`, except inside quotes. */
export function withNumberedParameters(sql: string): string {
  return sql.replace(/'[^']*'|"[^"]*"|\$(\d+)/g, (found, number?: string) => (number ? `?${number}` : found))
}

function open(path: string, mode: 'read' | 'write'): Database {
  const access = mode === 'read' ? { readonly: true } : { readwrite: true, create: true }
  const database = new Database(path, { ...access, strict: true })
  database.run(`PRAGMA busy_timeout = ${BUSY_PATIENCE_MS}`)
  database.run(`PRAGMA cache_size = -${CACHE_KIB}`)
  database.run('PRAGMA temp_store = MEMORY')
  return database
}

/** A list of mutable bindings, as bun:sqlite's types want it. */
function bindings(values: readonly SqlValue[]): SQLQueryBindings[] {
  return values as SQLQueryBindings[]
}

/**
 * Whether the system failed to bring data to the disk. It may have dropped that data, and a later attempt
 * would report success without it: nothing may be trusted to this connection any more.
 */
export function isFailedSync(error: unknown): error is Error {
  if (!(error instanceof Error && error.cause instanceof SQLiteError)) return false
  return error.cause.errno === SQLITE_IOERR_FSYNC || error.cause.errno === SQLITE_IOERR_DIR_FSYNC
}

/** Why SQLite cannot use its file, and what to do, in words; null for what is not the disk's or the file's doing. */
export function unusableReason(error: unknown): string | null {
  return error instanceof SQLiteError ? (UNUSABLE[error.errno & 0xff] ?? null) : null
}

function asDatabaseErrors<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw asUnavailable(error, path)
  }
}

/** DatabaseUnavailable for what is the disk's or the file's doing; else the error itself. */
function asUnavailable(error: unknown, path: string): unknown {
  const reason = unusableReason(error)
  if (reason === null || !(error instanceof SQLiteError)) return error
  const code = error.errno & 0xff
  const becameReadOnly = code === SQLITE_IOERR && isOnReadOnlyDisk(path)
  const Unavailable = becameReadOnly ? DatabaseReadOnly : (CLASSES[code] ?? DatabaseUnavailable)
  const why = becameReadOnly ? DISK_BECAME_READ_ONLY : reason
  return new Unavailable(`The database ${path} cannot be used now: ${why}.`, { cause: error })
}

/**
 * Asked where SQLite reports an error of the disk, for it does not tell that the disk takes nothing any more:
 * so a kernel leaves a disk on which it met an error. Opens nothing, for closing would drop SQLite's locks.
 */
function isOnReadOnlyDisk(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return false
  } catch (error) {
    return codeOf(error) === 'EROFS'
  }
}
