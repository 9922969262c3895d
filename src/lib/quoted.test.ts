import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { quoted } from './quoted.ts'

test('a text is shown in quotes', () => {
  expect(quoted('team/app')).toBe('"team/app"')
})

test('what would break the line is escaped', () => {
  expect(quoted('a\nb\u0000"c"')).toBe('"a\\nb\\u0000\\"c\\""')
})

test('a text of 200 characters is shown whole, a longer one is cut', () => {
  expect(quoted('x'.repeat(200))).toBe(`"${'x'.repeat(200)}"`)
  expect(quoted('x'.repeat(201))).toBe(`"${'x'.repeat(200)}…"`)
})

test('the result is one short line for every text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 5000 }), (text) => {
      expect(quoted(text)).not.toMatch(/[\n\r\0]/)
      expect(quoted(text).length).toBeLessThan(200 * 6 + 4)
    }),
  )
})
