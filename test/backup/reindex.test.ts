/**
 * `berth reindex --with-backup`: after a database was lost or damaged everything is back, what the images cannot tell
 * from the newest backup, and what they can as they are now.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { command } from '../../src/metadata/database.ts'
import { MIGRATIONS } from '../../src/metadata/schema.ts'
import { openSqliteToFill } from '../../src/metadata/sqlite/fillable.ts'
import { parseRepositoryName } from '../../src/oci/repository-name.ts'
import { backUpMetadata } from '../../src/registry/backup/metadata.ts'
import { collectNow } from '../../src/registry/gc/collect.ts'
import { listTrash, restoreTrash } from '../../src/registry/trash.ts'
import { openBackupFolder } from '../../src/storage/filesystem/backup-folder.ts'
import { fillTables } from '../backup-bench.ts'
import { FROM_SOURCE } from '../berth-server.ts'
import { deleteManifest, pushImage } from '../clients/push.ts'
import { smallImage } from '../clients/sample-images.ts'
import { type PostgresServer, startPostgres } from '../postgres-server.ts'
import { pushBlob } from '../sample-content.ts'
import { tryCommand } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import {
  berth,
  contentsOf,
  fill,
  inPlace,
  lastingFacts,
  newFolder,
  onPostgres,
  onSqlite,
  type Place,
  type Run,
  serve,
} from './places.ts'

setDefaultTimeout(120_000)

async function backUp({ data, takeSnapshot }: Place): Promise<string> {
  const folder = await openBackupFolder(join(data, 'berth/backups'))
  const rotation = { newest: 9, days: 1 }
  const source = { takeSnapshot, program: 'test', pause: () => Promise.resolve() }
  return (await backUpMetadata({ ...source, folder, rotation, openScratch: null })).file
}

function reindex(place: Place, ...args: string[]): Promise<Run> {
  return berth(place, 'reindex', ...args)
}

/** As if the time for which nothing goes after a restore were over. */
const endLeases = command('test.end-leases', async (tx, _: null) => {
  await tx.run('UPDATE blobs SET lease_until = 0', [])
})

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
    expect(facts['trash']).toHaveLength(4)
    place = await place.lose()
    const { code, printed } = await reindex(place, '--with-backup')
    expect(printed).toContain('with 3 repositories as the images have them now (0 manifests')
    expect(code).toBe(0)
    expect(await lastingFacts(place)).toEqual(facts)
    expect(await contentsOf(place)).toEqual(contents)
  })

  test('what lies in the trash survives a collection that runs right afterwards', async () => {
    const before = await open()
    await fill(before)
    const useless = await inPlace(before, (registry) => pushBlob(registry, parseRepositoryName('app')))
    await backUp(before)
    const after = await before.lose()
    expect((await reindex(after, '--with-backup')).code).toBe(0)
    await inPlace(after, async (registry) => {
      await registry.database.write(endLeases, null)
      const { signal } = new AbortController()
      const { deleted } = await collectNow(registry, { signal, unlinkAfter: 0 })
      // Nothing needs this one.
      expect(await registry.blobs.stat(useless.digest)).toBeNull()
      expect(deleted).toBe(1)
      const everything = { repository: null, before: null, limit: 100 }
      for (const { id } of (await listTrash(registry, everything)).entries)
        await restoreTrash(registry, id, 'me')
    })
    // Reads every blob of every tag.
    const contents = await contentsOf(after)
    expect(contents['app']?.tags['dropped']).toBe(smallImage('dropped').root.digest)
    expect(contents['team/multi']?.tags).toHaveProperty('2')
    rmSync(after.data, { recursive: true })
  })

  test('what the images tell is newer than the backup, and what the trash needs of lost blobs is told', async () => {
    {
      await using server = await serve(place)
      await pushImage(server.url, 'app', 'since', smallImage('since'))
      await pushImage(server.url, 'app', 'latest', smallImage('one'))
      await deleteManifest(server.url, 'app', '1')
      await server.stop()
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
    expect(trash).toHaveLength(5)
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
  suite(async () => onSqlite(newFolder()))

  test('a damaged database is put aside, and so is one that can be read', async () => {
    const place = onSqlite(newFolder())
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
    const place = onSqlite(newFolder())
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
    const other = onSqlite(newFolder())
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
    const place = onSqlite(newFolder())
    await fill(place)
    await backUp(place)
    const facts = await lastingFacts(place)
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
    rmSync(place.data, { recursive: true })
  })
})

describeWith('on PostgreSQL', ['initdb', 'postgres'], () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())

  suite(async () => onPostgres(newFolder(), server, await server.createDatabase()))

  test('a database that holds facts is refused', async () => {
    const data = newFolder()
    const place = onPostgres(data, server, await server.createDatabase())
    await fill(place)
    await backUp(place)
    const { code, printed } = await reindex(place, '--with-backup')
    expect(printed).toContain('holds facts already')
    expect(code).toBe(4)
    rmSync(data, { recursive: true })
  })
})
