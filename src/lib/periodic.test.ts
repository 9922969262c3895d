import { expect, test } from 'bun:test'
import { Periodic } from './periodic.ts'

function unexpected(error: unknown): void {
  throw error
}

test('the work is done again and again', async () => {
  const thirdTime = Promise.withResolvers<void>()
  let times = 0
  const periodic = new Periodic({
    everyMilliseconds: 1,
    work: async () => {
      times++
      if (times === 3) thirdTime.resolve()
    },
    onError: unexpected,
  })
  await thirdTime.promise
  await periodic.stop()
})

test('a failure is reported, and the work is tried again', async () => {
  const twice = Promise.withResolvers<void>()
  const reported: unknown[] = []
  const failure = new Error('the disk is full')
  const periodic = new Periodic({
    everyMilliseconds: 1,
    work: () => Promise.reject(failure),
    onError: (error) => {
      reported.push(error)
      if (reported.length === 2) twice.resolve()
    },
  })
  await twice.promise
  await periodic.stop()
  expect(reported.slice(0, 2)).toEqual([failure, failure])
})

test('work that takes longer than its period is not started twice, and stop waits for it', async () => {
  const started = Promise.withResolvers<void>()
  const mayEnd = Promise.withResolvers<void>()
  let times = 0
  let ended = false
  const periodic = new Periodic({
    everyMilliseconds: 1,
    work: async () => {
      times++
      started.resolve()
      await mayEnd.promise
      ended = true
    },
    onError: unexpected,
  })
  await started.promise
  await ticksOfAClock(5)
  const stopped = periodic.stop()
  expect({ times, ended }).toEqual({ times: 1, ended: false })
  mayEnd.resolve()
  await stopped
  expect({ times, ended }).toEqual({ times: 1, ended: true })
})

/** Resolves when a clock of the same period has ticked so often. */
async function ticksOfAClock(count: number): Promise<void> {
  const done = Promise.withResolvers<void>()
  let ticks = 0
  const clock = setInterval(() => {
    ticks++
    if (ticks === count) done.resolve()
  }, 1)
  await done.promise
  clearInterval(clock)
}
