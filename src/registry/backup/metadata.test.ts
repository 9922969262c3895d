import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  allFacts,
  type BackupBench,
  describeBetweenDatabases,
  fillEveryTable,
  openBackupBench,
} from '../../../test/backup-bench.ts'
import { failureOf } from '../../../test/registry-bench.ts'
import { command } from '../../metadata/database.ts'
import { MIGRATIONS } from '../../metadata/schema.ts'
import { putSetting } from '../../metadata/settings.ts'
import { findSchemaVersion, type TakeSnapshot } from '../../metadata/snapshot.ts'
import { openSqliteToFill } from '../../metadata/sqlite/fillable.ts'
import { sqliteSnapshots } from '../../metadata/sqlite/snapshot.ts'
import type { BackupFolder } from '../../storage/backup-folder.ts'
import { openBackupFolder } from '../../storage/filesystem/backup-folder.ts'
import { loadMetadata } from './load-metadata.ts'
import {
  type BackupPlan,
  backUpMetadata,
  checkMetadata,
  findNewestSound,
  listMetadataBackups,
  openMetadata,
} from './metadata.ts'

setDefaultTimeout(60_000)

let bench: BackupBench
let folder: BackupFolder
beforeAll(async () => {
  bench = await openBackupBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

const noPause = () => Promise.resolve()

async function planOf(takeSnapshot: TakeSnapshot, changes: Partial<BackupPlan> = {}): Promise<BackupPlan> {
  folder = await openBackupFolder(join(bench.folder, crypto.randomUUID()))
  const rotation = { newest: 3, days: 1 }
  return { takeSnapshot, program: '1.2.3', pause: noPause, folder, rotation, openScratch: null, ...changes }
}

describeBetweenDatabases('a backup of the metadata', (from, to) => {
  test('holds every row of every table, and a new row has an id behind those of old', async () => {
    const source = await bench.open(from)
    await fillEveryTable(source.database, 620)
    const before = await allFacts(source.takeSnapshot)
    const { file, counts } = await backUpMetadata(await planOf(source.takeSnapshot))
    expect(Object.values(counts).every((count) => count === 620)).toBe(true)
    expect(Object.keys(counts)).toContain('trashed_tags')

    const target = await bench.open(to)
    await loadMetadata(target.database, await openMetadata(folder, file))
    expect(await allFacts(target.takeSnapshot)).toEqual(before)
    const insert = command('test.insert', (tx, _: null) =>
      tx.one(
        `INSERT INTO audit (actor, action, facts, happened_at) VALUES ('a', 'b', 'c', 1) RETURNING id`,
        [],
        (row) => Number(row['id']),
      ),
    )
    expect(await target.database.write(insert, null)).toBe(621)
  })

  test('shows one moment, whatever is written meanwhile', async () => {
    const source = await bench.open(from)
    await fillEveryTable(source.database, 600)
    const before = await allFacts(source.takeSnapshot)
    const change = command('test.change', (tx, _: null) => putSetting(tx, 'changed', 'meanwhile'))
    let pauses = 0
    const pause = async () => {
      if (pauses++ === 0) await source.database.write(change, null)
    }
    const { file } = await backUpMetadata(await planOf(source.takeSnapshot, { pause }))
    const target = await bench.open(to)
    await loadMetadata(target.database, await openMetadata(folder, file))
    expect(await allFacts(target.takeSnapshot)).toEqual(before)
    expect((await allFacts(source.takeSnapshot))['settings']).not.toEqual(before['settings'])
  })
})

describe('a backup of the metadata', () => {
  async function backedUp(): Promise<string> {
    const { database, takeSnapshot } = await bench.open('sqlite')
    await fillEveryTable(database, 20)
    return (await backUpMetadata(await planOf(takeSnapshot))).file
  }

  test('of an older Berth is loaded as that one had it, and brought to the schema of now', async () => {
    const older = await bench.open('sqlite', 3)
    await fillEveryTable(older.database, 5)
    const { file } = await backUpMetadata(await planOf(older.takeSnapshot))
    const { head } = await checkMetadata(folder, file)
    expect(head).toMatchObject({ schema: 3, program: '1.2.3' })
    const path = join(bench.folder, 'older.db')
    const target = await openSqliteToFill(
      path,
      MIGRATIONS.filter(({ version }) => version <= head.schema),
    )
    await loadMetadata(target, await openMetadata(folder, file))
    await target.close()
    expect(await allFacts(sqliteSnapshots(path))).toEqual(await allFacts(older.takeSnapshot))
    await (await openSqliteToFill(path, MIGRATIONS)).close()
    const now = await sqliteSnapshots(path)(findSchemaVersion)
    expect(now?.version).toBe(MIGRATIONS.at(-1)?.version)
    const { trash, tags } = await allFacts(sqliteSnapshots(path))
    expect([trash?.length, tags?.length]).toEqual([5, 5])
  })

  test('is for its owner alone, and leaves nothing else', async () => {
    const file = await backedUp()
    expect(readdirSync(folder.path).sort()).toEqual([file, 'temporary'])
    expect(readdirSync(join(folder.path, 'temporary'))).toEqual([])
    const { mode } = await Bun.file(join(folder.path, file)).stat()
    expect(mode & 0o777).toBe(0o600)
  })

  test('is text after zstd, which other programs can read', async () => {
    const file = await backedUp()
    const lines = Bun.zstdDecompressSync(readFileSync(join(folder.path, file)))
      .toString()
      .split('\n')
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ berth: 'metadata', form: 1 })
    expect(lines).toContainEqual(expect.stringMatching(/^\{"table":"trash","columns":\[\["id","integer"\],/))
  })

  test('tells of every flipped byte, and of a lost end', async () => {
    const file = await backedUp()
    const path = join(folder.path, file)
    const whole = readFileSync(path)
    for (let at = 0; at < whole.length; at += 37) {
      const flipped = Buffer.from(whole)
      flipped[at] = (flipped[at] ?? 0) ^ 0x10
      writeFileSync(path, flipped)
      const failure = await checkMetadata(folder, file).then(
        () => null,
        (error: Error) => error,
      )
      // What a frame's header says of its window, say, may be another without another content.
      if (failure !== null) expect(failure.name).toMatch(/^Backup/)
      else expect(Bun.zstdDecompressSync(flipped)).toEqual(Bun.zstdDecompressSync(whole))
    }
    writeFileSync(path, whole.subarray(0, whole.length - 10))
    expect((await failureOf(checkMetadata(folder, file))).name).toBe('BackupDamaged')
    writeFileSync(path, Buffer.concat([whole, Bun.zstdCompressSync('{}\n')]))
    expect((await failureOf(checkMetadata(folder, file))).message).toContain('goes on behind its end')
  })

  test('is tried: one that cannot be restored is removed, and the older ones stay', async () => {
    const { database, takeSnapshot } = await bench.open('sqlite')
    await fillEveryTable(database, 3)
    const plan = await planOf(takeSnapshot)
    const first = await backUpMetadata(plan)
    const openScratch = async () => {
      const taken = await bench.open('sqlite')
      await fillEveryTable(taken.database, 4)
      return taken.database
    }
    await backUpMetadata({ ...plan, openScratch: async () => (await bench.open('sqlite')).database })
    const failure = await failureOf(backUpMetadata({ ...plan, openScratch }))
    expect(failure.name).toBe('BackupDamaged')
    const left = (await listMetadataBackups(folder)).map(({ file }) => file)
    expect(left).toHaveLength(2)
    expect(left).toContain(first.file)
  })

  test('makes the outdated ones go', async () => {
    const { takeSnapshot } = await bench.open('sqlite')
    const plan = await planOf(takeSnapshot)
    const files: string[] = []
    for (let made = 0; made < 5; made++) files.push((await backUpMetadata(plan)).file)
    expect((await listMetadataBackups(folder)).map(({ file }) => file)).toEqual(files.slice(2).reverse())
  })

  test('the newest sound one is found behind damaged ones', async () => {
    const { takeSnapshot } = await bench.open('sqlite')
    const plan = await planOf(takeSnapshot)
    const [first, second] = [await backUpMetadata(plan), await backUpMetadata(plan)]
    writeFileSync(join(folder.path, second.file), 'gone with the disk')
    const { newest, damaged } = await findNewestSound(folder)
    expect(newest?.file).toBe(first.file)
    expect(damaged).toEqual([expect.stringContaining(second.file)])
  })
})
