import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseDigest } from './digest.ts'
import { RegistryError } from './errors.ts'
import { parseReference } from './reference.ts'
import { parseTag } from './tag.ts'

const DIGEST = `sha256:${'0a'.repeat(32)}`

test('a text without a colon is a tag', () => {
  expect(parseReference('1.2')).toEqual({ kind: 'tag', tag: parseTag('1.2') })
})

test('a text with a colon is a digest', () => {
  expect(parseReference(DIGEST)).toEqual({ kind: 'digest', digest: parseDigest(DIGEST) })
})

test('a tag may look like the start of a digest', () => {
  expect(parseReference('sha256-0a')).toEqual({ kind: 'tag', tag: parseTag('sha256-0a') })
})

test.each([
  ['sha256:baddigeststring', 'DIGEST_INVALID'],
  [':', 'DIGEST_INVALID'],
  [`latest@${DIGEST}`, 'DIGEST_INVALID'],
  ['', 'TAG_INVALID'],
  ['.a', 'TAG_INVALID'],
])('%j is refused with %s', (text, code) => {
  expect(() => parseReference(text)).toThrow(expect.objectContaining({ code }))
})

test('whatever stands there, it parses to itself or is refused', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'ab:.-_\n') }))
  fc.assert(
    fc.property(text, (text) => {
      try {
        const reference = parseReference(text)
        expect<string>(reference.kind === 'tag' ? reference.tag : reference.digest).toBe(text)
      } catch (error) {
        expect(error).toBeInstanceOf(RegistryError)
      }
    }),
  )
})

test('every digest is one, and every tag, and no text is both', () => {
  const digest = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 })
  const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/)
  fc.assert(
    fc.property(digest, tag, (hex, tag) => {
      expect(parseReference(`sha256:${hex}`)).toEqual({
        kind: 'digest',
        digest: parseDigest(`sha256:${hex}`),
      })
      expect(parseReference(tag)).toEqual({ kind: 'tag', tag: parseTag(tag) })
      expect(() => parseReference(`${tag}:${hex}`)).toThrow(
        expect.objectContaining({ code: 'DIGEST_INVALID' }),
      )
    }),
    { numRuns: 100 },
  )
})
