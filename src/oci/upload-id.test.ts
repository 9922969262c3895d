import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { newUploadId, parseUploadId } from './upload-id.ts'

test('a new id parses to itself', () => {
  const id = newUploadId()
  expect(parseUploadId(id)).toBe(id)
})

test('new ids differ', () => {
  expect(new Set(Array.from({ length: 100 }, newUploadId)).size).toBe(100)
})

test('every UUID is an id', () => {
  fc.assert(
    fc.property(fc.uuid(), (uuid) => {
      expect<string>(parseUploadId(uuid)).toBe(uuid)
    }),
  )
})

test('anything else is an upload that does not exist', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(() => parseUploadId(text)).toThrow(expect.objectContaining({ code: 'BLOB_UPLOAD_UNKNOWN' }))
    }),
  )
})

const UUID = '0b5dd2a6-0b6e-4b8e-9d4c-0d5f5f5b1f0a'
test.each([UUID.toUpperCase(), `${UUID}\n`, ` ${UUID}`, UUID.replaceAll('-', ''), `../${UUID}`, `${UUID}\0`])(
  '%j is an upload that does not exist',
  (text) => {
    expect(() => parseUploadId(text)).toThrow(expect.objectContaining({ code: 'BLOB_UPLOAD_UNKNOWN' }))
  },
)
