/**
 * `berth reindex --with-backup`: after a database was lost or damaged everything is back, what the images cannot tell
 * from the newest backup, and what they can as they are now.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPostgresToFill } from '../../src/metadata/postgres/fillable.ts'
import { postgresSnapshots } from '../../src/metadata/postgres/snapshot.ts'
import { MIGRATIONS } from '../../src/metadata/schema.ts'
import type { TakeSnapshot } from '../../src/metadata/snapshot.ts'
import { openSqliteToFill } from '../../src/metadata/sqlite/fillable.ts'
import { sqliteSnapshots } from '../../src/metadata/sqlite/snapshot.ts'
import { backUpMetadata } from '../../src/registry/backup/metadata.ts'
import { openBackupFolder } from '../../src/storage/filesystem/backup-folder.ts'
import { allFacts, fillTables } from '../backup-bench.ts'
import { FROM_SOURCE, startBerth } from '../berth-server.ts'
import { deleteManifest, pushImage, pushManifest } from '../clients/push.ts'
import { type RegistryContents, readRegistry } from '../clients/registry-contents.ts'
import { multiArchImage, smallImage } from '../clients/sample-images.ts'
import { type PostgresServer, startPostgres } from '../postgres-server.ts'
import { tryCommand } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'

setDefaultTimeout(120_000)

/** Tables that no image tells anything of, and nothing has filled yet. */
const OF_PEOPLE = [
  'accounts',
  'memberships',
  'teams',
  'team_members',
  'grants',
  'tokens',
  'subscriptions',
  'deliveries',
  'audit',
]

/** Those of a server that starts would be newer than the test's. */
const NO_OWN_BACKUPS = { BERTH_BACKUP_ENABLED: 'false' }

/** A registry's folder, and what its database is. */
interface Place {
  readonly data: string
  readonly env: Record<string, string>
  readonly takeSnapshot: TakeSnapshot
  /** Throws the database away; gives the place as it is then. */
  lose(): Promise<Place>
}

function onSqlite(data: string): Place {
  const path = join(data, 'berth/berth.db')
  return {
    data,
    env: NO_OWN_BACKUPS,
    takeSnapshot: sqliteSnapshots(path),
    async lose() {
      for (const ending of ['', '-wal', '-shm', '-writer']) rmSync(`${path}${ending}`, { force: true })
      return onSqlite(data)
    },
  }
}

function onPostgres(data: string, server: PostgresServer, url: string): Place {
  return {
    data,
    env: { ...NO_OWN_BACKUPS, BERTH_DATABASE_URL: url },
    takeSnapshot: postgresSnapshots(url),
    lose: async () => onPostgres(data, server, await server.createDatabase()),
  }
}

/** A registry with a trash, histories and accounts, and a backup of its metadata. */
async function fill(place: Place): Promise<void> {
  await using berth = await startBerth({ data: place.data, env: place.env })
  const [one, two] = [smallImage('one'), smallImage('two')]
  await pushImage(berth.url, 'app', '1', one)
  await pushImage(berth.url, 'app', 'latest', one)
  await pushImage(berth.url, 'app', 'latest', two)
  await pushImage(berth.url, 'app', 'dropped', smallImage('dropped'))
  await deleteManifest(berth.url, 'app', 'dropped')
  await deleteManifest(berth.url, 'app', smallImage('dropped').root.digest)
  await pushImage(berth.url, 'team/multi', '1', multiArchImage('backup'))
  await pushManifest(berth.url, 'team/multi', '2', multiArchImage('backup').root)
  await deleteManifest(berth.url, 'team/multi', '2')
  await berth.stop()
  const url = place.env['BERTH_DATABASE_URL']
  const database =
    url === undefined
      ? await openSqliteToFill(join(place.data, 'berth/berth.db'), MIGRATIONS)
      : await openPostgresToFill(url, MIGRATIONS)
  await fillTables(database, 3, (name) => OF_PEOPLE.includes(name))
  await database.close()
}

