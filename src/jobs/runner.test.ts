import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { ManualClock } from '../../test/manual-clock.ts'
import {
  type Bench,
  describeOnDatabases,
  describeOnPostgres,
  openOnSqlite,
} from '../../test/registry-bench.ts'
import { until } from '../../test/until.ts'
import { command, type Database } from '../metadata/database.ts'
import { findJob, type JobRow } from '../metadata/jobs.ts'
import { createLog, type Log } from '../observability/log.ts'
import { claimJobCommand } from './jobs.commands.ts'
import { type Job, JobRunner, type RunnerOptions } from './runner.ts'

setDefaultTimeout(30_000)

const DAY = 86_400_000
const lines: string[] = []
const log: Log = createLog({ level: 'info', format: 'text', write: (line) => lines.push(line) })
const toStop: JobRunner[] = []
const toClose: Bench[] = []
afterEach(async () => {
  for (const runner of toStop.splice(0)) await runner.stop()
  for (const bench of toClose.splice(0)) await bench.close()
  lines.length = 0
})

function start(options: Pick<RunnerOptions, 'jobs' | 'database'> & Partial<RunnerOptions>): JobRunner {
  const runner = new JobRunner({ process: crypto.randomUUID(), log, ...options })
  toStop.push(runner)
  return runner
}

/** What is done again at once, and told how often. */
function jobOf(run: Job['run']): Job {
  return { name: 'work', atLatestMilliseconds: DAY, run }
}

const again = { againInMilliseconds: 0 }

async function rowOf(database: Database): Promise<JobRow> {
  const row = await findJob(database, 'work')
  if (row === null) throw new Error('nobody has run it yet')
  return row
}

/** A job that goes on until it is let go, or told to end. */
function heldWork() {
  let runs = 0
  let running = 0
  const most = { atOnce: 0 }
  const free = Promise.withResolvers<void>()
  const job = jobOf(async (signal) => {
    runs++
    running++
    most.atOnce = Math.max(most.atOnce, running)
    const told = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    await Promise.race([free.promise, told])
    running--
    signal.throwIfAborted()
    return again
  })
  return { job, most, runs: () => runs, running: () => running, letGo: () => free.resolve() }
}

/** As if the process that has the job had not been heard of, and another one had come. */
const stealJob = command('test.steal', (tx, _: null) =>
  tx.run("UPDATE jobs SET owner = 'thief', lease_until = $1", [tx.now + DAY]),
)

describeOnDatabases('jobs', (open) => {
  async function opened(): Promise<Bench> {
    const bench = await open({ storage: 'memory' })
    toClose.push(bench)
    return bench
  }

  test('are run again and again, by one of several processes at a time', async () => {
    const { database } = await opened()
    const most = { atOnce: 0, running: 0, runs: 0 }
    const job = jobOf(async () => {
      most.runs++
      most.running++
      most.atOnce = Math.max(most.atOnce, most.running)
      await Bun.sleep(1)
      most.running--
      return again
    })
    for (const _ of [1, 2, 3]) start({ jobs: [job], database })
    await until('it has run often', () => most.runs >= 30)
    expect(most.atOnce).toBe(1)
    expect(await rowOf(database)).toMatchObject({ failures: 0, lastError: null })
  })

  test('that take long stay with the process that runs them', async () => {
    const { database } = await opened()
    const work = heldWork()
    for (const _ of [1, 2]) start({ jobs: [work.job], database, leaseMilliseconds: 300 })
    await until('it runs', () => work.running() === 1)
    const first = await rowOf(database)
    const isRenewed = async () => (await rowOf(database)).leaseUntil > first.leaseUntil + 600
    await until('the lease has been renewed for long', isRenewed)
    expect([work.runs(), work.most.atOnce]).toEqual([1, 1])
    expect((await rowOf(database)).owner).toBe(first.owner)
  })

  test('of a process that died are gone on with by another, when the lease is over', async () => {
    const { database } = await opened()
    const dead = { name: 'work', owner: 'dead', lease: 500, atLatest: DAY }
    expect(await database.write(claimJobCommand, dead)).toEqual({ kind: 'mine', failures: 0 })
    const { leaseUntil } = await rowOf(database)
    const work = heldWork()
    start({ jobs: [work.job], database })
    await until('it runs', () => work.running() === 1)
    expect((await rowOf(database)).beganAt).toBeGreaterThan(leaseUntil)
  })

  test('of a process that died are gone on with at once by its successor of the same name', async () => {
    const { database } = await opened()
    await database.write(claimJobCommand, { name: 'work', owner: 'worker-1', lease: DAY, atLatest: DAY })
    const work = heldWork()
    start({ jobs: [work.job], database, process: 'worker-1' })
    await until('it runs', () => work.running() === 1)
  })

  test('that have become another’s are told to end, and leave it its claim', async () => {
    const { database } = await opened()
    const work = heldWork()
    start({ jobs: [work.job], database, leaseMilliseconds: 300 })
    await until('it runs', () => work.running() === 1)
    await database.write(stealJob, null)
    await until('it has ended', () => work.running() === 0)
    expect(await rowOf(database)).toMatchObject({ owner: 'thief', failures: 0 })
    expect(lines).toEqual([])
  })

  test('that fail are tried again, and the log says once that they do and once that they work again', async () => {
    const { database } = await opened()
    let runs = 0
    const job = jobOf(async () => {
      runs++
      if (runs <= 2) throw new Error('the disk is full')
      return { againInMilliseconds: DAY }
    })
    start({ jobs: [job], database })
    await until('it has failed', () => runs === 1)
    await until('that is remembered', async () => (await rowOf(database)).failures === 1)
    expect(await rowOf(database)).toMatchObject({ succeededAt: null, lastError: 'the disk is full' })
    await until('it works again', () => runs === 3)
    await until('that is remembered', async () => (await rowOf(database)).failures === 0)
    expect(await rowOf(database)).toMatchObject({ failingSince: null, lastError: null })
    expect(lines.map((line) => /level=(\w+)/.exec(line)?.[1])).toEqual(['error', 'info'])
    expect(lines[0]).toContain('error="the disk is full"')
  })

  test('are not begun after a stop, which waits for what is under way', async () => {
    const { database } = await opened()
    const work = heldWork()
    const runner = start({ jobs: [work.job], database })
    await until('it runs', () => work.running() === 1)
    await runner.stop()
    expect(work.running()).toBe(0)
    // It is not done yet, so whoever comes next goes on with it at once.
    expect(await rowOf(database)).toMatchObject({ owner: null, failures: 0, succeededAt: null })
  })

  test('that were to come late by other settings come as soon as these say', async () => {
    const { database } = await opened()
    const seldom = {
      ...jobOf(async () => ({ againInMilliseconds: 365 * DAY })),
      atLatestMilliseconds: 365 * DAY,
    }
    const runner = start({ jobs: [seldom], database })
    await until('it has run', async () => (await findJob(database, 'work'))?.succeededAt != null)
    await runner.stop()
    let runs = 0
    const often = jobOf(async () => {
      runs++
      return again
    })
    start({ jobs: [{ ...often, atLatestMilliseconds: 50 }], database })
    await until('it runs again', () => runs > 0)
  })
})

