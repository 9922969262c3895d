/** A PostgreSQL database that is filled from a backup. */
import { command, type Settle } from '../database.ts'
import { type FillableDatabase, settlesNothing, tablesOf } from '../fillable.ts'
import type { Migration } from '../schema.ts'
import { countTableRows, lastingTables, type TableShape } from '../tables.ts'
import { openPostgresDatabase, PostgresDatabase } from './database.ts'
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
  settle: Settle = settlesNothing,
): Promise<FillableDatabase> {
  const database = await openPostgresDatabase({ url, migrations, settle, connections: 4 })
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
    inSession: (work) => database.inSession(work),
    close: () => database.close(),
  }
}

/** Those whose rows get a number of their own. */
function hasIds({ key, columns }: TableShape): boolean {
  return key.length === 1 && columns.some(({ name, kind }) => name === 'id' && kind === 'integer')
}

const dropTables = command('backup.drop-tables', async (tx, tables: readonly string[]) => {
  for (const table of tables) await tx.run(`DROP TABLE IF EXISTS "${table}" CASCADE`, [])
})

/**
 * Removes Berth's tables, of whichever schema, where they are empty or the caller says that what is in them counts for
 * nothing. False: something is in them, and has been left. Throws DatabaseUnavailable.
 */
export async function clearPostgres(
  url: string,
  migrations: readonly Migration[],
  options: { readonly isWorthless: boolean },
): Promise<boolean> {
  const database = new PostgresDatabase({ url, migrations, settle: settlesNothing, connections: 2 })
  try {
    const names = new Set(tablesOf(migrations))
    const own = (await listPostgresTables(database)).filter(({ name }) => names.has(name))
    if (!options.isWorthless) {
      for (const { name } of lastingTables(own)) if ((await countTableRows(database, name)) > 0) return false
    }
    await database.write(
      dropTables,
      own.map(({ name }) => name),
    )
    return true
  } finally {
    await database.close()
  }
}
