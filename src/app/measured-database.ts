/** A database that tells of every write: that it began, and how long it took. Reads are as they were. */
import type { Command, Database, Row, SqlValue } from '../metadata/database.ts'

export interface WriteWatch {
  began(): void
  ended(command: string, seconds: number): void
}

export class MeasuredDatabase implements Database {
  readonly #real: Database
  readonly #watch: WriteWatch

  constructor(real: Database, watch: WriteWatch) {
    this.#real = real
    this.#watch = watch
  }

  one<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T | null> {
    return this.#real.one(sql, values, decode)
  }

  all<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T[]> {
    return this.#real.all(sql, values, decode)
  }

  async write<Input, Output>(command: Command<Input, Output>, input: Input): Promise<Output> {
    const started = performance.now()
    this.#watch.began()
    try {
      return await this.#real.write(command, input)
    } finally {
      this.#watch.ended(command.name, (performance.now() - started) / 1000)
    }
  }

  requireInPlace(): Promise<void> {
    return this.#real.requireInPlace()
  }

  close(): Promise<void> {
    return this.#real.close()
  }
}
