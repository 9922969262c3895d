import { afterEach, expect, test } from 'bun:test'
import { ManualClock } from '../../test/manual-clock.ts'
import { until } from '../../test/until.ts'
import { createLog } from '../observability/log.ts'
import { type CollectedStep, collectionJob } from './collection.ts'

const lines: string[] = []
const log = createLog({ level: 'info', format: 'text', write: (line) => lines.push(line) })
const never = new AbortController().signal
const NOTHING: CollectedStep = { isIdle: true, nextDueAt: null, deleted: 0, freedBytes: 0, heldBy: null }
const SOME: CollectedStep = { ...NOTHING, isIdle: false, deleted: 50, freedBytes: 1000 }
const DAY = 86_400_000
afterEach(() => {
  lines.length = 0
})

/** A job whose steps give these results, each after as long as `takes` says. */
function jobOf(
  clock: ManualClock,
  results: readonly CollectedStep[],
  { soonest = DAY, takes = 0 }: { readonly soonest?: number; readonly takes?: number } = {},
) {
  let step = 0
  const collect = async (signal: AbortSignal) => {
    if (takes > 0) await clock.wait(takes, signal)
    return results[Math.min(step++, results.length - 1)] ?? NOTHING
  }
  const job = collectionJob({ collect, soonestMilliseconds: soonest, log, clock })
  return { job, steps: () => step }
}

test('it looks every minute where nothing is due, and sooner where something will be', async () => {
  using clock = new ManualClock()
  const inTen = { ...NOTHING, nextDueAt: Date.now() + 10_000 }
  const past = { ...NOTHING, nextDueAt: Date.now() - 10_000 }
  const { job } = jobOf(clock, [NOTHING, inTen, past])
  const waits = [await job.run(never), await job.run(never), await job.run(never)]
  expect(waits.map(({ againInMilliseconds }) => againInMilliseconds)).toEqual([60_000, 10_000, 100])
  expect(job.atLatestMilliseconds).toBe(60_000)
})

test('where the grace is shorter, it looks as often as something new may become due', async () => {
  using clock = new ManualClock()
  const { job } = jobOf(clock, [NOTHING], { soonest: 2_000 })
  expect(await job.run(never)).toEqual({ againInMilliseconds: 2_000 })
})

test('while something holds it up it asks every five seconds', async () => {
  using clock = new ManualClock()
  const { job } = jobOf(clock, [{ ...NOTHING, heldBy: 'The images are being gone through.' }])
  expect(await job.run(never)).toEqual({ againInMilliseconds: 5_000 })
})

test('after a step it rests three times as long as the step took', async () => {
  using clock = new ManualClock()
  const { job, steps } = jobOf(clock, [SOME, NOTHING], { takes: 200 })
  const running = job.run(never)
  const times: number[] = []
  for (const _ of ['step', 'rest', 'step']) {
    await until('it waits', () => clock.waiting > 0)
    clock.moveToNext()
    times.push(clock.now())
  }
  await running
  expect([times, steps()]).toEqual([[200, 800, 1000], 2])
})

test('what a run has deleted stands in one line of the log, and nothing where that is nothing', async () => {
  using clock = new ManualClock()
  const { job } = jobOf(clock, [SOME, SOME, NOTHING])
  const running = job.run(never)
  for (const _ of [1, 2]) {
    await until('it rests', () => clock.waiting > 0)
    clock.moveToNext()
  }
  await running
  await job.run(never)
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('deleted=100 freedBytes=2000')
})

test('a run ends after a while, also where there is more to do, and at once when it is told to', async () => {
  using clock = new ManualClock()
  const { job, steps } = jobOf(clock, [SOME], { takes: 10_000 })
  const running = job.run(never)
  for (const _ of ['step', 'rest', 'step']) {
    await until('it waits', () => clock.waiting > 0)
    clock.moveToNext()
  }
  expect([await running, steps()]).toEqual([{ againInMilliseconds: 2_000 }, 2])
  const stopping = new AbortController()
  const stopped = job.run(stopping.signal)
  await until('it waits', () => clock.waiting > 0)
  stopping.abort()
  await stopped
  expect(steps()).toBe(3)
})
