/**
 * While nothing can be stored, for a disk is full, has no file left to give, a quota is used up, or all is read-only:
 * every health endpoint says so, a load balancer is not told to take the pulls away, the log has one line of it and not
 * one for each request, and all goes on by itself afterwards.
 */

import { Database } from 'bun:sqlite'
import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type BerthServer, FROM_SOURCE, findFreePort, startBerth } from '../berth-server.ts'
import { content, noise } from '../clients/images.ts'
import { startPostgres } from '../postgres-server.ts'
import { mountObstacles, SmallDisk } from '../small-disk.ts'
import { tryCommand } from '../tools/command.ts'
import { describeUnless, describeWith } from '../tools/describe-with.ts'
import { until, untilLogged } from '../until.ts'
import { Ledger, pushRound, RecordingClient } from './ledger.ts'
import { expectPromisesKept } from './promises.ts'
import { refuseUploads } from './strace.ts'

setDefaultTimeout(60_000)

const MEGABYTES = 48
const BEGIN = 'nothing can be stored now'
const END = 'what is pushed can be stored again'
const obstacles = mountObstacles()

/** A server whose debug server can be asked. */
interface Watched extends AsyncDisposable {
  readonly berth: BerthServer
  readonly ledger: Ledger
  health(): Promise<Record<string, string>>
}

async function start(data: string, env: Readonly<Record<string, string>> = {}): Promise<Watched> {
  const debug = `127.0.0.1:${await findFreePort()}`
  const berth = await startBerth({ data, env: { REGISTRY_HTTP_DEBUG_ADDR: debug, ...env } })
  const ledger = new Ledger()
  await pushRound(new RecordingClient(berth.url, ledger), 'before')
  return {
    berth,
    ledger,
    health: async () =>
      (await (await fetch(`http://${debug}/debug/health`)).json()) as Record<string, string>,
    [Symbol.asyncDispose]: () => berth[Symbol.asyncDispose](),
  }
}

/** PostgreSQL has room for some rows in the pages that it has. */
const REFUSED_OR_FITTING = [503, 201]
let pushes = 0

async function push({ berth }: Watched): Promise<number> {
  const blob = content('application/octet-stream', noise(`obstacle ${pushes++}`, 300_000))
  const path = `/v2/other/app/blobs/uploads/?digest=${blob.digest}`
  const answer = await fetch(`${berth.url}${path}`, { method: 'POST', body: blob.bytes })
  await answer.arrayBuffer()
  return answer.status
}

/** What there is, while nothing can be stored in these places, and afterwards, when `end` has been called. */
async function expectObstacle(
  server: Watched,
  problems: Readonly<Record<string, unknown>>,
  end: () => unknown,
): Promise<void> {
  const { berth, ledger, health } = server
  await until('a push is refused', async () => (await push(server)) === 503)
  for (const _ of [1, 2, 3, 4, 5]) expect(REFUSED_OR_FITTING).toContain(await push(server))
  await until('health says so', async () => Bun.deepEquals(await health(), problems))
  const ready = await fetch(`${berth.url}/readyz`)
  expect([ready.status, (await ready.text()).split('\n')[0]]).toEqual([200, 'ready'])
  await expectPromisesKept(berth.url, ledger)
  await end()
  await until('a push is taken', async () => (await push(server)) === 201, { withinMilliseconds: 20_000 })
  await until('health says so', async () => Object.keys(await health()).length === 0, {
    withinMilliseconds: 20_000,
  })
  await untilLogged(berth, END)
  await pushRound(new RecordingClient(berth.url, ledger), 'afterwards')
  await expectPromisesKept(berth.url, ledger)
}

/** How often the log has a text. */
function timesLogged({ berth }: Watched, text: string): number {
  return berth.log().split(text).length - 1
}

/** No mark of the link tree is left, and no job fails. */
async function expectAllDone({ berth }: Watched, databasePath: string): Promise<void> {
  const database = new Database(databasePath, { readonly: true })
  const marks = () =>
    database.query<{ marks: number }, []>('SELECT count(*) AS marks FROM tree_dirty').get()?.marks
  await until('the link tree is durable', () => marks() === 0, { withinMilliseconds: 20_000 })
  database.close()
  const [program = '', ...args] = FROM_SOURCE
  const status = async () =>
    await tryCommand(program, [...args, 'gc', 'status', '--format', 'json', '--data', berth.data], {})
  const failures = async () => {
    const { jobs } = JSON.parse((await status()).stdout) as { jobs: { failures: number }[] }
    return jobs.reduce((sum, job) => sum + job.failures, 0)
  }
  await until('no job fails', async () => (await failures()) === 0, { withinMilliseconds: 30_000 })
}

