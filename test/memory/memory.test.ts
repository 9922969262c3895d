/**
 * Berth's memory under load, asserted from outside: no body is ever in memory, however large it is, however
 * many come at once, and however slowly they go.
 */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { RawConnection } from '../../src/http/raw-client.support.ts'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { describeUnless } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { BLOCK_BYTES, type GeneratedBlob } from './blob.ts'
import { type BlobToPush, type Outcome, runClient } from './client.ts'
import { memoryObstacles, residentMemoryOf } from './resident-memory.ts'
import { SlowReader } from './slow-reader.ts'

const MB = 1_000_000
const MIB = 1024 * 1024
const GIB = 1024 * MIB
const REPOSITORY = 'memory/test'

/** The most that Berth may have at any moment, all of its processes together. */
const ONE_PROCESS = 200 * MB
// Each of the four processes has the program in it, some megabytes for every part that it gains.
const TWO_WORKERS = 370 * MB
/** What one upload or download may add, of any size. */
const ONE_TRANSFER = 50 * MB
/** What a hundred connections that hardly move may add. */
const HUNDRED_AT_REST = 50 * MB

setDefaultTimeout(180_000)

function generated(number: number, bytes: number): GeneratedBlob {
  return { number, blocks: bytes / BLOCK_BYTES }
}

function several(count: number, bytes: number): GeneratedBlob[] {
  return Array.from({ length: count }, (_, number) => generated(number, bytes))
}

function start(env: Readonly<Record<string, string>> = {}): Promise<BerthServer> {
  return startBerth({ env: { REGISTRY_STORAGE_DELETE_ENABLED: 'true', ...env } })
}

function push({ port }: BerthServer, blobs: readonly BlobToPush[]): Promise<Outcome> {
  return runClient({ kind: 'push', port, repository: REPOSITORY, blobs })
}

function pull({ port }: BerthServer, digest: string, isHashed: boolean): Promise<Outcome> {
  return runClient({ kind: 'pull', port, repository: REPOSITORY, digest, isHashed })
}

function addressOf({ url }: BerthServer, digest: string): string {
  return `${url}/v2/${REPOSITORY}/blobs/${digest}`
}

/** Every process must be the one that it was, or its peak would be forgotten. */
function expectPeakBelow(limit: number, berth: BerthServer, pids: readonly number[]): void {
  expect(berth.processes().sort()).toEqual([...pids].sort())
  const { peak } = residentMemoryOf(pids)
  console.log(`peak ${(peak / MB).toFixed(0)} MB; ${(limit / MB).toFixed(0)} MB are allowed`)
  expect(peak).toBeLessThan(limit)
}

async function expectSizes(berth: BerthServer, { digests, length }: Outcome): Promise<void> {
  for (const digest of digests) {
    const answer = await fetch(addressOf(berth, digest), { method: 'HEAD' })
    expect([answer.status, Number(answer.headers.get('content-length'))]).toEqual([200, length])
  }
}

/** What stands in the way of a test that writes so much. */
function spaceObstacles(bytes: number): string[] {
  const { bavail, bsize } = statfsSync(tmpdir())
  if (bavail * bsize >= bytes) return []
  const [needed, free] = [bytes, bavail * bsize].map((each) => (each / GIB).toFixed(1))
  return [
    `needs ${needed} GiB in ${tmpdir()}, where ${free} GiB are free (TMPDIR=<folder> names another place)`,
  ]
}

