import { expect, test } from 'bun:test'
import { until } from '../../test/until.ts'
import { Insistence } from './insistence.ts'

const OFTEN = { everyMilliseconds: 2, forMilliseconds: 10_000, atMost: 10 }

function failing(times: number): { readonly work: () => Promise<void>; attempts: number } {
  const counted = {
    attempts: 0,
    work: async () => {
      counted.attempts += 1
      if (counted.attempts <= times) throw new Error('not yet')
    },
  }
  return counted
}

test('work is tried until it succeeds, and then no more', async () => {
  const insistence = new Insistence(OFTEN)
  const [short, long] = [failing(2), failing(20)]
  insistence.insist(short.work)
  insistence.insist(long.work)
  await until('the longer one has succeeded', () => insistence.running === 0)
  expect([short.attempts, long.attempts]).toEqual([3, 21])
})

test('work is given up when its time is over', async () => {
  const insistence = new Insistence({ ...OFTEN, forMilliseconds: 20 })
  const never = failing(Number.POSITIVE_INFINITY)
  insistence.insist(never.work)
  await until('it has been given up', () => insistence.running === 0)
  expect(never.attempts).toBeGreaterThan(0)
})

test('no more than so much work is begun', async () => {
  const insistence = new Insistence({ ...OFTEN, atMost: 1 })
  const [first, second] = [failing(1), failing(0)]
  insistence.insist(first.work)
  insistence.insist(second.work)
  await until('the first one has succeeded', () => insistence.running === 0)
  expect(second.attempts).toBe(0)
})
