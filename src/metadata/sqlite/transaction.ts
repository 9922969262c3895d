/**
 * What a command sees of its savepoint. A statement that failed ends the command even when the command
 * catches the error, as in PostgreSQL; and nothing reaches the database once the command has ended.
 */
import type { Row, SqlValue, Transaction } from '../database.ts'
import type { MadeMark } from '../tree.ts'
import type { Statements } from './statements.ts'

export class SqliteTransaction implements Transaction {
  readonly now = Date.now()
  readonly boot: string | null
  readonly marks: MadeMark[] = []
  readonly #statements: Statements
  #failure: { readonly error: unknown } | null = null
  #ended = false

  constructor(statements: Statements, boot: string | null) {
    this.#statements = statements
    this.boot = boot
  }

  async one<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T | null> {
    const row = this.#attempt(() => this.#statements.one(sql, values))
    return row === null ? null : decode(row)
  }

  async all<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T[]> {
    return this.#attempt(() => this.#statements.all(sql, values)).map(decode)
  }

  async run(sql: string, values: readonly SqlValue[]): Promise<number> {
    return this.#attempt(() => this.#statements.run(sql, values))
  }

  /** Throws what a statement failed with, if one did. */
  requireSound(): void {
    if (this.#failure) throw this.#failure.error
  }

  end(): void {
    this.#ended = true
  }

  #attempt<T>(work: () => T): T {
    if (this.#ended) throw new Error('the command has ended: it did not wait for this statement')
    this.requireSound()
    try {
      return work()
    } catch (error) {
      this.#failure = { error }
      throw error
    }
  }
}
