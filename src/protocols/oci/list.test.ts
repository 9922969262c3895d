/** What `n` and `last` may be, whatever a client writes there. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { IncomingRequest } from '../../http/request.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { PageRequest } from '../../registry/page.ts'
import { listReply, pageRequestOf } from './list.ts'

const SIZES = { byDefault: 100, atMost: 1000 }

function requestTo(query: string): IncomingRequest {
  return new IncomingRequest(new Request(`http://registry.test/v2/a/tags/list?${query}`), {
    isEncrypted: false,
    mayBeHttp2: false,
    remoteAddress: () => null,
    isFromProxy: () => false,
    isProxy: () => false,
    allowSlow: () => undefined,
    bodyArrived: () => undefined,
  })
}

function pageFor(query: Record<string, string>): PageRequest | RegistryError {
  try {
    return pageRequestOf(requestTo(new URLSearchParams(query).toString()), SIZES)
  } catch (error) {
    if (error instanceof RegistryError) return error
    throw error
  }
}

test('any whole number is taken, and cut down to the most', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), (n) => {
      expect(pageFor({ n: String(n) })).toEqual({ after: '', limit: n > 1000n ? 1000 : Number(n) })
    }),
    { numRuns: 200 },
  )
})

test('anything else is PAGINATION_NUMBER_INVALID', () => {
  const other = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.double().map(String),
    fc.bigInt({ max: -1n }).map(String),
  )
  fc.assert(
    fc.property(other, (text) => {
      const isWhole = text !== '' && [...text].every((one) => '0123456789'.includes(one))
      fc.pre(!isWhole)
      expect(pageFor({ n: text })).toMatchObject({ code: 'PAGINATION_NUMBER_INVALID' })
    }),
    { numRuns: 200 },
  )
})

test('last is where the page begins, whatever it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const last = text.toWellFormed()
      expect(pageFor({ last })).toEqual({ after: last, limit: 100 })
    }),
    { numRuns: 200 },
  )
})

test('a query of any bytes is read, or refused', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('n', 'last', '=', '&', '%', '1', 'ff', '+', ';', '__proto__'), {
        maxLength: 12,
      }),
      (parts) => {
        try {
          expect(pageRequestOf(requestTo(parts.join('')), SIZES).limit).toBeLessThanOrEqual(1000)
        } catch (error) {
          expect(error).toBeInstanceOf(RegistryError)
        }
      },
    ),
    { numRuns: 200 },
  )
})

test('the next page that a list links to begins where this one ends', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', minLength: 1 }),
      fc.integer({ min: 1, max: 1000 }),
      (text, limit) => {
        const last = text.toWellFormed()
        const { headers } = listReply(requestTo(''), { after: '', limit }, {}, last)
        const [, query = ''] = /^<[^>]*\?([^>]*)>; rel="next"$/.exec(headers['link'] ?? '') ?? []
        expect(pageRequestOf(requestTo(query), SIZES)).toEqual({ after: last, limit })
      },
    ),
    { numRuns: 200 },
  )
})
