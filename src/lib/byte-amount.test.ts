import { expect, test } from 'bun:test'
import { parseByteAmount } from './byte-amount.ts'

test.each([
  ['0', 0],
  ['1000000', 1_000_000],
  ['512b', 512],
  ['512K', 524_288],
  ['64MB', 67_108_864],
  ['64 MiB', 67_108_864],
  ['1.5GiB', 1_610_612_736],
  ['2t', 2_199_023_255_552],
])('%s is %d bytes', (text, bytes) => {
  expect(parseByteAmount(text)).toBe(bytes)
})

test.each(['', 'MB', '-1', '1e9', '5 apples', '64MBps', '1.2.3K', 'NaN'])('%p is no amount', (text) => {
  expect(parseByteAmount(text)).toBeNull()
})
