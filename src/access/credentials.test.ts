import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseBasic, parseBearer } from './credentials.ts'

function basic(text: string | Uint8Array): string {
  return `Basic ${Buffer.from(text as string).toString('base64')}`
}

describe('Basic', () => {
  test.each([
    ['alice:secret', { user: 'alice', password: 'secret' }],
    ['alice:a:b::c', { user: 'alice', password: 'a:b::c' }],
    ['alice:', { user: 'alice', password: '' }],
    ['дарья:пароль – 秘密', { user: 'дарья', password: 'пароль – 秘密' }],
    ['alice:  spaced  ', { user: 'alice', password: '  spaced  ' }],
  ])('%p', (text, credentials) => expect(parseBasic(basic(text))).toEqual(credentials))

  test.each([
    ['nothing', ''],
    ['a scheme alone', 'Basic'],
    ['a scheme and a space', 'Basic '],
    ['another scheme', 'Bearer YWxpY2U6c2VjcmV0'],
    ['no Base64', 'Basic alice:secret'],
    ['Base64 that is cut off', 'Basic YWxpY2U6c'],
    ['Base64 for URLs', 'Basic YWxpY2U6c2Vjc-_='],
    ['two parameters', 'Basic YWxpY2U6c2VjcmV0 YWxpY2U6c2VjcmV0'],
    ['no colon', basic('alice')],
    ['no name', basic(':secret')],
    ['Latin-1', basic(new Uint8Array([0x61, 0x3a, 0xe4]))],
    ['more than any password', basic(`alice:${'x'.repeat(40_000)}`)],
  ])('%s is none', (_, header) => expect(parseBasic(header)).toBeNull())

  test('the scheme is read in any case, and with more than one space', () => {
    expect(parseBasic('bAsIc   YWxpY2U6c2VjcmV0')).toEqual({ user: 'alice', password: 'secret' })
  })

  test('Base64 without its padding is read', () => {
    expect(parseBasic('Basic YWxpY2U6c2Vj')).toEqual({ user: 'alice', password: 'sec' })
    expect(parseBasic('Basic YWxpY2U6c2VjcmU')).toEqual({ user: 'alice', password: 'secre' })
  })

  test('whatever a client puts in comes out, and anything else never throws', () => {
    const user = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes(':'))
    fc.assert(
      fc.property(user, fc.string({ unit: 'grapheme' }), (name, password) => {
        expect(parseBasic(basic(`${name}:${password}`))).toEqual({ user: name, password })
      }),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const header of [text, `Basic ${text}`, basic(text)]) {
          const found = parseBasic(header)
          if (found !== null) expect(found.user).not.toMatch(/^$|:/)
        }
      }),
    )
  })
})

test.each([
  ['Bearer abc.def-_~+/=', 'abc.def-_~+/='],
  ['bearer abc', 'abc'],
  ['Bearer', null],
  ['Bearer ', null],
  ['Bearer a b', null],
  ['Bearer a,b', null],
  ['Basic abc', null],
])('Bearer %p', (header, token) => expect(parseBearer(header)).toBe(token))