describeUnless('the memory of Berth', memoryObstacles(), () => {
  test('a blob of 1 GiB is pushed and pulled in a few megabytes', async () => {
    await using berth = await start()
    const pids = berth.processes()
    const atRest = residentMemoryOf(pids).now
    const { digests } = await push(berth, [generated(1, GIB)])
    const [digest = ''] = digests
    expect(await pull(berth, digest, true)).toEqual({ length: GIB, digests: [digest] })
    expectPeakBelow(atRest + ONE_TRANSFER, berth, pids)
  })

  test('a hundred pushes of 20 MiB at once', async () => {
    await using berth = await start()
    const pids = berth.processes()
    await expectSizes(berth, await push(berth, several(100, 20 * MIB)))
    expectPeakBelow(ONE_PROCESS, berth, pids)
  })

  test('two hundred pushes at once', async () => {
    await using berth = await start()
    const pids = berth.processes()
    await expectSizes(berth, await push(berth, several(200, 5 * MIB)))
    expectPeakBelow(ONE_PROCESS, berth, pids)
  })

  test('a hundred pushes of 20 MiB at once to two workers', async () => {
    await using berth = await start({ BERTH_WORKERS: '2' })
    const pids = berth.processes()
    expect(pids).toHaveLength(4)
    await expectSizes(berth, await push(berth, several(100, 20 * MIB)))
    expectPeakBelow(TWO_WORKERS, berth, pids)
  })

  test('clients that read a few bytes a second hold no memory, and nobody up', async () => {
    await using berth = await start()
    const pids = berth.processes()
    const [digest = ''] = (await push(berth, [generated(1, 256 * MIB)])).digests
    const before = residentMemoryOf(pids).now
    const head = `GET /v2/${REPOSITORY}/blobs/${digest} HTTP/1.1\r\nHost: test\r\n`
    const parts = `Range: bytes=0-${100 * MIB},${120 * MIB}-${250 * MIB}\r\n`
    const open = (header: string) => SlowReader.open(berth.port, `${head}${header}\r\n`)
    using readers = new DisposableStack()
    const all = await Promise.all(Array.from({ length: 100 }, (_, at) => open(at % 2 === 0 ? '' : parts)))
    for (const reader of all) readers.use(reader)
    await until('everybody has got a status', async () => {
      await expectPromptAnswer(berth, digest)
      for (const reader of all) reader.readIfDue()
      return all.every(({ received }) => /^HTTP\/1\.1 20[06]/.test(received))
    })
    expectPeakBelow(before + HUNDRED_AT_REST, berth, pids)
  })

  test('clients that send a few bytes a second hold no memory, and nobody up', async () => {
    await using berth = await start()
    const pids = berth.processes()
    const [digest = ''] = (await push(berth, [generated(1, BLOCK_BYTES)])).digests
    const before = residentMemoryOf(pids).now
    const all = await Promise.all(Array.from({ length: 100 }, () => beginSlowUpload(berth)))
    for (let count = 0; count < 15; count++) {
      const next = performance.now() + 200
      for (const connection of all) await connection.write('1\r\nx\r\n')
      await until('it is time for the next byte', async () => {
        await expectPromptAnswer(berth, digest)
        return performance.now() > next
      })
    }
    for (const connection of all) await connection.write('0\r\n\r\n')
    for (const connection of all)
      expect(await connection.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 202 .*range: 0-14\r\n/is)
    for (const connection of all) connection.destroy()
    expectPeakBelow(before + HUNDRED_AT_REST, berth, pids)
  })
})

const ofEightGib = [...memoryObstacles(), ...spaceObstacles(10 * GIB)]
describeUnless('the memory of Berth with 8 GiB', ofEightGib, () => {
  test('a blob of 8 GiB is pushed, pulled and deleted in a few megabytes', async () => {
    await using berth = await start()
    const pids = berth.processes()
    const atRest = residentMemoryOf(pids).now
    // Known beforehand, so that the client need not hash; the server would refuse another one.
    const digest = 'sha256:d0668911ed65b10aa31e17d23edb6a3c882447fb613c02910f59195385b94b19'
    await push(berth, [{ ...generated(8, 8 * GIB), digest }])
    expect(await pull(berth, digest, false)).toEqual({ length: 8 * GIB, digests: [] })
    expect((await fetch(addressOf(berth, digest), { method: 'DELETE' })).status).toBe(202)
    expect((await fetch(addressOf(berth, digest))).status).toBe(404)
    expectPeakBelow(atRest + ONE_TRANSFER, berth, pids)
  })
})

/** Somebody else gets a small part of a blob meanwhile. */
async function expectPromptAnswer(berth: BerthServer, digest: string): Promise<void> {
  const started = performance.now()
  const answer = await fetch(addressOf(berth, digest), { headers: { range: 'bytes=0-99' } })
  expect([answer.status, (await answer.bytes()).length]).toEqual([206, 100])
  expect(performance.now() - started).toBeLessThan(1000)
}

/** A PATCH without a length whose body has not begun. */
async function beginSlowUpload({ url, port }: BerthServer): Promise<RawConnection> {
  const begun = await fetch(`${url}/v2/${REPOSITORY}/blobs/uploads/`, { method: 'POST' })
  const connection = new RawConnection({ port })
  const path = begun.headers.get('location')
  await connection.write(`PATCH ${path} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n`)
  return connection
}
