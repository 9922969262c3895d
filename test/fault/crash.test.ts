/**
 * `kill -9` at twenty points of a push: at each, the server dies at one syscall, is started again, and what
 * it had answered with 2xx is there. `FAULT_SEED=7 npm test -- fault` chooses other points.
 */
import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { startBerth } from '../berth-server.ts'
import { startDockerRegistry } from '../peer/docker-registry.ts'
import { describeWith } from '../tools/describe-with.ts'
import {
  expectNothingHalf,
  expectPromisesKept,
  finishUploads,
  Ledger,
  pushRound,
  pushUntilLost,
} from './ledger.ts'
import { countSteps, type KillPoint, killAt, randomFrom, spreadPoints, traceSteps } from './strace.ts'

const POINTS = 20
/** A point that one round does not reach in a single thread is reached in one of these. */
const ROUNDS = 60
const seed = Number(process.env['FAULT_SEED'] ?? 1)

setDefaultTimeout(60_000)

describeWith('kill -9 in the midst of a push', ['strace', 'docker-registry'], ({ strace }) => {
  let points: KillPoint[] = []

  beforeAll(async () => {
    await using berth = await startBerth()
    await pushRound(berth.url, new Ledger(), 'warm up')
    await using tracer = await traceSteps(strace, berth.pid)
    await pushRound(berth.url, new Ledger(), 'counted')
    await berth.stop()
    points = spreadPoints(countSteps(tracer.output()), POINTS, randomFrom(seed))
    const list = points.map(({ step, count }) => `${step} ${count}`).join(', ')
    console.log(`FAULT_SEED=${seed} kills at: ${list}`)
  })

  test('a push takes enough steps for twenty different points', () => {
    expect(points).toHaveLength(POINTS)
  })

  for (let number = 1; number <= POINTS; number += 1) {
    test(`what was acknowledged is there after the kill at point ${number}`, async () => {
      const point = points[number - 1]
      if (point === undefined) throw new Error(`There is no point ${number}.`)
      const ledger = new Ledger()
      await using berth = await startBerth()
      await pushRound(berth.url, ledger, 'before')
      {
        await using _tracer = await killAt(strace, berth.pid, point)
        await pushUntilLost(berth.url, ledger, 'traced', ROUNDS)
        await berth.exited
      }
      await berth.kill()
      {
        await using peer = await startDockerRegistry({ data: berth.data })
        await expectPromisesKept(peer.url, ledger)
      }
      await using again = await startBerth({ data: berth.data })
      await expectPromisesKept(again.url, ledger)
      await expectNothingHalf(again.url, ledger)
      await finishUploads(again.url, ledger)
      await pushRound(again.url, ledger, 'traced round 0')
      await expectPromisesKept(again.url, ledger)
    })
  }
})
