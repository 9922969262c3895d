/** A SQLite file that is filled from a backup, with the writer in this thread. */
import type { AnyCommand, Settle } from '../database.ts'
import { type FillableDatabase, settlesNothing } from '../fillable.ts'
import type { Migration } from '../schema.ts'
import { SqliteReader } from './reader.ts'
import { listSqliteTables } from './snapshot.ts'
import { openSqliteWriter } from './writer.ts'

export interface FillableOptions {
  readonly settle?: Settle
  /** It is only for looking whether it can be filled. */
  readonly isThrownAway?: boolean
}

/** Makes the file where there is none; the schema is that of these migrations. Throws DatabaseUnavailable, SchemaTooNew. */
export async function openSqliteToFill(
  path: string,
  migrations: readonly Migration[],
  { settle = settlesNothing, isThrownAway = false }: FillableOptions = {},
): Promise<FillableDatabase> {
  const writer = await openSqliteWriter({ path, migrations, settle, isThrownAway })
  const reader = new SqliteReader(path)
  return {
    one: (sql, values, decode) => reader.one(sql, values, decode),
    all: (sql, values, decode) => reader.all(sql, values, decode),
    write: async (command, input) => (await writer.submit(command as AnyCommand, input)) as never,
    listTables: () => listSqliteTables(reader),
    // AUTOINCREMENT heeds ids that were given to it.
    goOnBehindIds: () => Promise.resolve(),
    inSession: (work) => work(writer.sessionOver(reader)),
    async close() {
      reader.close()
      await writer.close()
    },
  }
}
