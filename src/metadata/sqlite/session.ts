/**
 * Sessions of the writer's process. As one writer serves all, a path is held in memory. While a batch is
 * settled, reads may use the writer's own connection, which is outside any transaction until then, and no longer.
 */
import type { AnyCommand, Command, Read, Row, Session, SettlingSession, SqlValue } from '../database.ts'
import { commitBatch, type Place } from './batch.ts'
import type { Statements } from './statements.ts'

export class ReadSession implements Session {
  readonly #read: Read
  readonly #locks: PathLocks

  constructor(read: Read, locks: PathLocks) {
    this.#read = read
    this.#locks = locks
  }

  one<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T | null> {
    return this.#read.one(sql, values, decode)
  }

  all<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T[]> {
    return this.#read.all(sql, values, decode)
  }

  exclusively<T>(path: string, work: () => Promise<T>): Promise<T> {
    return this.#locks.exclusively(path, work)
  }
}

/** What settles a batch: its commits come between that batch and the next one. */
export class BatchSession extends ReadSession implements SettlingSession {
  readonly #place: Place

  constructor(read: Read, locks: PathLocks, place: Place) {
    super(read, locks)
    this.#place = place
  }

  async write<Input, Output>(command: Command<Input, Output>, input: Input): Promise<Output> {
    const [outcome] = await commitBatch(this.#place, [{ command: command as AnyCommand, input }])
    if (outcome?.kind !== 'done') throw outcome?.error
    return outcome.output as Output
  }
}

/** Reads on the writer's connection, until they are ended. */
export class WriterReads implements Read {
  readonly #statements: Statements
  #ended = false

  constructor(statements: Statements) {
    this.#statements = statements
  }

  async one<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T | null> {
    const row = this.#open().one(sql, values)
    return row === null ? null : decode(row)
  }

  async all<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T[]> {
    return this.#open().all(sql, values).map(decode)
  }

  end(): void {
    this.#ended = true
  }

  #open(): Statements {
    if (this.#ended) throw new Error('the settling has ended: it did not wait for this statement')
    return this.#statements
  }
}

/** Lets one holder at a time work on a path, in the order in which they came. */
export class PathLocks {
  readonly #last = new Map<string, Promise<void>>()

  /** Not to be nested for one path: the inner one would wait for the outer one for ever. */
  async exclusively<T>(path: string, work: () => Promise<T>): Promise<T> {
    const mine = (this.#last.get(path) ?? Promise.resolve()).then(work)
    const ended = mine.then(ignore, ignore)
    this.#last.set(path, ended)
    try {
      return await mine
    } finally {
      if (this.#last.get(path) === ended) this.#last.delete(path)
    }
  }
}

function ignore(): void {}
