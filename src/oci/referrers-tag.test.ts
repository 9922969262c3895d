import { expect, test } from 'bun:test'
import { parseDigest } from './digest.ts'
import { referrersTag } from './referrers-tag.ts'
import { parseTag } from './tag.ts'

const HEX = '0123456789abcdef'

test('the tag of a sha256 digest has all its digits', () => {
  expect<string>(referrersTag(parseDigest(`sha256:${HEX.repeat(4)}`))).toBe(`sha256-${HEX.repeat(4)}`)
})

test('the tag of a sha512 digest has its first 64 digits', () => {
  expect<string>(referrersTag(parseDigest(`sha512:${HEX.repeat(4)}${'f'.repeat(64)}`))).toBe(
    `sha512-${HEX.repeat(4)}`,
  )
})

test('it is a tag', () => {
  const tag = referrersTag(parseDigest(`sha512:${HEX.repeat(8)}`))
  expect(parseTag(tag)).toBe(tag)
})
