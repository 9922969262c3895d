import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { findRepositoryName, parseRepositoryName } from './repository-name.ts'

const letters = fc.string({
  unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789'),
  minLength: 1,
  maxLength: 6,
})
const separator = fc.oneof(
  fc.constantFrom('.', '_', '__'),
  fc.integer({ min: 1, max: 5 }).map((n) => '-'.repeat(n)),
)
const component = fc
  .tuple(letters, fc.array(fc.tuple(separator, letters), { maxLength: 3 }))
  .map(([first, rest]) => first + rest.flat().join(''))
const wellFormed = fc
  .array(component, { minLength: 1, maxLength: 5 })
  .map((parts) => parts.join('/'))
  .filter((name) => name.length <= 255)

test('a name that parses prints back the same', () => {
  fc.assert(
    fc.property(wellFormed, (name) => {
      expect<string>(parseRepositoryName(name)).toBe(name)
      expect<string | null>(findRepositoryName(name)).toBe(name)
    }),
  )
})

test('any other text is refused with NAME_INVALID, and found to be none', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'aA0._-/ \n\0') })),
      (text) => {
        if (findRepositoryName(text) === null) {
          expect(() => parseRepositoryName(text)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }))
        } else {
          expect<string>(parseRepositoryName(text)).toBe(text)
        }
      },
    ),
  )
})

test('a name cannot leave its folder, nor take one of the link tree', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab._-/'), maxLength: 12 }), (text) => {
      const parts = (findRepositoryName(text) ?? 'a').split('/')
      expect(parts.every((part) => /^[a-z0-9]/.test(part))).toBe(true)
    }),
    { numRuns: 1000 },
  )
})

test.each([
  'a',
  '0',
  'a/b',
  'a.b',
  'a_b',
  'a__b',
  'a-b',
  'a--b',
  'a----b',
  'library/ubuntu',
  'a/b/c/d/e/f/g',
])('%j is a name', (name) => {
  expect<string>(parseRepositoryName(name)).toBe(name)
})

const NOT_NAMES = [
  '',
  '/',
  'a/',
  '/a',
  'a//b',
  '.a',
  'a.',
  '_a',
  'a_',
  '-a',
  'a-',
  'a..b',
  'a___b',
  'a._b',
  'a-_b',
  'a/../b',
  'a/./b',
  '..',
  'A',
  'team/App',
  'a b',
  'a\0',
  'a\n',
  'a\nb',
  'a:b',
  'a@b',
  'a\\b',
  'a%2fb',
  'é',
  'ａ',
  'a\u200db',
]
test.each(NOT_NAMES)('%j is no name', (text) => {
  expect(() => parseRepositoryName(text)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }))
})

test('a name of 255 characters is taken, one of 256 is not, and the message says so', () => {
  expect<string>(parseRepositoryName('a'.repeat(255))).toBe('a'.repeat(255))
  expect(findRepositoryName('a'.repeat(256))).toBeNull()
  expect(() => parseRepositoryName('a'.repeat(256))).toThrow('at most 255 characters; this one has 256')
})

/** The grammar once more, letter by letter: runs of letters and digits, and between them one of the separators. */
function isNameLetterByLetter(text: string): boolean {
  if (text.length > 255) return false
  return text.split('/').every((component) => {
    const runs = component.split(/[._-]/).filter((run) => run !== '')
    const separators = component.split(/[a-z0-9]/).filter((run) => run !== '')
    const isSeparator = (run: string) =>
      ['.', '_', '__'].includes(run) || [...run].every((one) => one === '-')
    const [first = '', last = ''] = [component.at(0), component.at(-1)]
    const hasBareEnds = first !== '' && !'._-'.includes(first) && !'._-'.includes(last)
    const isAlphanumeric = (run: string) =>
      [...run].every((one) => (one >= 'a' && one <= 'z') || (one >= '0' && one <= '9'))
    return hasBareEnds && runs.every(isAlphanumeric) && separators.every(isSeparator)
  })
}

test('what the grammar takes is taken, and nothing else', () => {
  const near = fc.string({
    unit: fc.constantFrom('a', 'z', '0', '9', '.', '_', '-', '/', 'A', ' ', 'é'),
    maxLength: 8,
  })
  fc.assert(
    fc.property(fc.oneof(near, wellFormed), (text) => {
      expect(findRepositoryName(text) !== null).toBe(isNameLetterByLetter(text))
    }),
    { numRuns: 300 },
  )
})

test('how long a name is decides, not of how many parts it is', () => {
  const long = fc
    .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 245, max: 265 }))
    .map(([part, length]) => `${'a'.repeat(part)}/`.repeat(300).slice(0, length).replace(/\/$/, 'b'))
  fc.assert(
    fc.property(long, (text) => {
      expect(findRepositoryName(text) !== null).toBe(text.length <= 255)
    }),
    { numRuns: 100 },
  )
})
