import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { nextLink } from './link.ts'

test('the next page is a relative address in brackets', () => {
  expect(nextLink('/v2/a/b/tags/list', { last: 'v1', n: 2 })).toBe(
    '</v2/a/b/tags/list?last=v1&n=2>; rel="next"',
  )
})

test('values are encoded', () => {
  expect(nextLink('/v2/_catalog', { last: 'team/app', n: 100 })).toBe(
    '</v2/_catalog?last=team%2Fapp&n=100>; rel="next"',
  )
})

test('whatever the values are, the client reads them back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (last) => {
      const value = last.toWellFormed()
      const address = /^<([^<>"\s]+)>; rel="next"$/.exec(nextLink('/v2/_catalog', { last: value, n: 1 }))?.[1]
      expect(new URL(address ?? '', 'http://x').searchParams.get('last')).toBe(value)
    }),
  )
})

test('whatever the path is, the header is one line that names it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const path = `/v2/${text.toWellFormed().replaceAll(/[?#]/g, '')}/tags/list`
      const header = nextLink(path, { n: 1 })
      const [, address = ''] = /^<([^<>"\s]+)>; rel="next"$/.exec(header) ?? []
      expect(decodeURI(address.split('?')[0] ?? '')).toBe(path)
    }),
    { numRuns: 200 },
  )
})
