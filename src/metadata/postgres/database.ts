/**
 * The Database port on PostgreSQL. Reads go through a pool of their own, so that a pull never waits for a
 * push. A command runs in place on a connection of the other pool, again where it met a conflict or a dead
 * connection, and that connection then settles its marks.
 *
 * Invariant: whoever holds a connection never waits for a second one, so the pools cannot lock up.
 */
import type { ReservedSQL, SQL } from 'bun'
import {
  type Command,
  type Database,
  type Row,
  type Session,
  type Settle,
  type SqlValue,
  WriterUnavailable,
} from '../database.ts'
import { migrate } from '../migrate.ts'
import { text } from '../row.ts'
import type { Migration } from '../schema.ts'
import type { MadeMark } from '../tree.ts'
import { DatabaseUnavailable } from '../unavailable.ts'
import { type Connection, execute, StatementReads } from './connection.ts'
import { asUnavailable, isConflict, isConnectionLoss } from './failures.ts'
import { postgresMigrationTarget } from './migration-target.ts'
import { answeringWithin, CLOSE_TIMEOUT_S, openPool, ReadPool } from './pool.ts'
import { PostgresSession, PostgresSettlingSession } from './session.ts'
import { type Committed, commitCommand } from './transaction.ts'

export interface PostgresOptions {
  readonly url: string
  readonly migrations: readonly Migration[]
  readonly settle: Settle
  /** The run of the machine (`findBootId`), to be remembered with the marks; unknown unless told. */
  readonly boot?: string | null
  /** How many connections this process may open, for reads and writes together: at least 2; 10 unless told. */
  readonly connections?: number
  /** How long a write waits for the server to be there, or for a connection to be free; 5 s unless told. */
  readonly patienceMs?: number
  /** How long a read may take, from the question to the answer; 8 s unless told. */
  readonly readLimitMs?: number
  /** How long one statement of a write may take; 15 s unless told, which is more than a wait for a lock. */
  readonly statementLimitMs?: number
}

const CONFLICT_ATTEMPTS = 10
const LONGEST_PAUSE_MS = 500
const READ_LIMIT_MS = 8000
const STATEMENT_LIMIT_MS = 15_000

