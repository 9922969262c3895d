import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { createRouter, type Match, type Route, route } from './router.ts'

interface Context {
  readonly user: string
}
type Need = 'pull' | 'push' | 'nothing'

const router = createRouter<Context, Need>([
  table('GET', '/'),
  table('GET', '/v2/?'),
  table('GET', '/v2/_catalog'),
  table('GET', '/v2/:name+/tags/list'),
  table('GET', '/v2/:name+/manifests/:reference'),
  table('HEAD', '/v2/:name+/manifests/:reference'),
  table('PUT', '/v2/:name+/manifests/:reference'),
  table('GET', '/v2/:name+/blobs/:digest'),
  table('POST', '/v2/:name+/blobs/uploads/?'),
  table('PATCH', '/v2/:name+/blobs/uploads/:id'),
  table('GET', '/accounts/:account/tokens/:token'),
  table('GET', '/files/:path+'),
])

function table(method: string, pattern: string, needs: Need = 'nothing'): Route<Context, Need> {
  return { method, pattern, needs, handle: async () => ({ status: 200, headers: {}, body: null }) }
}

function told(match: Match<Context, Need>): unknown {
  if (match.kind === 'not-found') return 'not found'
  if (match.kind === 'method-not-allowed') return `not allowed, but ${match.allow.join(', ')}`
  return [`${match.route.method} ${match.route.pattern}`, match.params]
}

describe('finds', () => {
  test.each([
    ['GET', '/', ['GET /', {}]],
    ['GET', '/v2', ['GET /v2/?', {}]],
    ['GET', '/v2/', ['GET /v2/?', {}]],
    ['GET', '/v2/_catalog', ['GET /v2/_catalog', {}]],
    ['GET', '/v2/app/tags/list', ['GET /v2/:name+/tags/list', { name: 'app' }]],
    [
      'PUT',
      '/v2/a/b/c/manifests/1.2',
      ['PUT /v2/:name+/manifests/:reference', { name: 'a/b/c', reference: '1.2' }],
    ],
    ['POST', '/v2/a/blobs/uploads', ['POST /v2/:name+/blobs/uploads/?', { name: 'a' }]],
    ['POST', '/v2/a/blobs/uploads/', ['POST /v2/:name+/blobs/uploads/?', { name: 'a' }]],
    ['PATCH', '/v2/a/blobs/uploads/7', ['PATCH /v2/:name+/blobs/uploads/:id', { name: 'a', id: '7' }]],
    ['GET', '/accounts/x/tokens/y', ['GET /accounts/:account/tokens/:token', { account: 'x', token: 'y' }]],
    ['GET', '/files/a/b', ['GET /files/:path+', { path: 'a/b' }]],
  ])('%s %s', (method, path, expected) => {
    expect(told(router.find(method, path))).toEqual(expected)
  })

  test('as many segments as fit for a name that looks like an address itself', () => {
    expect(told(router.find('GET', '/v2/a/manifests/b/manifests/c'))).toEqual([
      'GET /v2/:name+/manifests/:reference',
      { name: 'a/manifests/b', reference: 'c' },
    ])
    expect(told(router.find('GET', '/v2/blobs/uploads/blobs/c'))).toEqual([
      'GET /v2/:name+/blobs/:digest',
      { name: 'blobs/uploads', digest: 'c' },
    ])
  })

  test('a HEAD route of its own, or else the GET route', () => {
    const place = (path: string) => {
      const match = router.find('HEAD', path)
      return match.kind === 'found' ? `${match.route.method} ${match.route.pattern}` : match.kind
    }
    expect(place('/v2/a/manifests/b')).toBe('HEAD /v2/:name+/manifests/:reference')
    expect(place('/v2/a/blobs/b')).toBe('GET /v2/:name+/blobs/:digest')
  })
})

describe('does not find', () => {
  test.each([
    '/v2//manifests/x',
    '/v2/a//manifests/x',
    '/v2//a/manifests/x',
    '/v2/a/manifests/',
    '/v2/a/manifests/x/',
    '/v2/manifests/x',
    '/v2/a/tags/list/',
    '/v2//',
    '/V2/',
    '',
    '*',
    '/files/',
    '/accounts//tokens/y',
  ])('%p', (path) => {
    expect(router.find('GET', path)).toEqual({ kind: 'not-found' })
  })
})

