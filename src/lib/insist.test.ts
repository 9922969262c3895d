import { expect, test } from 'bun:test'
import { until } from '../../test/until.ts'
import { insist } from './insist.ts'

test('tries until it succeeds, and then no more', async () => {
  let attempts = 0
  insist(
    async () => {
      attempts += 1
      if (attempts < 3) throw new Error('not yet')
    },
    { everyMilliseconds: 2, forMilliseconds: 10_000 },
  )
  await until('it has succeeded', () => attempts === 3)
  await Bun.sleep(20)
  expect(attempts).toBe(3)
})

test('gives up when the time is over', async () => {
  let last = performance.now()
  const start = last
  insist(
    async () => {
      last = performance.now()
      throw new Error('never')
    },
    { everyMilliseconds: 2, forMilliseconds: 20 },
  )
  await until('it has been left alone for a while', () => performance.now() - last > 50)
  expect(last - start).toBeLessThan(40)
})