describeOnPostgres('jobs of several replicas', (open) => {
  test('are run by one of them at a time', async () => {
    const bench = await open({ storage: 'memory' })
    toClose.push(bench)
    const replicas = [bench, await bench.beside(), await bench.beside()]
    const most = { atOnce: 0, running: 0 }
    const runs = replicas.map(() => 0)
    replicas.forEach(({ database }, replica) => {
      const job = jobOf(async () => {
        runs[replica] = (runs[replica] ?? 0) + 1
        most.atOnce = Math.max(most.atOnce, ++most.running)
        await Bun.sleep(2)
        most.running--
        return again
      })
      start({ jobs: [job], database })
    })
    const all = () => runs.reduce((sum, each) => sum + each, 0)
    await until('it has run often', () => all() >= 60)
    expect(most.atOnce).toBe(1)
  })
})

test('what fails of something that has been told already stands in the log no more', async () => {
  const bench = await openOnSqlite({ storage: 'memory' })
  toClose.push(bench)
  const full = new Error('the disk is full')
  const noticed: unknown[] = []
  const job = jobOf(() => Promise.reject(full))
  const isTold = (error: unknown) => noticed.push(error) > 0
  start({ jobs: [job], database: bench.database, isTold })
  await until(
    'it is remembered all the same',
    async () => (await findJob(bench.database, 'work'))?.failures === 1,
  )
  expect([noticed[0], lines]).toEqual([full, []])
})

test('by a clock of their own, jobs do in a moment what takes days', async () => {
  using clock = new ManualClock()
  const bench = await openOnSqlite({ storage: 'memory' })
  toClose.push(bench)
  const times: number[] = []
  const job = jobOf(async () => {
    times.push(clock.now())
    return { againInMilliseconds: DAY / 2 }
  })
  const runner = start({ jobs: [job], database: bench.database, clock })
  while (times.length < 5) {
    await until('it waits', () => clock.waiting > 0)
    clock.moveToNext()
  }
  await until('it waits', () => clock.waiting > 0)
  expect(times).toEqual([0, 0.5, 1, 1.5, 2].map((days) => days * DAY))
  await runner.stop()
})

test('while the database is away the jobs wait, and the log says so once', async () => {
  using clock = new ManualClock()
  const bench = await openOnSqlite({ storage: 'memory' })
  toClose.push(bench)
  let isAway = true
  const { database } = bench
  const unsteady: Database = {
    ...database,
    write: (what, input) =>
      isAway ? Promise.reject(new Error('the database is away')) : database.write(what, input),
  }
  let runs = 0
  const job = jobOf(async () => {
    runs++
    return { againInMilliseconds: DAY }
  })
  const runner = start({ jobs: [job, { ...job, name: 'other' }], database: unsteady, clock })
  for (let tries = 0; tries < 10; tries++) {
    await until('both wait', () => clock.waiting === 2)
    clock.moveToNext()
  }
  expect([runs, lines.length]).toEqual([0, 1])
  isAway = false
  await until('both wait', () => clock.waiting === 2)
  clock.moveToNext()
  clock.moveToNext()
  await until('both have run', () => runs === 2)
  expect(lines.map((line) => /level=(\w+)/.exec(line)?.[1])).toEqual(['error', 'info'])
  await runner.stop()
})
