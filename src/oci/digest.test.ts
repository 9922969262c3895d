import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  algorithmOf,
  type DigestAlgorithm,
  digestFrom,
  digestOf,
  hexOf,
  isDigest,
  parseDigest,
  parseDigestAlgorithm,
} from './digest.ts'
import { RegistryError } from './errors.ts'

const EMPTY_SHA256 = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const ABC_SHA512 =
  'sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f'

const hexDigits = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })
const wellFormed = fc.oneof(
  hexDigits(64).map((hex) => ({ algorithm: 'sha256', hex })),
  hexDigits(128).map((hex) => ({ algorithm: 'sha512', hex })),
)

test('a digest that parses prints back the same, and in its parts', () => {
  fc.assert(
    fc.property(wellFormed, ({ algorithm, hex }) => {
      const digest = parseDigest(`${algorithm}:${hex}`)
      expect<string>(digest).toBe(`${algorithm}:${hex}`)
      expect<string>(algorithmOf(digest)).toBe(algorithm)
      expect(hexOf(digest)).toBe(hex)
    }),
  )
})

test('what is no digest is refused with DIGEST_INVALID, whatever it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(isDigest(text)).toBe(false)
      expect(() => parseDigest(text)).toThrow(expect.objectContaining({ code: 'DIGEST_INVALID' }))
    }),
  )
})

test('a digest with one character changed to something else is refused', () => {
  const notHex = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter((c) => !/[0-9a-f]/.test(c))
  fc.assert(
    fc.property(fc.nat(63), notHex, (at, character) => {
      const start = 'sha256:'.length + at
      expect(isDigest(EMPTY_SHA256.slice(0, start) + character + EMPTY_SHA256.slice(start + 1))).toBe(false)
    }),
  )
})

const NOT_DIGESTS: [string, string][] = [
  ['nothing', ''],
  ['an algorithm alone', 'sha256'],
  ['no digits', 'sha256:'],
  ['no algorithm', `:${EMPTY_SHA256.slice(7)}`],
  ['63 digits', EMPTY_SHA256.slice(0, -1)],
  ['65 digits', `${EMPTY_SHA256}0`],
  ['sha512 with 64 digits', EMPTY_SHA256.replace('sha256', 'sha512')],
  ['upper-case digits', `sha256:${EMPTY_SHA256.slice(7).toUpperCase()}`],
  ['an upper-case algorithm', EMPTY_SHA256.replace('sha', 'SHA')],
  ['a newline at the end', `${EMPTY_SHA256}\n`],
  ['a newline for a digit', `${EMPTY_SHA256.slice(0, -1)}\n`],
  ['a space before', ` ${EMPTY_SHA256}`],
  ['a zero byte', `${EMPTY_SHA256.slice(0, -1)}\0`],
  ['full-width digits', `sha256:${'０'.repeat(64)}`],
  ['a path', `sha256:../../${EMPTY_SHA256.slice(13)}`],
  ['an algorithm of image-spec that is not registered', `sha384:${'0'.repeat(96)}`],
  ['a property of every object', `constructor:${'0'.repeat(64)}`],
]
test.each(NOT_DIGESTS)('%s is no digest', (_, text) => {
  expect(() => parseDigest(text)).toThrow(expect.objectContaining({ code: 'DIGEST_INVALID' }))
})

describe('the message says what to write', () => {
  test('for a known algorithm, how many digits', () => {
    expect(() => parseDigest('sha256:abc')).toThrow('sha256: followed by 64 lower-case hexadecimal digits')
  })

  test('for an unknown one, which are known', () => {
    expect(() => parseDigest('md5:abc')).toThrow('sha256: or sha512:')
  })
})

test('algorithms are sha256 and sha512', () => {
  expect(['sha256', 'sha512'].map(parseDigestAlgorithm)).toEqual(['sha256', 'sha512'])
})

test.each(['', 'SHA256', 'sha1', 'sha256 ', '__proto__'])('%j is no algorithm', (text) => {
  expect(() => parseDigestAlgorithm(text)).toThrow(RegistryError)
})

describe('content has the digest that the standards give it', () => {
  test('the empty content in sha256, which is the default', () => {
    expect<string>(digestOf(new Uint8Array())).toBe(EMPTY_SHA256)
  })

  test('abc in sha512', () => {
    expect<string>(digestOf(new TextEncoder().encode('abc'), 'sha512')).toBe(ABC_SHA512)
  })

  test('in parts as in one piece', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array()),
        fc.constantFrom<DigestAlgorithm[]>('sha256', 'sha512'),
        (parts, algorithm) => {
          const hasher = new Bun.CryptoHasher(algorithm)
          for (const part of parts) hasher.update(part)
          const digest = digestFrom(hasher, algorithm)
          expect(digest).toBe(digestOf(Buffer.concat(parts), algorithm))
          expect(isDigest(digest)).toBe(true)
        },
      ),
    )
  })
})

/** Whether these are the lower-case digits of so many bytes, asked of the bytes. */
function isHexOf(bytes: number, hex: string): boolean {
  return Buffer.from(hex, 'hex').length === bytes && Buffer.from(hex, 'hex').toString('hex') === hex
}

test('what the grammar takes is taken, and nothing else', () => {
  const algorithm = fc.constantFrom('sha256', 'sha512', 'sha384', 'SHA256', 'sha256 ', '__proto__', '')
  const unit = fc.oneof(
    { weight: 60, arbitrary: fc.constantFrom(...'0123456789abcdef') },
    fc.constantFrom(...'AFg \n:'),
  )
  const hex = fc
    .constantFrom(63, 64, 65, 127, 128)
    .chain((length) => fc.string({ unit, minLength: length, maxLength: length }))
  fc.assert(
    fc.property(algorithm, fc.oneof(hex, hexDigits(64), hexDigits(128)), (algorithm, hex) => {
      const isTaken =
        (algorithm === 'sha256' && isHexOf(32, hex)) || (algorithm === 'sha512' && isHexOf(64, hex))
      expect(isDigest(`${algorithm}:${hex}`)).toBe(isTaken)
    }),
    { numRuns: 300 },
  )
})
