import { describe, expect, test } from 'bun:test'
import { bytes, integer, optionalInteger, optionalText, text } from './row.ts'

const row = {
  name: 'a',
  count: 5,
  big: '9007199254740991',
  larger: '9007199254740992',
  half: 1.5,
  empty: '',
  nothing: null,
  data: new Uint8Array([1]),
}

describe('a column', () => {
  test('of text, numbers and bytes is read', () => {
    expect(text(row, 'name')).toBe('a')
    expect(integer(row, 'count')).toBe(5)
    expect(integer(row, 'big')).toBe(Number.MAX_SAFE_INTEGER)
    expect(bytes(row, 'data')).toEqual(new Uint8Array([1]))
  })

  test('without a value is null where that may be', () => {
    expect(optionalText(row, 'nothing')).toBeNull()
    expect(optionalInteger(row, 'nothing')).toBeNull()
    expect(optionalText(row, 'empty')).toBe('')
    expect(optionalInteger(row, 'count')).toBe(5)
  })

  test.each([
    ['text', () => text(row, 'count')],
    ['text', () => text(row, 'nothing')],
    ['text', () => text(row, 'absent')],
    ['integer', () => integer(row, 'nothing')],
    ['integer', () => integer(row, 'name')],
    ['integer', () => integer(row, 'half')],
    ['integer', () => integer(row, 'larger')],
    ['integer', () => integer(row, 'absent')],
    ['bytes', () => bytes(row, 'name')],
    ['bytes', () => bytes(row, 'nothing')],
  ])('that is not %s is a defect, and named', (_, read) => {
    expect(read).toThrow(TypeError)
    expect(read).toThrow(/^column \w+ holds /)
  })
})
