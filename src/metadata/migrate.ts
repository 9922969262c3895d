/**
 * Brings a database to the schema of this program: forward only, each migration in a transaction of its own
 * together with the row that says so, and nobody else at the same time. What a released migration did is
 * never done again and never undone.
 */
import type { Row } from './database.ts'
import { type Dialect, inDialect } from './dialect.ts'
import { integer, text } from './row.ts'
import type { Migration } from './schema.ts'
import { SchemaTooNew } from './unavailable.ts'

/** One connection that can change the schema. */
export interface MigrationTarget {
  readonly dialect: Dialect
  /** Runs the work alone among all who migrate this database, and as one transaction. */
  transaction<T>(work: () => Promise<T>): Promise<T>
  execute(statement: string): Promise<void>
  query(statement: string): Promise<readonly Row[]>
}

const HISTORY = `CREATE TABLE IF NOT EXISTS migrations (
  version {{integer}} NOT NULL PRIMARY KEY,
  name {{text}} NOT NULL,
  applied_at {{integer}} NOT NULL
) {{table}}`

/** Applies what is missing, and gives the names of what it applied. Throws SchemaTooNew. */
export async function migrate(target: MigrationTarget, migrations: readonly Migration[]): Promise<string[]> {
  requireInOrder(migrations)
  const applied: string[] = []
  for (const migration of migrations) {
    if (await target.transaction(() => applyOnce(target, migrations, migration))) applied.push(migration.name)
  }
  return applied
}

/** Asks again inside the transaction, for another process may have been first. */
async function applyOnce(
  target: MigrationTarget,
  all: readonly Migration[],
  one: Migration,
): Promise<boolean> {
  const current = await schemaVersion(target)
  requireKnown(current, all)
  if (one.version <= current.version) return false
  for (const statement of one.statements) await target.execute(inDialect(target.dialect, statement))
  await target.execute(
    `INSERT INTO migrations (version, name, applied_at) VALUES (${one.version}, '${one.name}', ${Date.now()})`,
  )
  return true
}

interface SchemaVersion {
  readonly version: number
  readonly name: string
}

async function schemaVersion(target: MigrationTarget): Promise<SchemaVersion> {
  await target.execute(inDialect(target.dialect, HISTORY))
  const [row] = await target.query('SELECT version, name FROM migrations ORDER BY version DESC LIMIT 1')
  return row ? { version: integer(row, 'version'), name: text(row, 'name') } : { version: 0, name: 'empty' }
}

function requireKnown(current: SchemaVersion, migrations: readonly Migration[]): void {
  const newest = migrations.at(-1)?.version ?? 0
  if (current.version <= newest) return
  throw new SchemaTooNew(
    `The database was changed by a newer Berth (its schema is version ${current.version}, "${current.name}"; ` +
      `this program knows up to ${newest}). Start that newer Berth, or restore a backup from before the upgrade.`,
  )
}

/** Versions count 1, 2, 3, and names are plain words, for they are written into SQL. */
function requireInOrder(migrations: readonly Migration[]): void {
  migrations.forEach(({ version, name }, index) => {
    if (version !== index + 1 || !/^[a-z][a-z0-9 -]*$/.test(name)) {
      throw new Error(
        `migration ${version} "${name}" must be version ${index + 1}, with a name of plain words`,
      )
    }
  })
}
