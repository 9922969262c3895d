/** With workers, one of Berth's processes may die alone: what was acknowledged stays, and pushes go on. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { content, noise } from '../clients/images.ts'
import { until } from '../until.ts'
import { Ledger, pushRound, pushWhile, RecordingClient } from './ledger.ts'
import { bytesRead, childrenOf, TWO_WORKERS } from './processes.ts'
import { expectNothingHalf, expectPromisesKept, finishUploads } from './promises.ts'
import { connectTo, type WorkerConnection } from './worker-connection.ts'

const CLIENTS = 4
const UPLOADS = '/v2/team/app/blobs/uploads/'

setDefaultTimeout(60_000)

function allChildrenOf(berth: BerthServer): number[] {
  return berth.processes().filter((pid) => pid !== berth.pid)
}

/** Kills one process in the midst of pushes, and waits until another has taken its place. */
async function killDuringPushes(
  berth: BerthServer,
  victim: number,
  ledgers: readonly Ledger[],
): Promise<void> {
  const before = allChildrenOf(berth).length
  let goesOn = true
  // All push the same content, each to a repository of its own.
  const clients = ledgers.map((ledger) =>
    pushWhile(() => goesOn, new RecordingClient(berth.url, ledger), `victim ${victim}`),
  )
  const promisedBefore = ledgers.map((ledger) => ledger.blobs.size)
  await until('every client has pushed something', () =>
    ledgers.every((ledger, at) => ledger.blobs.size > (promisedBefore[at] ?? 0)),
  )
  process.kill(victim, 'SIGKILL')
  await until('the dead process is replaced', () => {
    const children = allChildrenOf(berth)
    return !children.includes(victim) && children.length === before
  })
  goesOn = false
  await Promise.all(clients)
}

test('a worker or writer that is killed in the midst of pushes takes nothing along', async () => {
  await using berth = await startBerth({ env: TWO_WORKERS })
  const children = allChildrenOf(berth)
  expect(children).toHaveLength(3)
  const ledgers = Array.from({ length: CLIENTS }, (_, at) => new Ledger(`fault/client${at}`))
  for (const victim of children) {
    await killDuringPushes(berth, victim, ledgers)
    for (const ledger of ledgers) await expectPromisesKept(berth.url, ledger)
  }
  for (const ledger of ledgers) {
    await expectNothingHalf(berth.url, ledger)
    await finishUploads(berth.url, ledger)
  }
  await pushRound(new RecordingClient(berth.url, new Ledger()), 'afterwards')
})

/** One blob, pushed in pieces over connections to workers of choice. */
class PiecewisePush {
  readonly blob = content('application/octet-stream', noise('piecewise', 4_000_000))
  readonly piece = 1_000_000
  location = UPLOADS
  #sent = 0

  async begin(by: WorkerConnection): Promise<void> {
    const { status, headers } = await by.request('POST', UPLOADS)
    expect(status).toBe(202)
    this.location = headers['location'] ?? ''
  }

  get next(): Uint8Array {
    return this.blob.bytes.subarray(this.#sent, this.#sent + this.piece)
  }

  async append(by: WorkerConnection): Promise<void> {
    const { status, headers } = await by.request('PATCH', this.location, this.next)
    expect(status).toBe(202)
    this.#sent += this.piece
    expect(headers['range']).toBe(`0-${this.#sent - 1}`)
  }

  /** Without a body, as docker closes an upload. */
  async finish(by: WorkerConnection): Promise<void> {
    const { status } = await by.request('PUT', `${this.location}&digest=${this.blob.digest}`)
    expect(status).toBe(201)
  }
}

async function expectPulled(berth: BerthServer, { blob }: PiecewisePush): Promise<void> {
  const pulled = await fetch(`${berth.url}/v2/team/app/blobs/${blob.digest}`)
  expect(Bun.SHA256.hash(await pulled.bytes(), 'hex')).toBe(blob.digest.replace('sha256:', ''))
}

describe('an upload whose requests land on different workers', () => {
  /** Which worker gets each PATCH, and which the closing PUT; and how often all bytes are read again for it. */
  const CASES = [
    ['1111', '2', 0],
    ['1122', '2', 1],
    ['1212', '1', 1],
    // The last one comes to a worker that has a hash, but of other bytes.
    ['1121', '1', 1],
  ] as const

  test.each(CASES)(
    'becomes one blob (PATCH %s, PUT %s: read again %d times)',
    async (patches, put, reads) => {
      await using berth = await startBerth({ env: TWO_WORKERS })
      const workers = childrenOf(berth, 'worker')
      using first = await connectTo(berth, workers[0] ?? 0)
      using second = await connectTo(berth, workers[1] ?? 0)
      const connectionOf = (name: string | undefined) => (name === '1' ? first : second)
      const push = new PiecewisePush()
      await push.begin(first)
      const before = workers.map(bytesRead)
      for (const worker of patches) await push.append(connectionOf(worker))
      await push.finish(connectionOf(put))
      const read = workers.reduce((sum, pid, at) => sum + bytesRead(pid) - (before[at] ?? 0), 0)
      expect(Math.round(read / push.piece) / 4).toBe(reads)
      await expectPulled(berth, push)
    },
  )
})

test('an upload whose worker is killed in the midst of a PATCH goes on from what was acknowledged', async () => {
  await using berth = await startBerth({ env: TWO_WORKERS })
  const [victim = 0, survivor = 0] = childrenOf(berth, 'worker')
  using broken = await connectTo(berth, victim)
  using other = await connectTo(berth, survivor)
  const push = new PiecewisePush()
  await push.begin(broken)
  await push.append(broken)
  broken.begin('PATCH', push.location, push.piece)
  broken.send(push.next.subarray(0, push.piece - 1))
  const file = join(berth.data, 'berth/uploads', push.location.split(/[/?]/).at(-2) ?? '')
  await until('the PATCH is being written', () => existsSync(file) && statSync(file).size > push.piece)
  process.kill(victim, 'SIGKILL')
  await until('the connection is cut', () => broken.isClosed)
  const { status, headers } = await other.request('GET', push.location)
  expect([status, headers['range']]).toEqual([204, `0-${push.piece - 1}`])
  await until('another worker works', () => /worker-\d works again/.test(berth.log()))
  for (let piece = 1; piece < 4; piece += 1) await push.append(other)
  await push.finish(other)
  await expectPulled(berth, push)
})
