import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseTag } from './tag.ts'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_'
const wellFormed = fc
  .tuple(
    fc.constantFrom(...ALPHABET),
    fc.string({ unit: fc.constantFrom(...`${ALPHABET}.-`), maxLength: 127 }),
  )
  .map(([first, rest]) => first + rest)

test('a tag that parses prints back the same', () => {
  fc.assert(
    fc.property(wellFormed, (tag) => {
      expect<string>(parseTag(tag)).toBe(tag)
    }),
  )
})

test('a text with anything else in it is refused with TAG_INVALID', () => {
  const foreign = fc.string({ unit: 'binary', minLength: 1 }).filter((text) => /[^\w.-]/.test(text))
  fc.assert(
    fc.property(foreign, wellFormed, (text, tag) => {
      for (const wrong of [text, text + tag, tag + text]) {
        expect(() => parseTag(wrong)).toThrow(expect.objectContaining({ code: 'TAG_INVALID' }))
      }
    }),
  )
})

test.each(['latest', '1.2', 'v1.0.0-rc.1', '_', '0', 'a..b', 'a__b', 'a.', 'a-', 'UPPER'])(
  '%j is a tag',
  (tag) => {
    expect<string>(parseTag(tag)).toBe(tag)
  },
)

test.each(['', '.', '..', '.a', '-a', 'a/b', 'a:b', 'a b', 'a+b', 'a\n', '\na', 'a\0', 'é', 'ａ', 'a@b'])(
  '%j is no tag',
  (text) => {
    expect(() => parseTag(text)).toThrow(expect.objectContaining({ code: 'TAG_INVALID' }))
  },
)

test('a tag of 128 characters is taken, one of 129 is not', () => {
  expect<string>(parseTag('a'.repeat(128))).toBe('a'.repeat(128))
  expect(() => parseTag('a'.repeat(129))).toThrow('up to 128')
})

test('the message shows a long text in part', () => {
  expect(() => parseTag('.'.repeat(10_000))).toThrow(/^.{0,400}$/)
})

/** The grammar once more, letter by letter. */
function isTagLetterByLetter(text: string): boolean {
  const isWord = (one: string) =>
    one === '_' || (one < '\x80' && one.toLowerCase() !== one.toUpperCase()) || (one >= '0' && one <= '9')
  const [first = '', ...rest] = text
  return (
    text.length <= 128 &&
    first !== '' &&
    isWord(first) &&
    rest.every((one) => isWord(one) || '.-'.includes(one))
  )
}

test('what the grammar takes is taken, and nothing else', () => {
  const unit = fc.constantFrom('a', 'Z', '0', '_', '.', '-', ':', '/', ' ', '\n', 'ı', 'K', '٣')
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit, maxLength: 5 }), wellFormed), (text) => {
      const isTaken = isTagLetterByLetter(text)
      if (isTaken) expect<string>(parseTag(text)).toBe(text)
      else expect(() => parseTag(text)).toThrow(expect.objectContaining({ code: 'TAG_INVALID' }))
    }),
    { numRuns: 300 },
  )
})
