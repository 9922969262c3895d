import { expect, test } from 'bun:test'
import { shareOut } from './arenas.ts'

test.each([0, 1, 7, 80, 300, 1000])('of %d kills each is given to one arena', (kills) => {
  const amounts = shareOut(kills)
  expect(amounts.reduce((sum, amount) => sum + amount, 0)).toBe(kills)
  expect(Math.min(...amounts)).toBeGreaterThanOrEqual(0)
})
