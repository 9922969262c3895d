import { describe, expect, test } from 'bun:test'
import { ERROR_CODES, RegistryError } from './errors.ts'

/** distribution-spec "Error Codes", code-1 to code-14, and those that the CNCF registry adds and that still mean something. */
const CODES_THAT_CLIENTS_KNOW = [
  'BLOB_UNKNOWN',
  'BLOB_UPLOAD_INVALID',
  'BLOB_UPLOAD_UNKNOWN',
  'DENIED',
  'DIGEST_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'PAGINATION_NUMBER_INVALID',
  'RANGE_INVALID',
  'SIZE_INVALID',
  'TAG_INVALID',
  'TOOMANYREQUESTS',
  'UNAUTHORIZED',
  'UNAVAILABLE',
  'UNKNOWN',
  'UNSUPPORTED',
]

test('every code that clients know is in the table', () => {
  expect(Object.keys(ERROR_CODES)).toEqual(expect.arrayContaining(CODES_THAT_CLIENTS_KNOW))
})

test.each(Object.entries(ERROR_CODES))(
  '%s has the form that the specification asks for, and a sentence',
  (code, sentence) => {
    expect(code).toMatch(/^[A-Z_]+$/)
    expect(sentence).toMatch(/^[A-Z][^\n]+\.$/)
  },
)

describe('a refusal', () => {
  test('says the sentence of its code where nobody said more', () => {
    const error = new RegistryError('BLOB_UNKNOWN')
    expect(error.message).toBe(ERROR_CODES.BLOB_UNKNOWN)
    expect(error.problems).toEqual([{ code: 'BLOB_UNKNOWN', message: ERROR_CODES.BLOB_UNKNOWN }])
  })

  test('carries its detail', () => {
    const error = new RegistryError('TAG_INVALID', 'No.', { tag: '.a' })
    expect(error.problems).toEqual([{ code: 'TAG_INVALID', message: 'No.', detail: { tag: '.a' } }])
  })

  test('without a detail has no such field', () => {
    expect(new RegistryError('UNKNOWN').problems[0]).not.toHaveProperty('detail')
  })

  test('is an Error with a name and a stack, for the log', () => {
    const error = new RegistryError('UNKNOWN')
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe('RegistryError')
    expect(error.stack).toContain('errors.test.ts')
  })
})

describe('several problems in one refusal', () => {
  const first = { code: 'MANIFEST_BLOB_UNKNOWN', message: 'a is missing', detail: { digest: 'a' } } as const
  const second = { code: 'NAME_UNKNOWN', message: 'b is missing' } as const

  test('are all kept, in order', () => {
    expect(RegistryError.of([first, second]).problems).toEqual([first, second])
  })

  test('give it the code and message of the first', () => {
    expect(RegistryError.of([first, second])).toMatchObject({ code: first.code, message: first.message })
  })

  test('may be one', () => {
    expect(RegistryError.of([second])).toEqual(new RegistryError(second.code, second.message))
  })
})
