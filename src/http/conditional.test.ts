import { describe, expect, test } from 'bun:test'
import { isNotModified, isPreconditionFailed } from './conditional.ts'

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

  test.each([null, '', '"sha256:ab"', 'sha256:abcd', '"*"', '"x,sha256:abc"', ',', 'W/', '"'])(
    '%p: the client does not have it',
    (header) => {
      expect(isNotModified(header, etag)).toBe(false)
    },
  )
})

describe('If-Match', () => {
  test.each([null, '"sha256:abc"', 'sha256:abc', '"x", "sha256:abc"', '*'])('%p lets it go on', (header) => {
    expect(isPreconditionFailed(header, etag)).toBe(false)
  })

  test.each(['"sha256:ab"', 'W/"sha256:abc"', '', '"*"'])('%p forbids it', (header) => {
    expect(isPreconditionFailed(header, etag)).toBe(true)
  })

  test('forbids it where nothing is there', () => {
    expect(isPreconditionFailed('*', null)).toBe(true)
    expect(isPreconditionFailed('"sha256:abc"', null)).toBe(true)
    expect(isPreconditionFailed(null, null)).toBe(false)
  })
})