const FULL_IMAGES = 'The disk of the images is full: pulls go on, and nothing can be pushed.'
const FULL_DATABASE = 'The disk of the database is full: pulls go on, and nothing can be pushed.'

describeUnless('while a disk takes nothing more', obstacles, () => {
  test('for it is full, that is told once, and is over by itself', async () => {
    using disk = new SmallDisk(MEGABYTES)
    const data = join(disk.path, 'data')
    await using server = await start(data)
    disk.fill(0)
    await expectObstacle(server, { storage: FULL_IMAGES, database: FULL_DATABASE }, () => disk.clear())
    await expectAllDone(server, join(data, 'berth/berth.db'))
    expect(timesLogged(server, BEGIN)).toBe(2)
    expect(timesLogged(server, 'a request failed')).toBe(0)
    expect(server.berth.log()).toContain('freeBytes=0')
  })

  test('for it has no file left to give, that is told, and is over by itself', async () => {
    using disk = new SmallDisk(MEGABYTES, 2000)
    const data = join(disk.path, 'data')
    await using server = await start(data)
    disk.fillWithFiles()
    await expectObstacle(server, { storage: FULL_IMAGES }, () => disk.clear())
    expect(timesLogged(server, BEGIN)).toBe(1)
    expect(server.berth.log()).toContain('freeFiles=0')
    await expectAllDone(server, join(data, 'berth/berth.db'))
  })

  test('of the database alone, that is told, and is over by itself', async () => {
    using disk = new SmallDisk(MEGABYTES)
    using other = new SmallDisk(MEGABYTES)
    const path = join(other.path, 'berth.db')
    await using server = await start(join(disk.path, 'data'), { BERTH_DATABASE_PATH: path })
    other.fill(0)
    await expectObstacle(server, { database: FULL_DATABASE }, () => other.clear())
    expect([timesLogged(server, BEGIN), timesLogged(server, 'a request failed')]).toEqual([1, 0])
  })

  test('for it is read-only, that is told, and is over by itself', async () => {
    using disk = new SmallDisk(MEGABYTES)
    using other = new SmallDisk(MEGABYTES)
    const path = join(other.path, 'berth.db')
    await using server = await start(join(disk.path, 'data'), {
      BERTH_DATABASE_PATH: path,
      BERTH_WORKERS: '2',
    })
    disk.makeReadOnly()
    const storage =
      'The storage of the images is read-only: pulls go on, and nothing can be pushed or deleted.'
    await expectObstacle(server, { storage }, () => disk.makeWritable())
    // Each of the two workers has noticed at most once.
    expect(timesLogged(server, BEGIN)).toBeLessThanOrEqual(2)
    expect(timesLogged(server, 'a request failed')).toBe(0)
    await expectAllDone(server, path)
  })
})

describeWith('while a quota is used up (strace)', ['strace'], ({ strace }) => {
  test('that is told, and is over by itself', async () => {
    using disk = new SmallDisk(MEGABYTES)
    await using server = await start(join(disk.path, 'data'))
    const tracer = await refuseUploads(strace, server.berth.pid)
    await expectObstacle(server, { storage: FULL_IMAGES }, () => tracer.stop())
    expect(server.berth.log()).toMatch(/The disk quota for \S+ is used up/)
    expect(timesLogged(server, BEGIN)).toBe(1)
  })
})

describeWith('while the disk of PostgreSQL is full', ['initdb', 'postgres'], () => {
  describeUnless('that', obstacles, () => {
    test('is told, and is over by itself', async () => {
      using disk = new SmallDisk(MEGABYTES)
      using tables = new SmallDisk(MEGABYTES)
      const folder = join(tables.path, 'tables')
      mkdirSync(folder)
      const postgres = await startPostgres()
      const env = { BERTH_DATABASE_URL: await postgres.createDatabaseIn(folder) }
      {
        await using server = await start(join(disk.path, 'data'), env)
        tables.fill(0)
        await expectObstacle(server, { database: FULL_DATABASE }, () => tables.clear())
        expect(timesLogged(server, 'a request failed')).toBe(0)
      }
      await postgres.stop()
    })
  })
})
