/**
 * `kill -9` at forty points of a push: at each, the server dies at one syscall of one request, is started
 * again, and what it had answered with 2xx is there. `FAULT_SEED=7 npm test -- fault` chooses other points.
 */
import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { type BerthServer, startBerth } from '../berth-server.ts'
import { startDockerRegistry } from '../peer/docker-registry.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import {
  expectNothingHalf,
  expectPromisesKept,
  finishUploads,
  Ledger,
  pushRound,
  pushUntilLost,
  RecordingClient,
} from './ledger.ts'
import {
  countSteps,
  type KillPoint,
  killAt,
  randomFrom,
  type StepCounts,
  spreadPoints,
  type Tracer,
  traceSteps,
} from './strace.ts'

const POINTS = 40
/** A call that the request does not reach in one thread is reached in one of these. */
const ROUNDS = 60
const seed = Number(process.env['FAULT_SEED'] ?? 1)

setDefaultTimeout(60_000)

/** The steps of each request of a round, each traced apart. */
async function countRound(strace: string, berth: BerthServer): Promise<StepCounts[]> {
  const counts: StepCounts[] = []
  let tracer: Tracer | undefined
  async function collect(): Promise<void> {
    await tracer?.stop()
    if (tracer !== undefined) counts.push(countSteps(tracer.output()))
    await tracer?.[Symbol.asyncDispose]()
    tracer = undefined
  }
  const client = new RecordingClient(berth.url, new Ledger(), async () => {
    await collect()
    tracer = await traceSteps(strace, berth.pid)
  })
  await pushRound(client, 'counted')
  await collect()
  return counts
}

/** Pushes with the fault armed from the point's request on, until the server is dead. */
async function pushUntilKilled(
  strace: string,
  berth: BerthServer,
  ledger: Ledger,
  point: KillPoint,
): Promise<void> {
  const tracers: Tracer[] = []
  const client = new RecordingClient(berth.url, ledger, async (number) => {
    if (number === point.request) tracers.push(await killAt(strace, berth.pid, point))
  })
  await pushUntilLost(client, 'traced', ROUNDS)
  await until('the killed server is gone', () => berth.processes().length === 0)
  for (const tracer of tracers) {
    await until('strace has seen the kill', () => tracer.output().includes('+++ killed by SIGKILL +++'))
    await tracer[Symbol.asyncDispose]()
  }
}

describeWith('kill -9 in the midst of a push', ['strace', 'docker-registry'], ({ strace }) => {
  let points: KillPoint[] = []

  beforeAll(async () => {
    await using berth = await startBerth()
    await pushRound(new RecordingClient(berth.url, new Ledger()), 'warm up')
    points = spreadPoints(await countRound(strace, berth), POINTS, randomFrom(seed))
    const list = points.map(({ request, step, count }) => `request ${request} ${step} ${count}`)
    console.log(`FAULT_SEED=${seed} kills at: ${list.join(', ')}`)
  })

  test('a push takes enough steps for forty different points', () => {
    expect(points).toHaveLength(POINTS)
  })

  for (let number = 1; number <= POINTS; number += 1) {
    test(`what was acknowledged is there after the kill at point ${number}`, async () => {
      const point = points[number - 1]
      if (point === undefined) throw new Error(`There is no point ${number}.`)
      const ledger = new Ledger()
      await using berth = await startBerth()
      await pushRound(new RecordingClient(berth.url, ledger), 'before')
      await pushUntilKilled(strace, berth, ledger, point)
      {
        await using peer = await startDockerRegistry({ data: berth.data })
        await expectPromisesKept(peer.url, ledger)
      }
      await using again = await startBerth({ data: berth.data })
      await expectPromisesKept(again.url, ledger)
      await expectNothingHalf(again.url, ledger)
      await finishUploads(again.url, ledger)
      await pushRound(new RecordingClient(again.url, ledger), 'traced round 0')
      await expectPromisesKept(again.url, ledger)
    })
  }
})
