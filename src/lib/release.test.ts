import { expect, test } from 'bun:test'
import { release } from './release.ts'

test('released bytes are empty', () => {
  const bytes = new Uint8Array(1000)
  release(bytes)
  expect(bytes.byteLength).toBe(0)
})

test('their memory is free at once, without a collection', () => {
  const before = process.memoryUsage.rss()
  for (let round = 0; round < 200; round++) release(new Uint8Array(8 * 1024 * 1024).fill(round))
  expect(process.memoryUsage.rss() - before).toBeLessThan(200 * 1024 * 1024)
})

test('a part of a buffer that others may read is left as it is', () => {
  const whole = Uint8Array.of(1, 2, 3)
  release(whole.subarray(1))
  expect(whole).toEqual(Uint8Array.of(1, 2, 3))
})