/** Connects and brings the database to this program's schema. Throws DatabaseUnavailable, SchemaTooNew. */
export async function openPostgresDatabase(options: PostgresOptions): Promise<PostgresDatabase> {
  const database = new PostgresDatabase(options)
  try {
    await database.prepare(options.migrations)
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}

export class PostgresDatabase extends StatementReads implements Database {
  readonly #reads: ReadPool
  readonly #writes: SQL
  readonly #settle: Settle
  readonly #boot: string | null
  readonly #patienceMs: number
  readonly #statementLimitMs: number
  readonly #running = new Set<Promise<unknown>>()
  #closed: Promise<void> | null = null

  constructor(options: PostgresOptions) {
    super((sql, values) => this.#read(sql, values))
    const connections = options.connections ?? 10
    const readers = Math.max(1, Math.floor(connections * 0.4))
    this.#reads = new ReadPool(options.url, readers, options.readLimitMs ?? READ_LIMIT_MS)
    this.#writes = openPool(options.url, Math.max(1, connections - readers))
    this.#settle = options.settle
    this.#boot = options.boot ?? null
    this.#patienceMs = options.patienceMs ?? 5000
    this.#statementLimitMs = options.statementLimitMs ?? STATEMENT_LIMIT_MS
  }

  /** It has no file here. */
  requireInPlace(): Promise<void> {
    return Promise.resolve()
  }

  /** Checks the server and migrates. */
  prepare(migrations: readonly Migration[]): Promise<void> {
    return this.#persistently(async (connection) => {
      const [row] = await execute(
        this.#answering(connection),
        `SELECT current_setting('server_encoding') AS encoding`,
      )
      const encoding = row === undefined ? 'unknown' : text(row, 'encoding')
      if (encoding !== 'UTF8') throw new DatabaseUnavailable(wrongEncoding(encoding))
      await migrate(postgresMigrationTarget(connection), migrations)
    })
  }

  write<Input, Output>(command: Command<Input, Output>, input: Input): Promise<Output> {
    return this.#whileOpen((connection) => this.#commitAndSettle(connection, command, input))
  }

  /**
   * Runs the work on a connection outside any transaction, which can hold paths against all replicas.
   * The work may not write: whoever holds a connection must not wait for another.
   */
  inSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#whileOpen((connection) => {
      const session = new PostgresSession(this.#answering(connection))
      return this.#endingSession(connection, session, () => work(session))
    })
  }

  /** Lets the commands that were taken end. Safe to call twice. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await Promise.all(this.#running)
    await Promise.all([this.#reads.close(), this.#writes.close({ timeout: CLOSE_TIMEOUT_S })])
  }

  async #read(sql: string, values: readonly SqlValue[]): Promise<readonly Row[]> {
    try {
      return await this.#reads.read(sql, values)
    } catch (error) {
      throw asUnavailable(error)
    }
  }

  async #commitAndSettle<Input, Output>(
    connection: ReservedSQL,
    command: Command<Input, Output>,
    input: Input,
  ): Promise<Output> {
    const { output, marks } = await this.#commit(this.#answering(connection), command, input)
    if (marks.length > 0) await this.#settleMarks(connection, marks)
    return output
  }

  async #commit<Input, Output>(
    connection: Connection,
    command: Command<Input, Output>,
    input: Input,
  ): Promise<Committed<Output>> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await commitCommand({ connection, boot: this.#boot }, command, input)
      } catch (error) {
        if (!isConflict(error)) throw error
        if (attempt === CONFLICT_ATTEMPTS) throw tooManyConflicts(error)
        await Bun.sleep(pauseAfter(attempt))
      }
    }
  }

  /** The change is committed by now: a broken connection leaves open whether the link tree shows it. */
  async #settleMarks(connection: ReservedSQL, marks: readonly MadeMark[]): Promise<void> {
    const answering = this.#answering(connection)
    const session = new PostgresSettlingSession(
      answering,
      async (command, input) => (await this.#commit(answering, command, input)).output,
    )
    const failures = await this.#endingSession(connection, session, () => this.#settle(session, marks)).catch(
      (error) => {
        throw asUnavailable(error) === error ? error : new WriterUnavailable(UNSETTLED, { cause: error })
      },
    )
    for (const failure of failures.values()) throw failure
  }

  async #endingSession<T>(
    connection: ReservedSQL,
    session: PostgresSession,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work()
    } finally {
      if (!session.clean) await connection.close({ timeout: 0 })
    }
  }

  #answering(connection: ReservedSQL): Connection {
    return answeringWithin(connection, this.#statementLimitMs)
  }

  #whileOpen<T>(work: (connection: ReservedSQL) => Promise<T>): Promise<T> {
    if (this.#closed !== null) return Promise.reject(new DatabaseUnavailable('The database is closed.'))
    const running = this.#persistently(work)
    const ended = running.then(ignore, ignore)
    this.#running.add(ended)
    void ended.then(() => this.#running.delete(ended))
    return running
  }

  /** Runs the work on a connection, from the start where the connection was lost, until patience runs out. */
  async #persistently<T>(work: (connection: ReservedSQL) => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#patienceMs
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#connected(deadline, work)
      } catch (error) {
        if (!isConnectionLoss(error) || performance.now() > deadline) throw asUnavailable(error)
        await Bun.sleep(pauseAfter(attempt))
      }
    }
  }

  async #connected<T>(deadline: number, work: (connection: ReservedSQL) => Promise<T>): Promise<T> {
    const left = Math.max(1, deadline - performance.now())
    const connection = await this.#writes.reserve({ signal: AbortSignal.timeout(left) }).catch(asBusy)
    try {
      return await work(connection)
    } finally {
      await connection.release()
    }
  }
}

/** Longer after each attempt, and never the same for two who met. */
function pauseAfter(attempt: number): number {
  return Math.min(5 * 2 ** attempt, LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2)
}

function asBusy(error: unknown): never {
  if (!(error instanceof DOMException)) throw error
  throw new DatabaseUnavailable('All connections to PostgreSQL are busy. Please try again in a moment.', {
    cause: error,
  })
}

function tooManyConflicts(cause: unknown): DatabaseUnavailable {
  return new DatabaseUnavailable(
    'Too many others change the same thing at once. Please try again in a moment.',
    { cause },
  )
}

function wrongEncoding(encoding: string): string {
  return `The PostgreSQL database keeps text as ${encoding}: create one with ENCODING 'UTF8' for Berth.`
}

const UNSETTLED =
  'The change was stored, but the connection to PostgreSQL broke before it was complete. Please try again.'

function ignore(): void {}
