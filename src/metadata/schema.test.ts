/** The schema is one on both databases: the same tables and columns, text that sorts by its bytes, types that hold. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PostgresServer, startPostgres } from '../../test/postgres-server.ts'
import { openSqliteInPlace } from '../../test/sqlite-in-place.ts'
import { describeWith } from '../../test/tools/describe-with.ts'
import { digestOf } from '../oci/digest.ts'
import { parseRepositoryName } from '../oci/repository-name.ts'
import { parseTag } from '../oci/tag.ts'
import { command, type Database } from './database.ts'
import { openPostgresDatabase } from './postgres/database.ts'
import { findOrCreateRepository, listRepositoryNames, markListed, type RepositoryId } from './repositories.ts'
import { integer, text } from './row.ts'
import { MIGRATIONS } from './schema.ts'
import { listPathDirt, markTree, type TreeMark } from './tree.ts'

const settle = async () => new Map()
const folder = mkdtempSync(join(tmpdir(), 'berth-schema-'))
const path = join(folder, 'berth.db')
let sqlite: Database
beforeAll(async () => {
  sqlite = await openSqliteInPlace({ path, migrations: MIGRATIONS, settle })
})
afterAll(async () => {
  await sqlite.close()
  rmSync(folder, { recursive: true })
})

/** Sorted by their components, and these by their bytes: `-` and `.` come before digits and letters, `_` before lower case. */
const NAMES = ['a', 'a/b', 'a/b/c', 'a-b', 'a.b', 'a0', 'a_b', 'aa', 'b'].map(parseRepositoryName)

const createListed = command('test.create-listed', async (tx, input: { names: typeof NAMES }) => {
  for (const name of input.names) await markListed(tx, await findOrCreateRepository(tx, name))
})

const OLDER = digestOf(new Uint8Array([1]))
const NEWER = digestOf(new Uint8Array([2]))

/** What a program of the fourth version wrote. */
const markAsBefore = command('test.mark-as-before', async (tx) => {
  await tx.run(
    `INSERT INTO tree_dirty (kind, repository_id, key, value, marked_at) VALUES ('tag', 1, 'v1', $1, 1)`,
    [OLDER],
  )
})

const markNow = command('test.mark-now', (tx, mark: TreeMark) =>
  markTree(tx, mark, { before: OLDER, after: NEWER }),
)

function migrationsOf(database: Database): Promise<[number, string][]> {
  return database.all('SELECT version, name FROM migrations ORDER BY version', [], (row) => [
    integer(row, 'version'),
    text(row, 'name'),
  ])
}

const EVERY_MIGRATION = MIGRATIONS.map(({ version, name }) => [version, name] as [number, string])

async function sortedNames(database: Database): Promise<string[]> {
  await database.write(createListed, { names: NAMES.toReversed() })
  return await listRepositoryNames(database, { kind: 'everything' }, { after: '', limit: 100 })
}

describe('the schema on SQLite', () => {
  test('holds every migration, once', async () => {
    expect(await migrationsOf(sqlite)).toEqual(EVERY_MIGRATION)
    const again = await openSqliteInPlace({
      path: join(folder, 'twice.db'),
      migrations: MIGRATIONS,
      settle,
    })
    await again.close()
    const third = await openSqliteInPlace({ path: join(folder, 'twice.db'), migrations: MIGRATIONS, settle })
    expect(await migrationsOf(third)).toEqual(EVERY_MIGRATION)
    await third.close()
  })

  test('takes marks along that an older program has left: of these nothing more is known', async () => {
    const options = { path: join(folder, 'marks.db'), settle, boot: 'this boot' }
    const older = await openSqliteInPlace({ ...options, migrations: MIGRATIONS.slice(0, 4) })
    await older.write(markAsBefore, undefined)
    await older.close()
    const newer = await openSqliteInPlace({ ...options, migrations: MIGRATIONS })
    const mark = { kind: 'tag', repositoryId: 1 as RepositoryId, key: parseTag('v1') } as const
    await newer.write(markNow, mark)
    const dirt = await listPathDirt(newer, mark, 10)
    expect(dirt.map(({ value, boot, shownAt }) => [value, boot, shownAt])).toEqual([
      [OLDER, null, null],
      [OLDER, 'this boot', null],
      [NEWER, 'this boot', null],
    ])
    await newer.close()
  })

  test('sorts names by components, and these by their bytes', async () => {
    expect(await sortedNames(sqlite)).toEqual(NAMES.map(String))
  })

  test('has tables that hold to their types', async () => {
    const loose = await sqlite.all(
      `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' AND strict = 0`,
      [],
      (row) => text(row, 'name'),
    )
    expect(loose).toEqual([])
  })
})

describeWith('the schema on PostgreSQL', ['initdb', 'postgres'], () => {
  let server: PostgresServer
  let postgres: Database
  let url: string
  beforeAll(async () => {
    server = await startPostgres()
    url = await server.createDatabase()
    postgres = await openPostgresDatabase({ url, migrations: MIGRATIONS, settle })
  })
  afterAll(async () => {
    await postgres.close()
    await server.stop()
  })

  test('holds every migration, once, however many replicas start at a time', async () => {
    const own = await server.createDatabase()
    const replicas = await Promise.all(
      [1, 2, 3].map(() => openPostgresDatabase({ url: own, migrations: MIGRATIONS, settle })),
    )
    for (const replica of replicas) expect(await migrationsOf(replica)).toEqual(EVERY_MIGRATION)
    await Promise.all(replicas.map((replica) => replica.close()))
  })

  test('sorts names by components, and every text by its bytes', async () => {
    expect(await sortedNames(postgres)).toEqual(NAMES.map(String))
    const others = await postgres.all(
      `SELECT table_name, column_name FROM information_schema.columns
       WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'`,
      [],
      (row) => `${text(row, 'table_name')}.${text(row, 'column_name')}`,
    )
    expect(others).toEqual([])
  })

  test('has the tables and columns of SQLite', async () => {
    const ofPostgres = await postgres.all(
      `SELECT table_name AS t, column_name AS c FROM information_schema.columns WHERE table_schema = 'public'`,
      [],
      (row) => `${text(row, 't')}.${text(row, 'c')}`,
    )
    const ofSqlite = await sqlite.all(
      `SELECT m.name AS t, c.name AS c FROM sqlite_schema m JOIN pragma_table_info(m.name) c
       WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`,
      [],
      (row) => `${text(row, 't')}.${text(row, 'c')}`,
    )
    expect(ofPostgres.toSorted()).toEqual(ofSqlite.toSorted())
    expect(ofSqlite.length).toBeGreaterThan(80)
  })

  test('has a primary key in every table', async () => {
    const without = await postgres.all(
      `SELECT table_name FROM information_schema.tables AS t WHERE table_schema = 'public' AND NOT EXISTS
         (SELECT 1 FROM information_schema.table_constraints AS c
          WHERE c.table_name = t.table_name AND c.constraint_type = 'PRIMARY KEY')`,
      [],
      (row) => text(row, 'table_name'),
    )
    expect(without).toEqual([])
  })
})
