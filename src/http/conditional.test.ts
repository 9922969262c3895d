import { describe, expect, test } from 'bun:test'
import { isNotModified } from './conditional.ts'

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
