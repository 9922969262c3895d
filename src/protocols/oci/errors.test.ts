import { describe, expect, test } from 'bun:test'
import type { Reply } from '../../http/reply.ts'
import { ERROR_CODES, type ErrorCode, RegistryError } from '../../oci/errors.ts'
import { errorReply } from './errors.ts'

const CODES = Object.keys(ERROR_CODES) as ErrorCode[]

/** distribution-spec "Error Codes", and what the CNCF registry adds: all that clients know. */
const KNOWN_TO_CLIENTS = [
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
/** Of addresses and requests that are none of the protocol. */
const ABOUT_HTTP = ['NOT_FOUND', 'REQUEST_INVALID']

function bodyOf({ body }: Reply): { errors: Record<string, unknown>[] } {
  if (body?.kind !== 'bytes') throw new Error('an error without a body')
  return JSON.parse(new TextDecoder().decode(body.bytes))
}

describe('every refusal', () => {
  test.each(CODES)('of code %s has a status, and a code that clients know', (code) => {
    const reply = errorReply(new RegistryError(code))
    expect(reply.status).toBeGreaterThanOrEqual(400)
    expect(reply.status).toBeLessThan(600)
    expect(reply.headers['content-type']).toBe('application/json; charset=utf-8')
    const { errors, ...others } = bodyOf(reply)
    expect(others).toEqual({})
    expect(errors).toHaveLength(1)
    expect([...KNOWN_TO_CLIENTS, ...ABOUT_HTTP]).toContain(String(errors[0]?.['code']))
    expect(errors[0]?.['message']).toBe(ERROR_CODES[code])
  })

  test.each([
    ['UNAUTHORIZED', 401],
    ['DENIED', 403],
    ['NAME_UNKNOWN', 404],
    ['MANIFEST_UNKNOWN', 404],
    ['BLOB_UNKNOWN', 404],
    ['BLOB_UPLOAD_UNKNOWN', 404],
    ['UNSUPPORTED', 405],
    ['METHOD_NOT_ALLOWED', 405],
    ['MANIFEST_TOO_LARGE', 413],
    ['TOO_MANY_TAGS', 414],
    ['RANGE_INVALID', 416],
    ['TOOMANYREQUESTS', 429],
    ['UNKNOWN', 500],
    ['UNAVAILABLE', 503],
    ['DIGEST_INVALID', 400],
    ['MANIFEST_BLOB_UNKNOWN', 400],
    ['MANIFEST_INVALID', 400],
    ['NAME_INVALID', 400],
    ['SIZE_INVALID', 400],
    ['TAG_INVALID', 400],
    ['PAGINATION_NUMBER_INVALID', 400],
    ['REQUEST_INVALID', 400],
  ] as const)('of code %s is answered %d', (code, status) => {
    expect(errorReply(new RegistryError(code)).status).toBe(status)
  })

  test('with several problems tells them all, with the status of the first', () => {
    const reply = errorReply(
      RegistryError.of([
        { code: 'MANIFEST_BLOB_UNKNOWN', message: 'One is missing.', detail: { digest: 'a' } },
        { code: 'MANIFEST_TOO_LARGE', message: 'And it is too large.' },
      ]),
    )
    expect(reply.status).toBe(400)
    expect(bodyOf(reply)).toEqual({
      errors: [
        { code: 'MANIFEST_BLOB_UNKNOWN', message: 'One is missing.', detail: { digest: 'a' } },
        { code: 'MANIFEST_INVALID', message: 'And it is too large.' },
      ],
    })
  })

  test('keeps the headers that it is given, and its own type', () => {
    const headers = { allow: 'GET', 'content-type': 'application/octet-stream' }
    expect(errorReply(new RegistryError('UNSUPPORTED'), headers).headers).toEqual({
      allow: 'GET',
      'content-type': 'application/json; charset=utf-8',
    })
  })
})
