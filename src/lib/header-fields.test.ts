import { expect, test } from 'bun:test'
import { BadHeader, parseHeaderFields } from './header-fields.ts'

test('names are in lower case, and several values share a line', () => {
  expect(
    parseHeaderFields({
      'Access-Control-Allow-Methods': ['HEAD', ' GET', 'OPTIONS ', 'DELETE'],
      'X-Content-Type-Options': ['nosniff'],
      'x-empty': [''],
      'x-none': [],
    }),
  ).toEqual({
    'access-control-allow-methods': 'HEAD, GET, OPTIONS, DELETE',
    'x-content-type-options': 'nosniff',
    'x-empty': '',
  })
})

test('of a name in capitals and the same without, the later one holds', () => {
  const fields = parseHeaderFields({
    'Access-Control-Allow-Origin': ['https://file.example'],
    'access-control-allow-origin': ['https://environment.example'],
  })
  expect(fields).toEqual({ 'access-control-allow-origin': 'https://environment.example' })
})

test.each([
  ['', 'x'],
  ['X Y', 'x'],
  ['X:', 'x'],
  ['Ä', 'x'],
  ['X', 'a\r\nSet-Cookie: b'],
  ['X', 'a\0b'],
  ['X', '€'],
  ['Content-Length', '0'],
  ['transfer-encoding', 'chunked'],
  ['Connection', 'close'],
])('%j: %j is refused', (name, value) => {
  expect(() => parseHeaderFields({ [name]: [value] })).toThrow(BadHeader)
})
