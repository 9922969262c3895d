/**
 * Reads on a connection of their own, which cannot write: a read sees every commit that was answered before
 * it began, and never waits for the writer (WAL). Safe to open in any number of processes.
 */
import { existsSync } from 'node:fs'
import type { Read, Row, SqlValue } from '../database.ts'
import { DatabaseUnavailable } from '../unavailable.ts'
import { Statements } from './statements.ts'

export class SqliteReader implements Read {
  readonly #path: string
  readonly #statements: Statements

  /** The file must exist, as a writer leaves it. Throws DatabaseUnavailable. */
  constructor(path: string) {
    this.#path = path
    this.#statements = new Statements(path, 'read')
  }

  async one<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T | null> {
    const row = this.#statements.one(sql, values)
    return row === null ? null : decode(row)
  }

  async all<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T[]> {
    return this.#statements.all(sql, values).map(decode)
  }

  /** A file that is open can be read and written although nobody will ever find it again. Throws DatabaseUnavailable. */
  requireInPlace(): void {
    if (existsSync(this.#path)) return
    throw new DatabaseUnavailable(
      `The database ${this.#path} has been removed while Berth ran, so what is written now is lost. Restart Berth.`,
    )
  }

  close(): void {
    this.#statements.close()
  }
}
