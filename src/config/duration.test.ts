import { expect, test } from 'bun:test'
import { parseDuration } from './duration.ts'

test.each([
  ['250ms', 250],
  ['8s', 8000],
  ['1.5h', 5_400_000],
  ['1h30m', 5_400_000],
  ['168h', 604_800_000],
  ['7d', 604_800_000],
] as const)('%s is %i ms', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds)
})

test.each(['', '5', 'h', '-1s', '1 h', '5y'])('%j is no duration', (text) =>
  expect(parseDuration(text)).toBeNull(),
)
