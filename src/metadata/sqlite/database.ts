/**
 * The Database port on SQLite: reads on a connection of this process, writes by name through a link to the
 * writer, wherever it runs. In place, for unit tests and one-off commands, the writer is right here.
 */
import type { AnyCommand, Command, Database, Row, SqlValue } from '../database.ts'
import { SqliteReader } from './reader.ts'
import { openSqliteWriter, type WriterOptions } from './writer.ts'
import type { WriterLink } from './writer-link.ts'

/** This program's way to the writer: a WriterThread or a WriterSocket. */
export interface WriterConnection {
  readonly link: WriterLink
  close(): Promise<void>
}

/** The file must be there, as its writer leaves it. Closing the database closes the connection to the writer. Throws DatabaseUnavailable. */
export function openSqliteDatabase(path: string, writer: WriterConnection): Database {
  return new SqliteDatabase(new SqliteReader(path), {
    submit: (command, input) => writer.link.submit(command.name, input),
    close: () => writer.close(),
  })
}

/**
 * Everything in this thread. Input and output are copied, as they would be on their way to another thread.
 * Throws SchemaTooNew, DatabaseUnavailable.
 */
export async function openSqliteInPlace(options: WriterOptions): Promise<Database> {
  const writer = await openSqliteWriter(options)
  return new SqliteDatabase(new SqliteReader(options.path), {
    submit: async (command, input) => structuredClone(await writer.submit(command, structuredClone(input))),
    close: () => writer.close(),
  })
}

interface Writes {
  submit(command: AnyCommand, input: unknown): Promise<unknown>
  close(): Promise<void>
}

class SqliteDatabase implements Database {
  readonly #reader: SqliteReader
  readonly #writes: Writes
  #closed: Promise<void> | null = null

  constructor(reader: SqliteReader, writes: Writes) {
    this.#reader = reader
    this.#writes = writes
  }

  one<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T | null> {
    return this.#reader.one(sql, values, decode)
  }

  all<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T[]> {
    return this.#reader.all(sql, values, decode)
  }

  write<Input, Output>(command: Command<Input, Output>, input: Input): Promise<Output> {
    return this.#writes.submit(command as AnyCommand, input) as Promise<Output>
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#writes.close()
    this.#reader.close()
  }
}