async function backUp({ data, takeSnapshot }: Place): Promise<string> {
  const folder = await openBackupFolder(join(data, 'berth/backups'))
  const rotation = { newest: 9, days: 1 }
  const source = { takeSnapshot, program: 'test', pause: () => Promise.resolve() }
  return (await backUpMetadata({ ...source, folder, rotation, openScratch: null })).file
}

async function reindex(place: Place, ...args: string[]): Promise<{ code: number; printed: string }> {
  const [program = '', ...rest] = [...FROM_SOURCE, 'reindex', '--data', place.data, ...args]
  const env = { ...process.env, ...place.env }
  const { exitCode, stdout, stderr } = await tryCommand(program, rest, { env })
  return { code: exitCode, printed: stdout + stderr }
}

async function contentsOf(place: Place): Promise<RegistryContents> {
  await using berth = await startBerth({ data: place.data, env: place.env })
  const contents = await readRegistry(berth.url)
  await berth.stop()
  return contents
}

/** All facts, without what another start, or a look at the storage, changes by right. */
async function lastingFacts({ takeSnapshot }: Place): Promise<Record<string, unknown[]>> {
  const changing: Readonly<Record<string, readonly string[]>> = {
    blobs: ['state', 'epoch', 'lease_until'],
    repositories: ['reconciled_by'],
    gc_reviews: ['reason', 'due_at'],
  }
  const facts = await allFacts(takeSnapshot)
  const columns = await takeSnapshot(
    async (snapshot) =>
      new Map(
        (await snapshot.listTables()).map((table) => [table.name, table.columns.map(({ name }) => name)]),
      ),
  )
  const { settings: _, ...tables } = facts
  return Object.fromEntries(
    Object.entries(tables).map(([name, rows]) => [
      name,
      rows.map((row) => row.filter((_, at) => !changing[name]?.includes(columns.get(name)?.[at] ?? ''))),
    ]),
  )
}

function suite(open: () => Promise<Place>): void {
  let place: Place
  beforeAll(async () => {
    place = await open()
    await fill(place)
    await backUp(place)
  })
  afterAll(() => rmSync(place.data, { recursive: true }))

  test('everything is back after the database was lost', async () => {
    const [facts, contents] = [await lastingFacts(place), await contentsOf(place)]
    expect(facts['trash']).toHaveLength(3)
    place = await place.lose()
    const { code, printed } = await reindex(place, '--with-backup')
    expect(printed).toContain('with 2 repositories as the images have them now (0 manifests')
    expect(code).toBe(0)
    expect(await lastingFacts(place)).toEqual(facts)
    expect(await contentsOf(place)).toEqual(contents)
  })

  test('what the images tell is newer than the backup, and what the trash needs of lost blobs is told', async () => {
    {
      await using berth = await startBerth({ data: place.data, env: place.env })
      await pushImage(berth.url, 'app', 'since', smallImage('since'))
      await pushImage(berth.url, 'app', 'latest', smallImage('one'))
      await deleteManifest(berth.url, 'app', '1')
      await berth.stop()
    }
    const contents = await contentsOf(place)
    const [layer = ''] = smallImage('dropped').blobs.map(({ digest }) => digest.slice('sha256:'.length))
    rmSync(join(place.data, `docker/registry/v2/blobs/sha256/${layer.slice(0, 2)}/${layer}`), {
      recursive: true,
    })
    place = await place.lose()
    const { code, printed } = await reindex(place, '--with-backup')
    expect(printed).toContain(
      'are gone since. What needs them cannot be restored from the trash: app@sha256:',
    )
    expect(code).toBe(0)
    expect(await contentsOf(place)).toEqual(contents)
    const { trash, accounts } = await lastingFacts(place)
    expect(trash).toHaveLength(4)
    expect(accounts).toHaveLength(3)
  })

  test('without it, reindex says at its end that there is one', async () => {
    place = await place.lose()
    const { code, printed } = await reindex(place)
    expect(printed).toContain('run reindex once more with --backup /')
    expect(code).toBe(0)
  })
}

