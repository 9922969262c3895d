import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { InvalidJson, parseStrictJson } from './strict-json.ts'

const MANIFEST_SIZE = 4 * 1024 * 1024

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function complaintAbout(bytes: Uint8Array): string {
  try {
    parseStrictJson(bytes)
  } catch (error) {
    if (error instanceof InvalidJson) return error.message
    throw error
  }
  return 'none'
}

test('JSON is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      expect(parseStrictJson(bytesOf(text))).toEqual(JSON.parse(text))
    }),
  )
})

test('bytes that are no JSON are refused with an InvalidJson, whatever they are', () => {
  const anything = fc.oneof(fc.uint8Array(), fc.string({ unit: 'binary' }).map(bytesOf))
  fc.assert(
    fc.property(anything, (bytes) => {
      expect(complaintAbout(bytes)).toBeString()
    }),
  )
})

describe('a name that stands twice in one object is refused', () => {
  const repeated = [
    '{"a":1,"a":1}',
    '{"a":1, "b":{}, "a" : 2}',
    '[0,{"b":[{"a":1}],"a":{},"a":[]}]',
    '{"a":1,"\\u0061":2}',
    '{"\\"":1,"\\u0022":2}',
    '{"":1,"":2}',
    '{"\\\\":1,"\\\\":2}',
  ]
  test.each(repeated)('%s', (text) => {
    expect(complaintAbout(bytesOf(text))).toContain('stands twice')
  })

  test('the message says which', () => {
    expect(complaintAbout(bytesOf('{"layers":[],"layers":[]}'))).toContain('"layers"')
  })
})

describe('the same name in different objects is fine', () => {
  const unique = [
    '{"a":{"a":1}}',
    '[{"a":1},{"a":2}]',
    '{"a":"a","b":"a"}',
    '{"a":["a","a"]}',
    '{"a":"\\"","b":"{\\"a\\":1}"}',
    '{"a":"\\\\","b":1}',
    '{"a":1,"A":2}',
  ]
  test.each(unique)('%s', (text) => {
    expect(complaintAbout(bytesOf(text))).toBe('none')
  })
})

test('a byte order mark is refused, and named', () => {
  expect(complaintAbout(bytesOf('\ufeff{}'))).toContain('byte order mark')
})

test('invalid UTF-8 is refused, and named', () => {
  expect(complaintAbout(new Uint8Array([0x22, 0xff, 0x22]))).toContain('UTF-8')
})

test('a complaint quotes a little of the text at most', () => {
  expect(complaintAbout(bytesOf('a'.repeat(10_000))).length).toBeLessThan(200)
})

test('lists that open four million times and never close are refused', () => {
  expect(complaintAbout(bytesOf('['.repeat(MANIFEST_SIZE)))).toContain('This is not JSON')
})

test('two million lists in one another do no harm', () => {
  const depth = MANIFEST_SIZE / 2
  expect(complaintAbout(bytesOf('['.repeat(depth) + ']'.repeat(depth)))).toBe('none')
})

test('four million backslashes do no harm', () => {
  expect(complaintAbout(bytesOf(`["${'\\'.repeat(MANIFEST_SIZE - 4)}"]`))).toBe('none')
})
