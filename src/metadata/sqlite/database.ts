/**
 * The Database port on SQLite: reads on a connection of this process, writes by name through a link to the
 * writer, wherever it runs.
 */
import type { Command, Database, Row, SqlValue } from '../database.ts'
import { SqliteReader } from './reader.ts'
import type { WriterLink } from './writer-link.ts'

/** This program's way to the writer: a WriterThread or a WriterSocket. */
export interface WriterConnection {
  readonly link: WriterLink
  close(): Promise<void>
}

/** The file must be there, as its writer leaves it. Closing the database closes the connection to the writer. Throws DatabaseUnavailable. */
export function openSqliteDatabase(path: string, writer: WriterConnection): Database {
  return new SqliteDatabase(new SqliteReader(path), writer)
}

class SqliteDatabase implements Database {
  readonly #reader: SqliteReader
  readonly #writer: WriterConnection
  #closed: Promise<void> | null = null

  constructor(reader: SqliteReader, writer: WriterConnection) {
    this.#reader = reader
    this.#writer = writer
  }

  one<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T | null> {
    return this.#reader.one(sql, values, decode)
  }

  all<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T[]> {
    return this.#reader.all(sql, values, decode)
  }

  write<Input, Output>(command: Command<Input, Output>, input: Input): Promise<Output> {
    return this.#writer.link.submit(command.name, input) as Promise<Output>
  }

  async requireInPlace(): Promise<void> {
    this.#reader.requireInPlace()
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#writer.close()
    this.#reader.close()
  }
}
