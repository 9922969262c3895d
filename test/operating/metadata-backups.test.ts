/** The server's own backups of the metadata: made while it runs, rotated, told in its metrics, and whole. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  checkMetadata,
  listMetadataBackups,
  type MetadataBackup,
} from '../../src/registry/backup/metadata.ts'
import { backupFolderToRead } from '../../src/storage/filesystem/backup-folder.ts'
import { type BerthServer, findFreePort, startBerth } from '../berth-server.ts'
import { pushImage } from '../clients/push.ts'
import { smallImage } from '../clients/sample-images.ts'
import { startPostgres } from '../postgres-server.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'

setDefaultTimeout(60_000)

let scratch: string
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'metadata-backups-'))
})
afterEach(() => rmSync(scratch, { recursive: true }))

function start(settings: Record<string, string>): Promise<BerthServer> {
  return startBerth({
    data: join(scratch, 'data'),
    env: { BERTH_BACKUP_EVERY: '150ms', BERTH_BACKUP_KEEP: '1000', ...settings },
  })
}

function backupsIn(folder: string): Promise<MetadataBackup[]> {
  return listMetadataBackups(backupFolderToRead(folder))
}

/** The newest of those that were made after this moment. */
async function newestAfter(folder: string, moment: number): Promise<string> {
  const find = async () => (await backupsIn(folder)).find(({ madeAt }) => madeAt > moment) ?? null
  await until('a newer backup is there', async () => (await find()) !== null)
  return (await find())?.file ?? ''
}

async function expectBackups(settings: Record<string, string>): Promise<void> {
  const folder = join(scratch, 'data/berth/backups')
  await using berth = await start(settings)
  await pushImage(berth.url, 'app', '1', smallImage('one'))
  const file = await newestAfter(folder, Date.now())
  const { counts, head } = await checkMetadata(backupFolderToRead(folder), file)
  expect(counts).toMatchObject({ repositories: 1, tags: 1, manifests: 1 })
  expect(head.registry).toBe((await Bun.file(join(scratch, 'data/berth/id')).text()).trim())
  const socket = join(berth.data, 'berth/control.sock')
  const answer = await fetch('http://localhost/api/v1/backups', { unix: socket })
  const own = (await answer.json()) as { folder: string; metadata: MetadataBackup[] }
  expect(own.folder).toBe(folder)
  expect(own.metadata.map((each) => each.file)).toContain(file)
}

test.each(['1', '2'])(
  'are made as often as the settings say, and hold what was pushed, with %s workers',
  (workers) => expectBackups({ BERTH_WORKERS: workers }),
)

describeWith('on PostgreSQL', ['initdb', 'postgres'], () => {
  test('are made as often as the settings say, and hold what was pushed', async () => {
    const server = await startPostgres()
    try {
      await expectBackups({ BERTH_DATABASE_URL: await server.createDatabase() })
    } finally {
      await server.stop()
    }
  })
})

test('are kept as many as the settings say, where the settings say', async () => {
  const folder = join(scratch, 'elsewhere')
  await using berth = await start({
    BERTH_BACKUP_FOLDER: folder,
    BERTH_BACKUP_KEEP: '2',
    BERTH_BACKUP_KEEPDAYS: '0',
  })
  const [first] = [await newestAfter(folder, 0)]
  await until('the first one is gone', async () => !readdirSync(folder).includes(first))
  await until('two are left', async () => (await backupsIn(folder)).length === 2)
  await berth.stop()
  expect((await backupsIn(folder)).length).toBeLessThanOrEqual(3)
})

test('the last of each day is kept too', async () => {
  const folder = join(scratch, 'data/berth/backups')
  mkdirSync(folder, { recursive: true })
  const daysAgo = (days: number) => {
    const day = new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10)
    return `metadata-${day}T12-00-00.000Z.ndjson.zst`
  }
  for (const days of [1, 2, 5]) writeFileSync(join(folder, daysAgo(days)), '')
  await using berth = await start({ BERTH_BACKUP_KEEP: '1', BERTH_BACKUP_KEEPDAYS: '3' })
  await newestAfter(folder, Date.now())
  await until('the oldest is gone', async () => !readdirSync(folder).includes(daysAgo(5)))
  expect(readdirSync(folder)).toContain(daysAgo(1))
  expect(readdirSync(folder)).toContain(daysAgo(2))
  await berth.stop()
})

test('are not made where they are switched off', async () => {
  await using berth = await start({ BERTH_BACKUP_ENABLED: 'false' })
  // Longer than one would take.
  await using other = await startBerth({ env: { BERTH_BACKUP_EVERY: '150ms' } })
  await newestAfter(join(other.data, 'berth/backups'), Date.now())
  expect(readdirSync(join(berth.data, 'berth'))).not.toContain('backups')
})

test('failures are told in the log and in the metrics, and the next one is made as if nothing had been', async () => {
  const folder = join(scratch, 'blocked')
  writeFileSync(folder, 'a file where the folder belongs')
  const port = await findFreePort()
  await using berth = await start({
    BERTH_BACKUP_FOLDER: folder,
    REGISTRY_HTTP_DEBUG_ADDR: `127.0.0.1:${port}`,
    REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'true',
  })
  const metric = async (name: string) => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? Number.NaN)
  }
  await until('a failure is counted', async () => (await metric('berth_backup_failures_total')) > 0)
  expect(berth.log()).toContain('The metadata could not be backed up')
  expect(await metric('berth_backup_last_success_timestamp_seconds')).toBeNaN()
  rmSync(folder)
  await until('one is made', async () => (await metric('berth_backup_last_success_timestamp_seconds')) > 0)
  expect(await metric('berth_backup_bytes')).toBeGreaterThan(100)
})
