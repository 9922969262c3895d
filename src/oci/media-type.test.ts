import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { findMediaType, isSameMediaType, OCI_MANIFEST, parseMediaType } from './media-type.ts'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const restrictedName = fc
  .tuple(
    fc.constantFrom(...ALPHABET),
    fc.string({ unit: fc.constantFrom(...`${ALPHABET}!#$&-^_.+`), maxLength: 126 }),
  )
  .map(([first, rest]) => first + rest)
const wellFormed = fc.tuple(restrictedName, restrictedName).map(([type, subtype]) => `${type}/${subtype}`)

test('a media type that parses prints back the same', () => {
  fc.assert(
    fc.property(wellFormed, (text) => {
      expect<string>(parseMediaType(text)).toBe(text)
    }),
  )
})

test('any other text is refused with MANIFEST_INVALID, and found to be none', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'a/;= \n,') })),
      (text) => {
        const found = findMediaType(text)
        if (found === null) {
          expect(() => parseMediaType(text)).toThrow(expect.objectContaining({ code: 'MANIFEST_INVALID' }))
        } else {
          expect(text).toContain(found)
          expect(parseMediaType(found)).toBe(found)
        }
      },
    ),
  )
})

test('parameters are dropped, and the space around', () => {
  expect(parseMediaType(` ${OCI_MANIFEST} ; charset=utf-8`)).toBe(OCI_MANIFEST)
})

test('the letters stay as they were written', () => {
  expect<string>(parseMediaType('application/vnd.Example.SBOM')).toBe('application/vnd.Example.SBOM')
})

test('two that differ in case are the same type', () => {
  expect(isSameMediaType(parseMediaType(OCI_MANIFEST.toUpperCase()), OCI_MANIFEST)).toBe(true)
  expect(isSameMediaType(parseMediaType('text/plain'), OCI_MANIFEST)).toBe(false)
})

test('names of 127 characters are taken, of 128 are not', () => {
  const longest = 'a'.repeat(127)
  expect<string>(parseMediaType(`${longest}/${longest}`)).toBe(`${longest}/${longest}`)
  expect(findMediaType(`${longest}a/b`)).toBeNull()
  expect(findMediaType(`b/${longest}a`)).toBeNull()
})

test.each([
  '',
  '/',
  'a',
  'a/',
  '/a',
  'a/b/c',
  'a/ b',
  'a b/c',
  '*/*',
  'a/b\nc',
  'a/b, c/d',
  '.a/b',
  'a/é',
  'a/b\0',
])('%j is no media type', (text) => {
  expect(findMediaType(text)).toBeNull()
})

/** RFC 6838 §4.2 once more, letter by letter. */
function isRestrictedName(text: string): boolean {
  const isAlphanumeric = (one: string) => one.length === 1 && ALPHABET.includes(one)
  const [first = '', ...rest] = text
  return (
    text.length <= 127 &&
    isAlphanumeric(first) &&
    rest.every((one) => isAlphanumeric(one) || '!#$&-^_.+'.includes(one))
  )
}

test('what the grammar takes is taken with any parameters, and nothing else', () => {
  const name = fc.oneof(
    restrictedName,
    fc.string({ unit: fc.constantFrom(...'aZ0!+.*/" \r\n\0é'), maxLength: 4 }),
  )
  const parameters = fc.constantFrom('', ';', '; charset=utf-8', ' ;q="a;b/c"')
  fc.assert(
    fc.property(name, name, parameters, (type, subtype, parameters) => {
      const isTaken = [type, subtype].every((each, at) =>
        isRestrictedName(at === 0 ? each.trimStart() : each.trimEnd()),
      )
      const found = findMediaType(`${type}/${subtype}${parameters}`)
      expect<string | null>(found).toBe(isTaken ? `${type}/${subtype}`.trim() : null)
    }),
    { numRuns: 300 },
  )
})
