import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { chunksOf, rowsWith, wantedFrom2 } from './chunks.ts'

test('a list of any length is cut into chunks of three sizes, with every item in its order', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 450 }), (length) => {
      const items = Array.from({ length }, (_, index) => index)
      const chunks = chunksOf(items)
      for (const chunk of chunks) expect([1, 10, 100]).toContain(chunk.length)
      expect([...new Set(chunks.flat())]).toEqual(items)
      expect(chunks.length).toBeLessThanOrEqual(Math.floor(length / 100) + 10)
    }),
  )
})

test('a chunk that is not full repeats its last item', () => {
  expect(chunksOf(['a', 'b', 'c'])).toEqual([['a', 'b', ...Array<string>(8).fill('c')]])
})

test('rows have all but their last value in common', () => {
  expect(rowsWith(2, 3)).toBe('($1, $2, $3), ($1, $2, $4), ($1, $2, $5)')
})

test('wanted values come after what they have in common', () => {
  expect(wantedFrom2(2)).toBe('(VALUES ($2), ($3)) AS wanted')
})
