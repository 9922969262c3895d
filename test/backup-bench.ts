/** Databases for tests of backups: ones to back up, with something in every table, and empty ones to fill. */
import { describe } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FillableDatabase } from '../src/metadata/fillable.ts'
import { openPostgresToFill } from '../src/metadata/postgres/fillable.ts'
import { postgresSnapshots } from '../src/metadata/postgres/snapshot.ts'
import { MIGRATIONS } from '../src/metadata/schema.ts'
import type { TakeSnapshot } from '../src/metadata/snapshot.ts'
import { openSqliteToFill } from '../src/metadata/sqlite/fillable.ts'
import { sqliteSnapshots } from '../src/metadata/sqlite/snapshot.ts'
import { lastingTables, listTableRows, type TableRow } from '../src/metadata/tables.ts'
import { loadRowsCommand } from '../src/registry/backup/metadata.commands.ts'
import { type PostgresServer, startPostgres } from './postgres-server.ts'
import { describeWith } from './tools/describe-with.ts'

export interface OpenedDatabase {
  readonly database: FillableDatabase
  readonly takeSnapshot: TakeSnapshot
}

export interface BackupBench extends AsyncDisposable {
  /** A folder of the test's own. */
  readonly folder: string
  /** An empty database with this program's schema, or that of an older one. */
  open(kind: 'sqlite' | 'postgres', schema?: number): Promise<OpenedDatabase>
}

export async function openBackupBench(): Promise<BackupBench> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-backup-'))
  const opened: FillableDatabase[] = []
  let server: PostgresServer | null = null
  const open = async (kind: 'sqlite' | 'postgres', schema = Number.POSITIVE_INFINITY) => {
    const migrations = MIGRATIONS.filter(({ version }) => version <= schema)
    if (kind === 'postgres') {
      server ??= await startPostgres()
      const url = await server.createDatabase()
      return { database: await openPostgresToFill(url, migrations), takeSnapshot: postgresSnapshots(url) }
    }
    const path = join(folder, `${crypto.randomUUID()}.db`)
    return { database: await openSqliteToFill(path, migrations), takeSnapshot: sqliteSnapshots(path) }
  }
  return {
    folder,
    async open(kind, schema) {
      const one = await open(kind, schema)
      opened.push(one.database)
      return one
    },
    async [Symbol.asyncDispose]() {
      for (const database of opened) await database.close()
      await server?.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Describes what must hold from each database to each. */
export function describeBetweenDatabases(
  subject: string,
  suite: (from: 'sqlite' | 'postgres', to: 'sqlite' | 'postgres') => void,
): void {
  describe(`${subject}, SQLite to SQLite`, () => suite('sqlite', 'sqlite'))
  describeWith(`${subject}, on PostgreSQL`, ['initdb', 'postgres'], () => {
    describe('SQLite to PostgreSQL', () => suite('sqlite', 'postgres'))
    describe('PostgreSQL to SQLite', () => suite('postgres', 'sqlite'))
    describe('PostgreSQL to PostgreSQL', () => suite('postgres', 'postgres'))
  })
}

/** Text that a careless hand would lose: quotes, a new line, letters of many bytes, what is no letter. */
const AWKWARD = `"it's"\n\\ größer 船 😀 \u0001`

/** Puts rows into every table that a backup holds. Those of one number refer to each other. */
export function fillEveryTable(database: FillableDatabase, rows: number): Promise<void> {
  return fillTables(database, rows, () => true)
}

/** As `fillEveryTable`, for some tables. */
export async function fillTables(
  database: FillableDatabase,
  rows: number,
  isMeant: (table: string) => boolean,
): Promise<void> {
  for (const table of lastingTables(await database.listTables())) {
    if (!isMeant(table.name)) continue
    const made = Array.from({ length: rows }, (_, index) =>
      table.columns.map(({ name, kind }) => {
        if (kind === 'integer') return index + 1
        if (kind === 'bytes') return new Uint8Array([0, 10, 255, index % 256, 128])
        return `${table.name} ${name} ${index + 1} ${AWKWARD}`
      }),
    )
    for (let from = 0; from < rows; from += 500)
      await database.write(loadRowsCommand, { table, rows: made.slice(from, from + 500) })
  }
}

/** Every row of every table that a backup holds. */
export async function allFacts(takeSnapshot: TakeSnapshot): Promise<Record<string, TableRow[]>> {
  return await takeSnapshot(async (snapshot) => {
    const facts: Record<string, TableRow[]> = {}
    for (const table of lastingTables(await snapshot.listTables())) {
      facts[table.name] = await listTableRows(snapshot, table, null, { rows: 1_000_000, bytes: 1e9 })
    }
    return facts
  })
}