describe('a method that an address does not take', () => {
  test.each([
    ['DELETE', '/v2/a/manifests/b', 'GET, HEAD, PUT'],
    ['POST', '/v2/a/blobs/b', 'GET, HEAD'],
    ['PROPFIND', '/v2/_catalog', 'GET, HEAD'],
    ['DELETE', '/v2/a/blobs/uploads/7', 'PATCH'],
    ['DELETE', '/v2/a/blobs/uploads', 'GET, HEAD, POST'],
  ])('%s %s: those that it takes are told', (method, path, allow) => {
    expect(told(router.find(method, path))).toBe(`not allowed, but ${allow}`)
  })

  test('what the address takes with another one comes along', () => {
    const match = router.find('DELETE', '/v2/a/manifests/b')
    if (match.kind !== 'method-not-allowed') throw new Error(`it is ${match.kind}`)
    expect(match.other.route.pattern).toBe('/v2/:name+/manifests/:reference')
    expect(match.other.params).toEqual({ name: 'a', reference: 'b' })
  })
})

describe('a table', () => {
  test('with a route that does not say what permission it needs does not start', () => {
    const silent: unknown = { ...table('GET', '/x'), needs: undefined }
    expect(() => createRouter([silent as Route<Context, Need>])).toThrow(
      'GET /x does not say what permission it needs',
    )
  })

  test('with two routes at one address does not start', () => {
    expect(() => createRouter([table('GET', '/x'), table('GET', '/x')])).toThrow('two routes GET /x')
  })

  test.each(['x', '/:a+/b/:c+'])('with a pattern that is none does not start: %s', (pattern) => {
    expect(() => createRouter([table('GET', pattern)])).toThrow('is not a pattern')
  })
})

test('a route knows the names of its parameters, and hands them to its handler', async () => {
  const made = route('PUT', '/v2/:name+/manifests/:reference', {
    needs: 'push',
    async handle({ user }: Context, { name, reference }) {
      return { status: 201, headers: { location: `${user}:${name}:${reference}` }, body: null }
    },
  })
  const match = createRouter<Context, string>([made]).find('PUT', '/v2/a/b/manifests/c')
  if (match.kind !== 'found') throw new Error('not found')
  expect(match.route.needs).toBe('push')
  expect(await match.route.handle({ user: 'me' }, match.params)).toMatchObject({
    headers: { location: 'me:a/b:c' },
  })
})

describe('for every path', () => {
  const PATTERNS = [
    '/v2/?',
    '/v2/_catalog',
    '/v2/:name+/tags/list',
    '/v2/:name+/blobs/:digest',
    '/v2/:name+/blobs/uploads/?',
  ]
  const all = createRouter<Context, Need>(PATTERNS.map((pattern) => table('GET', pattern)))
  /** Each pattern once more, as an expression on the text. */
  const expressions = PATTERNS.map(
    (pattern) =>
      new RegExp(
        `^${pattern
          .replace('/?', '(?:/)?')
          .replace(/:\w+\+/, '(?:[^/]+/)*[^/]+')
          .replace(/:\w+/, '[^/]+')}$`,
        's',
      ),
  )
  const segment = fc.oneof(
    fc.constantFrom(
      'v2',
      '_catalog',
      'tags',
      'list',
      'blobs',
      'uploads',
      'a',
      '',
      '..',
      ':name+',
      '__proto__',
    ),
    fc.string({ unit: 'binary', maxLength: 3 }),
  )
  const path = fc.array(segment, { maxLength: 7 }).map((segments) => `/${segments.join('/')}`)
  const likely = fc
    .tuple(
      fc.array(segment, { maxLength: 3 }),
      fc.constantFrom('tags/list', 'blobs/x', 'blobs/uploads', 'blobs/uploads/'),
    )
    .map(([name, end]) => `/v2/${name.join('/')}/${end}`)

  test('a route is found exactly when a pattern fits, and its parameters put together are the path', () => {
    fc.assert(
      fc.property(fc.oneof(path, likely), (path) => {
        const match = all.find('GET', path)
        expect(match.kind === 'found').toBe(expressions.some((expression) => expression.test(path)))
        if (match.kind !== 'found') return
        const again = match.route.pattern
          .replace(/:(\w+)\+?/g, (_, name: string) => match.params[name] ?? '')
          .replace('/?', '')
        expect([again, `${again}/`]).toContain(path)
      }),
      { numRuns: 500 },
    )
  })
})
