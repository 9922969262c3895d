import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseDuration, parseGoDuration } from './duration.ts'

test.each([
  ['250ms', 250],
  ['8s', 8000],
  ['1.5h', 5_400_000],
  ['1h30m', 5_400_000],
  ['168h', 604_800_000],
  ['7d', 604_800_000],
  ['1500us', 1.5],
  ['2ms500µs', 2.5],
  ['3000000ns', 3],
  ['.5s', 500],
] as const)('%s is %i ms', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds)
})

test.each(['', '5', 'h', '-1s', '1 h', '5y', `${'9'.repeat(400)}h`])('%j is no duration', (text) =>
  expect(parseDuration(text)).toBeNull(),
)

test('the parts of a duration add up, in any order', () => {
  const units = [
    ['d', 24 * 60 * 60 * 1000],
    ['h', 60 * 60 * 1000],
    ['m', 60 * 1000],
    ['s', 1000],
    ['ms', 1],
  ] as const
  const part = fc.tuple(fc.nat(10_000), fc.constantFrom(...units))
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      const text = parts.map(([amount, [unit]]) => `${amount}${unit}`).join('')
      expect(parseDuration(text)).toBe(parts.reduce((sum, [amount, [, factor]]) => sum + amount * factor, 0))
    }),
    { numRuns: 200 },
  )
})

test('any other text is no duration', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'0159.-+ hmsdx') }), (text) => {
      const milliseconds = parseDuration(text)
      if (milliseconds === null) return
      expect(milliseconds).toBeGreaterThanOrEqual(0)
      expect(text.replaceAll(/[\d.]+(ms|[smhd])/g, '')).toBe('')
    }),
    { numRuns: 300 },
  )
})

test.each([
  ['5s', 5000],
  ['5000000', 5],
  ['0', 0],
  ['x', null],
] as const)('a number alone is nanoseconds where Go reads it: %s is %j ms', (text, milliseconds) => {
  expect(parseGoDuration(text)).toBe(milliseconds)
})
