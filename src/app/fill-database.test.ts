/** What a backup may become the database of, and what it may not. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SQL } from 'bun'
import { type BackupBench, fillEveryTable, openBackupBench } from '../../test/backup-bench.ts'
import { type PostgresServer, startPostgres } from '../../test/postgres-server.ts'
import { failureOf } from '../../test/registry-bench.ts'
import { describeWith } from '../../test/tools/describe-with.ts'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { command } from '../metadata/database.ts'
import { openPostgresToFill } from '../metadata/postgres/fillable.ts'
import { MIGRATIONS } from '../metadata/schema.ts'
import { backUpMetadata } from '../registry/backup/metadata.ts'
import type { BackupFolder } from '../storage/backup-folder.ts'
import { openBackupFolder } from '../storage/filesystem/backup-folder.ts'
import { fillDatabase, requireEmptyDatabase, sqlitePath } from './fill-database.ts'
import { findRestoring } from './restoring.ts'

setDefaultTimeout(30_000)

let bench: BackupBench
let folder: BackupFolder
let config: Config
beforeAll(async () => {
  bench = await openBackupBench()
  folder = await openBackupFolder(join(bench.folder, 'backups'))
})
afterAll(() => bench[Symbol.asyncDispose]())

/** A folder that is not there yet, and the name of a backup. */
async function backedUp(schema: 'ours' | 'newer'): Promise<{ root: string; file: string }> {
  const { database, takeSnapshot } = await bench.open('sqlite')
  await fillEveryTable(database, 2)
  const later = command('test.later', async (tx, _: null) => {
    await tx.run(`INSERT INTO migrations (version, name, applied_at) VALUES (999, 'to come', 1)`, [])
  })
  if (schema === 'newer') await database.write(later, null)
  const source = { takeSnapshot, program: '9.9.9', pause: () => Promise.resolve() }
  const { file } = await backUpMetadata({
    ...source,
    folder,
    rotation: { newest: 9, days: 0 },
    openScratch: null,
  })
  const root = join(bench.folder, crypto.randomUUID())
  config = (
    await loadConfig({
      file: null,
      environment: {},
      flags: { addr: null, data: root, tls: null },
      isTerminal: false,
    })
  ).config
  return { root, file }
}

test('a backup of a newer Berth is refused before anything is touched', async () => {
  const { root, file } = await backedUp('newer')
  const failure = await failureOf(fillDatabase({ config, root, folder, file, command: 'berth restore' }))
  expect(failure.name).toBe('BackupTooNew')
  expect(failure.message).toContain('made by Berth 9.9.9')
  expect(existsSync(root)).toBe(false)
})

test('what lies there is put aside, and until somebody says that it has ended, the command stands in the folder', async () => {
  const { root, file } = await backedUp('ours')
  const path = sqlitePath(config, root)
  mkdirSync(join(root, 'berth'), { recursive: true })
  writeFileSync(path, 'of before')
  expect((await failureOf(requireEmptyDatabase(config, path))).message).toContain(
    'nothing is ever restored over',
  )
  const { aside, counts } = await fillDatabase({ config, root, folder, file, command: 'berth restore x' })
  expect(readFileSync(aside ?? '', 'utf8')).toBe('of before')
  expect(counts).toMatchObject({ trash: 2, accounts: 2 })
  expect(await findRestoring(root)).toEqual({ command: 'berth restore x', database: path })
  // Again: what an interrupted run has left is of no use to anybody.
  expect((await fillDatabase({ config, root, folder, file, command: 'berth restore x' })).aside).toBeNull()
})

describe('whoever chooses another database after an interruption', () => {
  test('keeps the file that lay there', async () => {
    const { root, file } = await backedUp('ours')
    await fillDatabase({ config, root, folder, file, command: 'berth restore x' })
    const path = join(root, 'other.db')
    writeFileSync(path, 'of somebody')
    const other: Config = { ...config, database: { kind: 'sqlite', path } }
    const { aside } = await fillDatabase({ config: other, root, folder, file, command: 'berth restore x' })
    expect(readFileSync(aside ?? '', 'utf8')).toBe('of somebody')
  })

  describeWith('on PostgreSQL', ['initdb', 'postgres'], () => {
    let server: PostgresServer
    beforeAll(async () => {
      server = await startPostgres()
    })
    afterAll(() => server.stop())

    test('is refused where that holds facts, and they stay; the one that was begun can be filled again', async () => {
      const { root, file } = await backedUp('ours')
      const [begun, taken] = [await server.createDatabase(), await server.createDatabase()]
      const on = (url: string): Config => ({ ...config, database: { kind: 'postgres', url, connections: 2 } })
      const fill = (url: string) =>
        fillDatabase({ config: on(url), root, folder, file, command: 'berth restore x' })
      const somebodys = await openPostgresToFill(taken, MIGRATIONS)
      await fillEveryTable(somebodys, 3)
      await somebodys.close()
      await fill(begun)
      expect((await failureOf(fill(taken))).message).toContain('holds facts already')
      const rows = new SQL({ url: taken, max: 1 })
      expect(Number((await rows`SELECT count(*) AS count FROM accounts`)[0].count)).toBe(3)
      await rows.close()
      expect((await fill(begun)).counts).toMatchObject({ accounts: 2 })
    })
  })
})
