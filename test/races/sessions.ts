/**
 * Sessions of PostgreSQL for races: every statement of a command, its BEGIN and its COMMIT, every read, and the
 * taking and the letting go of a path are steps of their own.
 */
import { type ReservedSQL, SQL } from 'bun'
import type {
  Command,
  Database,
  Session as ReadingSession,
  Row,
  Settle,
  SqlValue,
} from '../../src/metadata/database.ts'
import { type Connection, execute, StatementReads } from '../../src/metadata/postgres/connection.ts'
import { isConflict } from '../../src/metadata/postgres/failures.ts'
import { PostgresSession, PostgresSettlingSession } from '../../src/metadata/postgres/session.ts'
import { commitCommand } from '../../src/metadata/postgres/transaction.ts'
import type { TreeDatabase } from '../../src/registry/tree/link-tree.ts'
import { THIS_BOOT } from '../registry-bench.ts'
import { locksOf, stepOf } from './sql-step.ts'
import { FILES } from './stepped-blobs.ts'
import type { Step, Turns } from './track.ts'

/** Two transactions that wait for each other are a step like others here: PostgreSQL looks for them only then. */
const DEADLOCK_TIMEOUT_MS = 20

/** Sessions of one database that are used again in each trial, and a view from outside. */
export class Sessions implements AsyncDisposable {
  readonly #sql: SQL
  readonly #opened: Session[] = []

  constructor(url: string) {
    const connection = { application_name: 'race', deadlock_timeout: DEADLOCK_TIMEOUT_MS }
    this.#sql = new SQL({ url, adapter: 'postgres', max: 8, connection })
  }

  /** The session of this number, from 0. */
  async at(number: number): Promise<Session> {
    while (this.#opened.length <= number) this.#opened.push(await this.#open())
    return this.#opened[number] as Session
  }

  /** Past everything, at once. */
  async run(sql: string, values: readonly SqlValue[]): Promise<void> {
    await execute(this.#sql, sql, values)
  }

  async #open(): Promise<Session> {
    const connection = await this.#sql.reserve()
    const [row] = await execute(connection, 'SELECT pg_backend_pid() AS pid')
    return new Session(connection, this.#sql, Number(row?.['pid']))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { connection } of this.#opened) await connection.release()
    await this.#sql.close({ timeout: 0 })
  }
}

export class Session {
  readonly connection: ReservedSQL
  readonly #observer: SQL
  readonly #pid: number

  constructor(connection: ReservedSQL, observer: SQL, pid: number) {
    this.connection = connection
    this.#observer = observer
    this.#pid = pid
  }

  /** Whether it waits for a lock that another session holds. */
  async isBlocked(): Promise<boolean> {
    const [row] = await execute(this.#observer, 'SELECT cardinality(pg_blocking_pids($1)) AS blockers', [
      this.#pid,
    ])
    return Number(row?.['blockers']) > 0
  }
}

/** A database for one party: everything on its one session, statement by statement as its turns come. */
export class SteppedDatabase extends StatementReads implements Database, TreeDatabase {
  readonly #steps: SteppedConnection
  readonly #settle: Settle

  constructor({ connection }: Session, turns: Turns, settle: Settle) {
    const steps = new SteppedConnection(connection, turns)
    super((sql, values) => execute(steps, sql, values))
    this.#steps = steps
    this.#settle = settle
  }

  /** As PostgresDatabase does it: again where it met a conflict, and settled before the answer. */
  async write<Input, Output>(command: Command<Input, Output>, input: Input): Promise<Output> {
    const { output, marks } = await this.#commit(command, input)
    if (marks.length > 0) await this.#show(marks)
    return output
  }

  inSession<T>(work: (session: ReadingSession) => Promise<T>): Promise<T> {
    return work(new PostgresSession(this.#steps))
  }

  requireInPlace(): Promise<void> {
    return Promise.resolve()
  }

  async close(): Promise<void> {}

  async #commit<Input, Output>(command: Command<Input, Output>, input: Input) {
    for (;;) {
      try {
        return await commitCommand({ connection: this.#steps, boot: THIS_BOOT }, command, input)
      } catch (error) {
        if (!isConflict(error)) throw error
      }
    }
  }

  async #show(marks: Parameters<Settle>[1]): Promise<void> {
    const session = new PostgresSettlingSession(
      this.#steps,
      async (command, input) => (await this.#commit(command, input)).output,
    )
    const failures = await this.#settle(session, marks)
    for (const failure of failures.values()) throw failure
  }
}

/** Asks for a turn before each statement, and knows what a commit makes others see. */
class SteppedConnection implements Connection {
  readonly #connection: ReservedSQL
  readonly #turns: Turns
  /** What the open transaction has locked: its end lets others see and have it. */
  #locked: Pick<Step, 'adds' | 'writes'>[] = []
  /** A file under `blobs/` may be written before the next step. */
  #holdsPayload = false

  constructor(connection: ReservedSQL, turns: Turns) {
    this.#connection = connection
    this.#turns = turns
  }

  unsafe(sql: string, values?: SqlValue[]): PromiseLike<unknown> {
    const step = this.#stepFor(sql, values)
    return this.#turns.take(step, async () => (await this.#connection.unsafe(sql, values)) as readonly Row[])
  }

  #stepFor(sql: string, values: readonly SqlValue[] = []): Step {
    if (/^BEGIN\b/.test(sql)) return { what: 'BEGIN', ...NOTHING }
    if (sql === 'COMMIT' || sql === 'ROLLBACK') return this.#endOfTransaction(sql)
    const [, holding] = /\bpg_advisory_(lock|unlock)\b/.exec(sql) ?? []
    if (holding !== undefined) return this.#stepOfHolding(holding, String(values[0]))
    const step = stepOf(sql, values)
    this.#locked.push(locksOf(step))
    return this.#holdsPayload ? { ...step, writes: [...step.writes, FILES] } : step
  }

  #endOfTransaction(what: string): Step {
    const adds = this.#locked.flatMap((each) => each.adds)
    const writes = this.#locked.flatMap((each) => each.writes)
    this.#locked = []
    return { ...NOTHING, what, adds, writes }
  }

  #stepOfHolding(holding: string, path: string): Step {
    const [kind] = path.split('/')
    this.#holdsPayload = holding === 'lock' && kind === 'payload'
    const files = kind === 'payload' ? [FILES] : []
    // Its name is another one in each trial.
    return { ...NOTHING, what: `${holding} a path of a ${kind}`, writes: [`path of ${path}`, ...files] }
  }
}

const NOTHING = { reads: [], adds: [], writes: [] } as const
