/**
 * A disk that is full, or read-only: whoever pushes gets a clear refusal, pulls go on, nothing that was
 * acknowledged is lost, and when the disk is well again so are the pushes, without a restart.
 */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { type BerthServer, launchBerth, startBerth } from '../berth-server.ts'
import { content, noise } from '../clients/images.ts'
import { mountObstacles, SmallDisk } from '../small-disk.ts'
import { describeUnless, describeWith } from '../tools/describe-with.ts'
import { until, untilLogged } from '../until.ts'
import { ConnectionLost, Ledger, pushRound, RecordingClient } from './ledger.ts'
import { expectNothingHalf, expectPromisesKept, finishUploads } from './promises.ts'
import { refuseOpenFiles } from './strace.ts'

setDefaultTimeout(60_000)

const MEGABYTES = 48
const KIB = 1024
/** Bytes left for one round, which needs more, also where the database's log begins anew and takes none of it: so that what does not fit is a row, a link, and blobs short and long. */
const ROOM = [0, 300 * KIB, 1750 * KIB]

/** A request that could not even say that it has ended holds its upload for so long. */
const LEASE = { withinMilliseconds: 20_000 }
/** What whoever pushes is told. */
const FULL =
  'The disk of the registry is full, so there was no room for this. Ask its operator to free some space, then try again.'
const READ_ONLY =
  'The storage of the registry is read-only now, so nothing can be stored or deleted. Ask its operator to make it writable, then try again.'
const obstacles = mountObstacles()

/** Pushes a round of which something is refused with this sentence, and looks at what there is afterwards. */
async function pushInVain(berth: BerthServer, ledger: Ledger, seed: string, sentence: string): Promise<void> {
  const refused = await pushRound(new RecordingClient(berth.url, ledger), seed).catch((error) => error)
  expect(refused).toBeInstanceOf(ConnectionLost)
  const body = JSON.stringify({ errors: [{ code: 'UNAVAILABLE', message: sentence }] })
  expect(String(refused.message)).toEndWith(`answered 503: ${body}\n`)
  await expectPromisesKept(berth.url, ledger)
}

async function pushAgain(berth: BerthServer, ledger: Ledger, seed: string): Promise<void> {
  await expectNothingHalf(berth.url, ledger)
  await finishUploads(berth.url, ledger, LEASE)
  await pushRound(new RecordingClient(berth.url, ledger), seed)
  await expectPromisesKept(berth.url, ledger)
}

/** What somebody is told who pushes a blob for which the disk is not there. */
async function expectRefusal(berth: BerthServer, sentence: string): Promise<void> {
  const blob = content('application/octet-stream', noise('refused', 100_000))
  const path = `/v2/fault/app/blobs/uploads/?digest=${blob.digest}`
  await expectTold(await fetch(`${berth.url}${path}`, { method: 'POST', body: blob.bytes }), sentence)
}

/** The same of a tag, which the writer commits and then cannot show in the link tree. */
async function expectTagRefusal(berth: BerthServer, ledger: Ledger, sentence: string): Promise<void> {
  const manifests = `${berth.url}/v2/fault/app/manifests`
  const latest = await fetch(`${manifests}/latest`)
  const headers = { 'content-type': latest.headers.get('content-type') ?? '' }
  ledger.askTag('refused', latest.headers.get('docker-content-digest'))
  const put = { method: 'PUT', headers, body: await latest.bytes() }
  await expectTold(await fetch(`${manifests}/refused`, put), sentence)
}

async function expectTold(answer: Response, sentence: string): Promise<void> {
  expect(answer.status).toBe(503)
  expect(answer.headers.get('retry-after')).toBe('5')
  expect(await answer.json()).toEqual({ errors: [{ code: 'UNAVAILABLE', message: sentence }] })
}

/** Starts Berth where it is expected to refuse. */
async function refusal(data: string, env = {}): Promise<{ code: number; log: string }> {
  await using berth = await launchBerth({ data, env })
  await until('Berth has ended', () => berth.processes().length === 0)
  return { code: await berth.exited, log: berth.log() }
}

