/** What a backup may become the database of, and what it may not. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BackupBench, fillEveryTable, openBackupBench } from '../../test/backup-bench.ts'
import { failureOf } from '../../test/registry-bench.ts'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { command } from '../metadata/database.ts'
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
  expect(await findRestoring(root)).toBe('berth restore x')
  // Again: what an interrupted run has left is of no use to anybody.
  expect((await fillDatabase({ config, root, folder, file, command: 'berth restore x' })).aside).toBeNull()
})
