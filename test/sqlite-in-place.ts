/** SQLite with its writer in this very thread: for tests of commands and queries, which have nothing to do with threads. */
import type { AnyCommand, Command, Database } from '../src/metadata/database.ts'
import { SqliteReader } from '../src/metadata/sqlite/reader.ts'
import { openSqliteWriter, type WriterOptions } from '../src/metadata/sqlite/writer.ts'

/** Input and output are copied, as they would be on their way to another thread. Throws SchemaTooNew, DatabaseUnavailable. */
export async function openSqliteInPlace(options: WriterOptions): Promise<Database> {
  const writer = await openSqliteWriter(options)
  const reader = new SqliteReader(options.path)
  let closed: Promise<void> | null = null
  return {
    one: (sql, values, decode) => reader.one(sql, values, decode),
    all: (sql, values, decode) => reader.all(sql, values, decode),
    async write<Input, Output>(command: Command<Input, Output>, input: Input): Promise<Output> {
      const output = await writer.submit(command as AnyCommand, structuredClone(input))
      return structuredClone(output) as Output
    },
    requireInPlace: async () => reader.requireInPlace(),
    close() {
      closed ??= writer.close().then(() => reader.close())
      return closed
    },
  }
}
