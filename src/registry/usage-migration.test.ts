/** A database from before anything was counted is counted like any other: whatever was there is noted by the migration. */
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../../test/postgres-server.ts'
import { countedUsage, recountedUsage } from '../../test/recounted-usage.ts'
import { openSqliteInPlace } from '../../test/sqlite-in-place.ts'
import { describeWith } from '../../test/tools/describe-with.ts'
import { command, type Database } from '../metadata/database.ts'
import { openPostgresDatabase } from '../metadata/postgres/database.ts'
import { MIGRATIONS, type Migration } from '../metadata/schema.ts'
import { countUsageCommand } from './usage.commands.ts'

setDefaultTimeout(30_000)

const settle = async () => new Map()
const BEFORE = MIGRATIONS.filter(({ version }) => version < 8)

/** What a program of an earlier version may have left: of each kind something, and some of it shared. */
const ROWS = [
  `INSERT INTO repositories (id, name, listed, created_at) VALUES (1, 'one', 1, 1), (2, 'two', 1, 1)`,
  `INSERT INTO blobs (digest, size, created_at) VALUES ('base', 1000, 1), ('own', 200, 1), ('gone', 30, 1), ('loose', 4, 1)`,
  `INSERT INTO blobs (digest, size, state, created_at) VALUES ('leaving', 7, 'deleting', 1)`,
  `INSERT INTO repository_blobs (repository_id, digest, linked_at)
     VALUES (1, 'base', 1), (2, 'base', 1), (1, 'own', 1), (1, 'gone', 1), (2, 'loose', 1)`,
  `INSERT INTO manifests (repository_id, digest, media_type, size, pushed_by, created_at)
     VALUES (1, 'kept', 'm', 3, 'ann', 1), (2, 'other', 'm', 3, 'ann', 1)`,
  `INSERT INTO trash (id, repository_id, what, deleted_by, deleted_at) VALUES (1, 1, 'manifest', 'ann', 1)`,
  `INSERT INTO trashed_manifests (trash_id, repository_id, digest, media_type, artifact_type, annotations_length, size, pushed_by, created_at)
     VALUES (1, 1, 'deleted', 'm', '', 0, 3, 'ann', 1)`,
  `INSERT INTO manifest_blobs (repository_id, manifest, digest)
     VALUES (1, 'kept', 'base'), (1, 'kept', 'own'), (2, 'other', 'base'), (1, 'deleted', 'gone'), (1, 'deleted', 'base')`,
]

const fill = command('test.fill', async (tx, _: null) => {
  for (const row of ROWS) await tx.run(row, [])
  for (const digest of ['kept', 'other', 'deleted']) {
    const bytes = new Uint8Array([1, 2, 3])
    await tx.run('INSERT INTO manifest_payloads (digest, bytes) VALUES ($1, $2)', [digest, bytes])
  }
})

/** `open` opens the same database each time. */
async function expectCounted(open: (migrations: readonly Migration[]) => Promise<Database>): Promise<void> {
  const older = await open(BEFORE)
  await older.write(fill, null)
  await older.close()
  const database = await open(MIGRATIONS)
  while ((await database.write(countUsageCommand, null)) > 0);
  const rows = (sql: string) => database.all(sql, [], (row) => row)
  const counted = await countedUsage(rows)
  expect(counted).toEqual(await recountedUsage(rows))
  expect(counted).toContain('0 live 1206 4')
  expect(counted).toContain('0 trash 33 2')
  expect(counted).toContain('0 leaving 7 1')
  await database.close()
}

describe('on SQLite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-usage-migration-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  test('what an older program has left is counted', async () => {
    const path = join(folder, 'berth.db')
    await expectCounted((migrations) => openSqliteInPlace({ path, migrations, settle }))
  })
})

describeWith('on PostgreSQL', ['initdb', 'postgres'], () => {
  test('what an older program has left is counted', async () => {
    const server = await startPostgres()
    const url = await server.createDatabase()
    await expectCounted((migrations) => openPostgresDatabase({ url, migrations, settle }))
    await server.stop()
  })
})
