import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { BadContentRange, formatUploadRange, parseUploadRange } from './content-range.ts'

describe("a chunk's Content-Range", () => {
  test.each([
    ['0-0', 0, 1],
    ['0-1023', 0, 1024],
    ['1024-2047', 1024, 1024],
    ['bytes 10-19/100', 10, 10],
    ['bytes 10-19/20', 10, 10],
    ['bytes 10-19/*', 10, 10],
    ['bytes 10-19', 10, 10],
    [' 5-6 ', 5, 2],
  ])('%p is understood', (header, offset, length) => {
    expect(parseUploadRange(header)).toEqual({ offset, length })
  })

  test.each([
    '',
    '-',
    '5',
    '5-',
    '-5',
    '5-4',
    'a-b',
    '0-1-2',
    '1.5-2',
    'bytes=0-5',
    'bytes */10',
    'bytes 0-4/4',
    'bytes 0-4/0',
    '0-4/4',
    `0-${'9'.repeat(16)}`,
  ])('%p is refused with a sentence', (header) => {
    expect(() => parseUploadRange(header)).toThrow(BadContentRange)
    expect(() => parseUploadRange(header)).toThrow('write the first and the last byte')
  })
})

describe("an upload's Range", () => {
  test.each([
    [0, '0-0'],
    [1, '0-0'],
    [2, '0-1'],
    [1024, '0-1023'],
  ])('of %d bytes is %s', (size, range) => {
    expect(formatUploadRange(size)).toBe(range)
  })

  test('is where the next chunk goes on', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), (size) => {
        expect(parseUploadRange(formatUploadRange(size))).toEqual({ offset: 0, length: size })
      }),
    )
  })
})

test('whatever stands there, it is a range of the form, or refused with a sentence', () => {
  const number = fc.oneof(
    fc.nat(30).map(String),
    fc.constantFrom('', 'x', '-1', '1.5', '007', '9'.repeat(15), '9'.repeat(16)),
  )
  const header = fc
    .tuple(
      fc.constantFrom('', 'bytes ', 'bytes=', 'lines '),
      number,
      fc.constantFrom('-', '--', ','),
      number,
      fc.option(number),
    )
    .map(
      ([unit, first, between, last, total]) =>
        `${unit}${first}${between}${last}${total === null ? '' : `/${total}`}`,
    )
  fc.assert(
    fc.property(fc.oneof(header, fc.string({ unit: 'binary' })), (text) => {
      const [places = '', total = '*'] = text.replace(/^bytes /, '').split('/')
      const [first = '', last = '', ...more] = places.split('-')
      const isNumber = (digits: string, most: number) =>
        digits !== '' && digits.length <= most && [...digits].every((one) => '0123456789'.includes(one))
      const isRange =
        more.length === 0 && isNumber(first, 15) && isNumber(last, 15) && Number(first) <= Number(last)
      const isInside = total === '*' || (isNumber(total, 400) && Number(total) > Number(last))
      if (isRange && isInside && text.split('/').length <= 2) {
        expect(parseUploadRange(text)).toEqual({
          offset: Number(first),
          length: Number(last) - Number(first) + 1,
        })
      } else if (text.trim() === text) {
        expect(() => parseUploadRange(text)).toThrow(BadContentRange)
      }
    }),
    { numRuns: 300 },
  )
})