describeUnless('a full disk', obstacles, () => {
  test.each(['1', '2'])(
    'refuses what does not fit, and takes it when there is room (%s workers)',
    async (workers) => {
      using disk = new SmallDisk(MEGABYTES)
      const data = join(disk.path, 'data')
      const ledger = new Ledger()
      await using berth = await startBerth({ data, env: { BERTH_WORKERS: workers } })
      await pushRound(new RecordingClient(berth.url, ledger), 'before')
      for (const room of ROOM) {
        disk.fill(room)
        await pushInVain(berth, ledger, `into ${room}`, FULL)
        disk.clear()
        await pushAgain(berth, ledger, `into ${room}`)
      }
      disk.fill(0)
      await expectRefusal(berth, FULL)
      await untilLogged(
        berth,
        `${data}/berth/berth.db cannot be used now: the disk is full: free some space.`,
      )
      await untilLogged(berth, /The disk that holds \S+ is full: free some space, then try again\./)
    },
  )

  test.each([
    ['the blobs', [0, 200 * KIB]],
    // Its log keeps the length that it had once.
    ['the database', [0]],
  ])('under %s alone refuses what does not fit, and takes it when there is room', async (full, rooms) => {
    using disk = new SmallDisk(MEGABYTES)
    using other = new SmallDisk(MEGABYTES)
    const env = { BERTH_DATABASE_PATH: join(other.path, 'berth.db') }
    const ledger = new Ledger()
    await using berth = await startBerth({ data: join(disk.path, 'data'), env })
    await pushRound(new RecordingClient(berth.url, ledger), 'before')
    const filled = full === 'the blobs' ? disk : other
    for (const room of rooms) {
      filled.fill(room)
      await pushInVain(berth, ledger, `into ${room}`, FULL)
      filled.clear()
      await pushAgain(berth, ledger, `into ${room}`)
    }
  })

  test.each(['stop', 'kill'] as const)(
    'loses nothing by a %s, and refuses a start with a sentence',
    async (end) => {
      using disk = new SmallDisk(MEGABYTES)
      const data = join(disk.path, 'data')
      const ledger = new Ledger()
      {
        await using berth = await startBerth({ data })
        await pushRound(new RecordingClient(berth.url, ledger), 'before')
        disk.fill(300 * KIB)
        await pushInVain(berth, ledger, 'in vain', FULL)
        await berth[end]()
      }
      disk.fill(0)
      const { code, log } = await refusal(data)
      expect(code).toBe(5)
      expect(log).toContain(data)
      expect(log).toContain('the disk is full: free some space')
      disk.clear()
      await using again = await startBerth({ data })
      await expectPromisesKept(again.url, ledger)
      await pushAgain(again, ledger, 'in vain')
    },
  )
})

describeUnless('a read-only disk', obstacles, () => {
  test.each([
    ['an empty folder', false],
    ['a folder with images', true],
  ])('keeps Berth from starting on %s, with a sentence that names it', async (_, isFilled) => {
    using disk = new SmallDisk(MEGABYTES)
    const data = join(disk.path, 'data')
    if (isFilled) await (await startBerth({ data }))[Symbol.asyncDispose]()
    disk.makeReadOnly()
    const { code, log } = await refusal(data)
    expect(code).not.toBe(0)
    expect(log).toContain(`${data}`)
    expect(log).toMatch(/read-only|mount it for writing/)
    expect(log.trim().split('\n')).toHaveLength(1)
  })

  test.each(['1', '2'])(
    'under blobs and links alone refuses pushes, lets pulls go on, and takes pushes when it is well (%s workers)',
    async (workers) => {
      using disk = new SmallDisk(MEGABYTES)
      const ledger = new Ledger()
      await using berth = await startBerth({ data: join(disk.path, 'data'), env: { BERTH_WORKERS: workers } })
      await pushRound(new RecordingClient(berth.url, ledger), 'before')
      disk.makeReadOnly()
      await pushInVain(berth, ledger, 'in vain', READ_ONLY)
      await expectRefusal(berth, READ_ONLY)
      await expectTagRefusal(berth, ledger, READ_ONLY)
      await untilLogged(berth, 'is read-only: mount it for writing.')
      disk.makeWritable()
      await pushAgain(berth, ledger, 'in vain')
    },
  )

  describeWith('that takes nothing more from files that are open (strace)', ['strace'], ({ strace }) => {
    test('refuses pushes, lets pulls go on, and takes pushes when it is well', async () => {
      using disk = new SmallDisk(MEGABYTES)
      const ledger = new Ledger()
      await using berth = await startBerth({ data: join(disk.path, 'data') })
      await pushRound(new RecordingClient(berth.url, ledger), 'before')
      {
        await using _ = await refuseOpenFiles(strace, berth.pid)
        disk.makeReadOnly()
        await pushInVain(berth, ledger, 'in vain', READ_ONLY)
        await expectRefusal(berth, READ_ONLY)
        await untilLogged(berth, 'berth.db cannot be used now: its disk has become read-only: check')
      }
      disk.makeWritable()
      await pushAgain(berth, ledger, 'in vain')
      await berth.kill()
      await using again = await startBerth({ data: berth.data })
      await expectPromisesKept(again.url, ledger)
    })
  })
})