describe('on SQLite', () => {
  suite(async () => onSqlite(mkdtempSync(join(tmpdir(), 'reindex-backup-'))))

  test('a damaged database is put aside, and so is one that can be read', async () => {
    const place = onSqlite(mkdtempSync(join(tmpdir(), 'reindex-backup-')))
    await fill(place)
    await backUp(place)
    const facts = await lastingFacts(place)
    writeFileSync(join(place.data, 'berth/berth.db'), 'this was a database once'.repeat(1000))
    for (let times = 0; times < 2; times++) {
      const { code, printed } = await reindex(place, '--with-backup')
      expect(printed).toContain('What there was of a database lies in')
      expect(code).toBe(0)
      expect(await lastingFacts(place)).toEqual(facts)
    }
    const aside = readdirSync(join(place.data, 'berth')).filter((name) => name.includes('.before-restore-'))
    expect(aside.filter((name) => !/-(wal|shm)$/.test(name))).toHaveLength(2)
    rmSync(place.data, { recursive: true })
  })

  test('a damaged backup is passed over and told; one of another registry, and none at all, are refused', async () => {
    const place = onSqlite(mkdtempSync(join(tmpdir(), 'reindex-backup-')))
    await fill(place)
    const first = await backUp(place)
    const second = await backUp(place)
    writeFileSync(join(place.data, 'berth/backups', second), 'gone with the disk')
    const named = await reindex(place, '--backup', join(place.data, 'berth/backups', second))
    expect(named).toMatchObject({
      code: 1,
      printed: expect.stringContaining('is damaged. It cannot be decompressed'),
    })
    const { code, printed } = await reindex(place, '--with-backup')
    expect(printed).toContain(`${second} is damaged`)
    expect(code).toBe(0)
    const other = onSqlite(mkdtempSync(join(tmpdir(), 'reindex-backup-')))
    await fill(other)
    const foreign = await reindex(other, '--backup', join(place.data, 'berth/backups', first))
    expect(foreign).toMatchObject({ code: 4, printed: expect.stringContaining('is of another registry') })
    const none = await reindex(other, '--with-backup')
    expect(none).toMatchObject({
      code: 4,
      printed: expect.stringContaining('There is no backup of the metadata'),
    })
    for (const { data } of [place, other]) rmSync(data, { recursive: true })
  })

  test('interrupted, no server takes a part for the whole; run again, it comes to its end', async () => {
    const place = onSqlite(mkdtempSync(join(tmpdir(), 'reindex-backup-')))
    await fill(place)
    await backUp(place)
    const facts = await lastingFacts(place)
    const copy = `${place.data}-copy`
    cpSync(place.data, copy, { recursive: true })
    // What a kill in the middle leaves: the note, and a database with some of its rows.
    writeFileSync(join(place.data, 'berth/restoring'), 'berth reindex --with-backup\n')
    await (await place.lose()).takeSnapshot(async () => {}).catch(() => {})
    const half = await openSqliteToFill(join(place.data, 'berth/berth.db'), MIGRATIONS)
    await fillTables(half, 2, () => true)
    await half.close()
    const [program = '', ...rest] = [...FROM_SOURCE, 'serve', '--data', place.data, '--addr', '127.0.0.1:0']
    const served = await tryCommand(program, rest)
    expect(served.exitCode).toBe(4)
    expect(served.stderr).toContain('"berth reindex --with-backup" has not come to its end. Run it again.')
    expect((await reindex(place)).code).toBe(4)
    expect((await reindex(place, '--with-backup')).code).toBe(0)
    expect(await lastingFacts(place)).toEqual(facts)
    for (const data of [place.data, copy]) rmSync(data, { recursive: true })
  })
})

describeWith('on PostgreSQL', ['initdb', 'postgres'], () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())

  suite(async () =>
    onPostgres(mkdtempSync(join(tmpdir(), 'reindex-backup-')), server, await server.createDatabase()),
  )

  test('a database that holds facts is refused', async () => {
    const data = mkdtempSync(join(tmpdir(), 'reindex-backup-'))
    const place = onPostgres(data, server, await server.createDatabase())
    await fill(place)
    await backUp(place)
    const { code, printed } = await reindex(place, '--with-backup')
    expect(printed).toContain('holds facts already')
    expect(code).toBe(4)
    rmSync(data, { recursive: true })
  })
})
