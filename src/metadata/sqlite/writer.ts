/**
 * The one read-write connection to the database, with group commit: commands that wait while a commit is
 * under way share the next one. It runs in a thread or a process of its own, or in place in unit tests.
 *
 * Order, for every batch: commands → COMMIT (and fsync) → settle the marks → answer. Commands without marks
 * are answered at the commit. Nobody is told success before it is true, and one batch is settled before the
 * next one begins, so that the link tree follows in commit order.
 */
import { closeSync, openSync } from 'node:fs'
import { type AnyCommand, type Read, type Session, type Settle, WriterUnavailable } from '../database.ts'
import { migrate } from '../migrate.ts'
import type { Migration } from '../schema.ts'
import { type MadeMark, treePath } from '../tree.ts'
import { DatabaseUnavailable } from '../unavailable.ts'
import { commitBatch, type Job, type Outcome, type Place } from './batch.ts'
import { sqliteMigrationTarget } from './migration-target.ts'
import { BatchSession, PathLocks, ReadSession, WriterReads } from './session.ts'
import { isFailedSync, Statements } from './statements.ts'

/** Bounds how long one commit takes, and how many share a failure. */
const BATCH_LIMIT = 256
/** The log is cut back to this after a checkpoint; it grows beyond only while a reader stays in it. */
const LOG_BYTES = 16 * 1024 * 1024

export interface WriterOptions {
  readonly path: string
  readonly migrations: readonly Migration[]
  readonly settle: Settle
  /** The run of the machine (`findBootId`), to be remembered with the marks; unknown unless told. */
  readonly boot?: string | null
  /** The file is removed when it is closed: no disk is waited for, which would hold up whatever else this thread does. */
  readonly isThrownAway?: boolean
}

/** Something that runs commands: the writer, or a writer with more to look after. */
export interface CommandRunner {
  submit(command: AnyCommand, input: unknown): Promise<unknown>
  close(): Promise<void>
}

interface WaitingJob extends Job {
  resolve(output: unknown): void
  reject(error: unknown): void
}

/** Opens or creates the database and brings it to this program's schema. Throws SchemaTooNew, DatabaseUnavailable. */
export async function openSqliteWriter(options: WriterOptions): Promise<SqliteWriter> {
  createForOwnerAlone(options.path)
  const statements = new Statements(options.path, 'write')
  try {
    const { boot = null, isThrownAway = false } = options
    statements.execute(`PRAGMA synchronous = ${isThrownAway ? 'OFF' : 'FULL'}`)
    statements.execute('PRAGMA journal_mode = WAL')
    // A predecessor whose fsync failed may have left a hole in the log on disk: nothing new goes behind it.
    statements.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    statements.execute('PRAGMA foreign_keys = ON')
    statements.execute(`PRAGMA journal_size_limit = ${LOG_BYTES}`)
    await migrate(sqliteMigrationTarget(statements), options.migrations)
    return new SqliteWriter({ statements, boot, isThrownAway }, options.settle)
  } catch (error) {
    statements.close()
    throw error
  }
}

/**
 * SQLite would make a file that everybody may read, and this one tells of accounts; what SQLite puts beside it gets
 * the same mode. Only a file that was not there is opened here: closing one would drop SQLite's locks on it.
 */
function createForOwnerAlone(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch {
    // It is there already and keeps its mode, or cannot be made, which SQLite says in better words.
  }
}

export class SqliteWriter implements CommandRunner {
  readonly #place: Place
  readonly #settle: Settle
  readonly #locks = new PathLocks()
  #waiting: WaitingJob[] = []
  #draining: Promise<void> | null = null
  #closed: Promise<void> | null = null
  #broken: DatabaseUnavailable | null = null

  constructor(place: Place, settle: Settle) {
    this.#place = place
    this.#settle = settle
  }

  /** Resolves with the command's output when it is committed and settled; rejects with what refused it. */
  submit(command: AnyCommand, input: unknown): Promise<unknown> {
    if (this.#closed !== null) {
      return Promise.reject(
        new WriterUnavailable('The writer of the database is shutting down. Please try again.'),
      )
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ command, input, resolve, reject })
      this.#draining ??= this.#drain()
    })
  }

  /** A session beside the batches: it reads what is committed through `read`, and holds paths against those who settle. */
  sessionOver(read: Read): Session {
    return new ReadSession(read, this.#locks)
  }

  /** Finishes what was submitted, writes the log back into the database's file and closes it. Safe to call twice. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#draining
    const { statements } = this.#place
    if (!this.#broken) statements.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    statements.close()
  }

  /** Turns the event loop before each batch, so that commands that have arrived join it. */
  async #drain(): Promise<void> {
    do {
      await eventLoopTurn()
      await this.#commit(this.#waiting.splice(0, BATCH_LIMIT))
    } while (this.#waiting.length > 0)
    this.#draining = null
  }

  async #commit(jobs: readonly WaitingJob[]): Promise<void> {
    try {
      if (this.#broken) throw this.#broken
      const outcomes = await commitBatch(this.#place, jobs)
      await this.#answer(jobs, outcomes)
    } catch (error) {
      const failure = asUnavailable(error)
      if (isFailedSync(error)) this.#broken = failure
      for (const job of jobs) job.reject(failure)
    }
  }

  async #answer(jobs: readonly WaitingJob[], outcomes: readonly Outcome[]): Promise<void> {
    const settled = this.#settleMarks(outcomes.flatMap(marksOf))
    const answers = jobs.map(async (job, index) => {
      const outcome = outcomes[index]
      if (outcome === undefined || outcome.kind === 'refused') return job.reject(outcome?.error)
      if (outcome.marks.length === 0) return job.resolve(outcome.output)
      await settled.then((failures) => answerSettled(job, outcome, failures), job.reject)
    })
    await Promise.all(answers)
    // All are answered by now; what a commit of the settling failed with may be the end of this writer.
    await settled
  }

  async #settleMarks(marks: readonly MadeMark[]): Promise<ReadonlyMap<string, Error>> {
    if (marks.length === 0) return new Map()
    const reads = new WriterReads(this.#place.statements)
    try {
      return await this.#settle(new BatchSession(reads, this.#locks, this.#place), marks)
    } finally {
      reads.end()
    }
  }
}

function answerSettled(
  job: WaitingJob,
  { output, marks }: Outcome & { readonly kind: 'done' },
  failures: ReadonlyMap<string, Error>,
): void {
  const failed = marks.find((mark) => failures.has(treePath(mark)))
  if (failed === undefined) job.resolve(output)
  else job.reject(failures.get(treePath(failed)))
}

function marksOf(outcome: Outcome): readonly MadeMark[] {
  return outcome.kind === 'done' ? outcome.marks : []
}

function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function asUnavailable(error: unknown): DatabaseUnavailable {
  if (error instanceof DatabaseUnavailable) return error
  return new DatabaseUnavailable('The database could not store the changes. Please try again.', {
    cause: error,
  })
}
