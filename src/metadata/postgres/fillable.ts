/** A PostgreSQL database that is filled from a backup. */
import { command } from '../database.ts'
import { type FillableDatabase, settlesNothing } from '../fillable.ts'
import type { Migration } from '../schema.ts'
import type { TableShape } from '../tables.ts'
import { openPostgresDatabase } from './database.ts'
import { listPostgresTables } from './snapshot.ts'

const goOnBehindIds = command('backup.go-on-behind-ids', async (tx, tables: readonly string[]) => {
  for (const table of tables) {
    await tx.one(
      `SELECT setval(pg_get_serial_sequence($1, 'id'), (SELECT max(id) FROM "${table}"))
       WHERE EXISTS (SELECT 1 FROM "${table}")`,
      [table],
      () => null,
    )
  }
})

/** The schema is that of these migrations. Throws DatabaseUnavailable, SchemaTooNew. */
export async function openPostgresToFill(
  url: string,
  migrations: readonly Migration[],
): Promise<FillableDatabase> {
  const database = await openPostgresDatabase({ url, migrations, settle: settlesNothing, connections: 2 })
  return {
    one: (sql, values, decode) => database.one(sql, values, decode),
    all: (sql, values, decode) => database.all(sql, values, decode),
    write: (command, input) => database.write(command, input),
    listTables: () => listPostgresTables(database),
    goOnBehindIds: (tables) =>
      database.write(
        goOnBehindIds,
        tables.filter(hasIds).map(({ name }) => name),
      ),
    close: () => database.close(),
  }
}

/** Those whose rows get a number of their own. */
function hasIds({ key, columns }: TableShape): boolean {
  return key.length === 1 && columns.some(({ name, kind }) => name === 'id' && kind === 'integer')
}
