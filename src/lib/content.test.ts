import { expect, test } from 'bun:test'
import { bytesContent, textContent } from './content.ts'

test('bytes are handed on as they are', () => {
  const bytes = new Uint8Array([0, 255])
  expect(bytesContent(bytes)).toEqual({ kind: 'bytes', bytes })
})

test('text becomes UTF-8', () => {
  expect(textContent('é')).toEqual({ kind: 'bytes', bytes: new Uint8Array([0xc3, 0xa9]) })
})
