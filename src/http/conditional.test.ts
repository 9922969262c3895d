import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { isNotModified, isOutdated } from './conditional.ts'

const etag = '"sha256:abc"'

describe('If-None-Match', () => {
  test.each([
    '"sha256:abc"',
    'sha256:abc',
    'W/"sha256:abc"',
    '"x", "sha256:abc"',
    'x,sha256:abc',
    '"a,b", W/"sha256:abc"',
    '*',
    ' * ',
  ])('%s: the client has it', (header) => {
    expect(isNotModified(header, etag)).toBe(true)
  })

  test.each([
    null,
    '',
    '"sha256:abc',
    '"x, sha256:abc',
    '"sha256:ab"',
    'sha256:abcd',
    '"*"',
    '"x,sha256:abc"',
    ',',
    'W/',
    '"',
  ])('%p: the client does not have it', (header) => {
    expect(isNotModified(header, etag)).toBe(false)
  })
})

describe('If-Match', () => {
  test.each([null, '"sha256:abc"', 'sha256:abc', '"x", "sha256:abc"', '*'])(
    '%p: it is what the client wants',
    (header) => {
      expect(isOutdated(header, etag)).toBe(false)
    },
  )

  test.each(['"sha256:ab"', 'W/"sha256:abc"', '"x"', '"x", W/"sha256:abc"', '"*"'])(
    '%s: the client wants something else',
    (header) => {
      expect(isOutdated(header, etag)).toBe(true)
    },
  )
})

test('in a list of any tags, the client has it exactly when it is one of them', () => {
  const others = fc.string({ unit: fc.constantFrom(...'ab:, \\*é'), maxLength: 6 })
  const spelt = (tag: string) => fc.constantFrom(`"${tag}"`, `W/"${tag}"`)
  fc.assert(
    fc.property(
      fc.array(others.chain(spelt), { maxLength: 4 }),
      fc.boolean(),
      fc.nat(4),
      fc.constantFrom(', ', ',', ' , ,'),
      (tags, hasIt, place, separator) => {
        const header = hasIt ? tags.toSpliced(place, 0, etag) : tags
        expect(isNotModified(header.join(separator), etag)).toBe(hasIt)
      },
    ),
    { numRuns: 200 },
  )
})

test('nothing that a client writes makes it fail', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (header) => {
      expect(isNotModified(header, etag)).toBeBoolean()
    }),
    { numRuns: 200 },
  )
})
