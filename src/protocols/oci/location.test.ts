/** What addresses the server hands out, in every combination of its settings and of the proxy before it. */
import { describe, expect, test } from 'bun:test'
import { type OciServer, type OciServerOptions, openOciServer } from '../../../test/oci-server.ts'
import { newBlob, newIndex } from '../../../test/sample-content.ts'
import { OPEN, sillyAuthenticator } from '../../access/authenticate.ts'
import type { AddressOptions } from './location.ts'

const DEFAULT: AddressOptions = { host: null, prefix: '', relativeUrls: true }

const FROM_A_PROXY = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'registry.example.com' }
const FROM_A_CUTTING_PROXY = { ...FROM_A_PROXY, 'x-forwarded-prefix': '/hub' }

async function withServer(
  options: Partial<AddressOptions> & Pick<OciServerOptions, 'trustedProxies' | 'authenticator'>,
  body: (server: OciServer) => Promise<void>,
): Promise<void> {
  const { trustedProxies = ['127.0.0.1'], authenticator = OPEN, ...addresses } = options
  const server = await openOciServer({
    addresses: { ...DEFAULT, ...addresses },
    trustedProxies,
    authenticator,
  })
  try {
    await body(server)
  } finally {
    await server.close()
  }
}

describe('a Location begins', () => {
  test.each([
    ['with the path by default', {}, FROM_A_PROXY, ''],
    ['with the prefix', { prefix: '/registry' }, FROM_A_PROXY, '/registry'],
    ['with the host that is set', { host: 'https://set.example' }, FROM_A_PROXY, 'https://set.example'],
    [
      'with the host that is set and its path',
      { host: 'https://registry/images', prefix: '/registry' },
      FROM_A_CUTTING_PROXY,
      'https://registry/images',
    ],
    [
      'with the address that the client used, as the proxy tells it, where whole ones are wanted',
      { relativeUrls: false },
      FROM_A_PROXY,
      'https://registry.example.com',
    ],
    [
      'with that and the prefix',
      { relativeUrls: false, prefix: '/registry' },
      FROM_A_PROXY,
      'https://registry.example.com/registry',
    ],
    ['with what the proxy has cut off', {}, FROM_A_CUTTING_PROXY, '/hub'],
    ['with that before the prefix', { prefix: '/registry' }, FROM_A_CUTTING_PROXY, '/hub/registry'],
    [
      'with all three',
      { relativeUrls: false, prefix: '/registry' },
      FROM_A_CUTTING_PROXY,
      'https://registry.example.com/hub/registry',
    ],
  ])('%s', (_, addresses: Partial<AddressOptions>, headers, base) =>
    withServer(addresses, async (server) => {
      const { prefix = '' } = addresses
      const begun = await server.ask('POST', `${prefix}/v2/a/b/blobs/uploads/`, { headers })
      expect(begun.headers.get('location')).toStartWith(`${base}/v2/a/b/blobs/uploads/`)
      const blob = newBlob()
      const whole = `${prefix}/v2/a/b/blobs/uploads/?digest=${blob.digest}`
      const stored = await server.ask('POST', whole, { headers, body: blob.bytes })
      expect(stored.headers.get('location')).toBe(`${base}/v2/a/b/blobs/${blob.digest}`)
      const index = newIndex([])
      const put = await server.ask('PUT', `${prefix}/v2/a/b/manifests/1`, { headers, body: index.bytes })
      expect(put.headers.get('location')).toBe(`${base}/v2/a/b/manifests/${index.digest}`)
    }),
  )

  test('with the address that was asked where there is no proxy, or one that is not believed', () =>
    withServer({ relativeUrls: false, trustedProxies: [] }, async (server) => {
      const begun = await server.ask('POST', '/v2/a/blobs/uploads/', { headers: FROM_A_CUTTING_PROXY })
      expect(begun.headers.get('location')).toStartWith(`${server.url}/v2/a/blobs/uploads/`)
    }))
})

test('the address of an upload is taken with whatever its client has added', () =>
  withServer({ prefix: '/registry' }, async (server) => {
    const begun = await server.ask('POST', '/registry/v2/a/blobs/uploads/?origin=else')
    const location = begun.headers.get('location') ?? ''
    const blob = newBlob()
    const closed = await server.ask('PUT', `${location}&_state=x&digest=${blob.digest}&ns=y`, {
      body: blob.bytes,
    })
    expect(closed.status).toBe(201)
  }))

test('the Link of a list has the prefix, and what the proxy has cut off', () =>
  withServer({ prefix: '/registry' }, async (server) => {
    for (const tag of ['1', '2'])
      await server.ask('PUT', `/registry/v2/a/manifests/${tag}`, { body: newIndex([]).bytes })
    const link = async (headers: Record<string, string>) =>
      (await server.ask('GET', '/registry/v2/a/tags/list?n=1', { headers })).headers.get('link')
    expect(await link({})).toBe('</registry/v2/a/tags/list?last=1&n=1>; rel="next"')
    expect(await link(FROM_A_CUTTING_PROXY)).toBe('</hub/registry/v2/a/tags/list?last=1&n=1>; rel="next"')
  }))

test('with a prefix, there is nothing without it but the address that load balancers probe', () =>
  withServer({ prefix: '/registry' }, async (server) => {
    const status = async (path: string) => (await server.ask('GET', path)).status
    expect(await Promise.all(['/registry/v2/', '/registry/v2', '/'].map(status))).toEqual([200, 200, 200])
    expect(
      await Promise.all(['/v2/', '/registryv2/', '/registry', '/registry/', '/x/registry/v2/'].map(status)),
    ).toEqual([404, 404, 404, 404, 404])
  }))

describe('a realm that is a path is one of', () => {
  const authenticator = sillyAuthenticator({ realm: '/auth/token', service: 'registry' })
  const FORWARDED = { forwarded: 'for=192.0.2.7;proto=https;host="registry.example.com:8443"' }

  test.each([
    ['the address that the proxy tells', {}, FROM_A_PROXY, 'https://registry.example.com'],
    ['the address that it tells in the standard way', {}, FORWARDED, 'https://registry.example.com:8443'],
    ['the host that is set', { host: 'https://set.example' }, FROM_A_PROXY, 'https://set.example'],
    ['the address without the prefix', { prefix: '/registry' }, FROM_A_PROXY, 'https://registry.example.com'],
  ])('%s', (_, addresses: Partial<AddressOptions>, headers, origin) =>
    withServer({ ...addresses, authenticator }, async (server) => {
      const refused = await server.ask('GET', `${addresses.prefix ?? ''}/v2/`, { headers })
      expect(refused.status).toBe(401)
      expect(refused.headers.get('www-authenticate')).toStartWith(`Bearer realm="${origin}/auth/token",`)
    }),
  )

  test('the address that was asked, where there is no proxy that is believed', () =>
    withServer({ authenticator, trustedProxies: [] }, async (server) => {
      const refused = await server.ask('GET', '/v2/', { headers: FROM_A_PROXY })
      const own = server.url.replace('http:', 'https:')
      expect(refused.headers.get('www-authenticate')).toStartWith(`Bearer realm="${own}/auth/token",`)
    }))

  test('https, as with registry:2, unless a proxy that is believed says http', () =>
    withServer({ authenticator }, async (server) => {
      const realm = async (headers: Record<string, string>) => {
        const refused = await server.ask('GET', '/v2/', { headers: { host: 'k.example', ...headers } })
        return /realm="([^"]*)"/.exec(refused.headers.get('www-authenticate') ?? '')?.[1]
      }
      expect(await realm({})).toBe('https://k.example/auth/token')
      expect(await realm({ 'x-forwarded-host': 'h.example' })).toBe('https://h.example/auth/token')
      expect(await realm({ 'x-forwarded-proto': 'http' })).toBe('http://k.example/auth/token')
    }))
})

test('OPTIONS is answered before anybody is asked to log in, on every address', () =>
  withServer({ authenticator: sillyAuthenticator({ realm: '/a', service: 'b' }) }, async (server) => {
    const allowed = async (path: string) => {
      const { status, headers } = await server.ask('OPTIONS', path)
      return [status, headers.get('allow')]
    }
    expect(await allowed('/v2/')).toEqual([200, 'GET, HEAD'])
    expect(await allowed('/v2/_catalog')).toEqual([200, 'GET, HEAD'])
    expect(await allowed('/v2/a/tags/list')).toEqual([200, 'GET, HEAD'])
    expect(await allowed('/v2/a/manifests/1')).toEqual([200, 'DELETE, GET, HEAD, PUT'])
    expect(await allowed(`/v2/a/blobs/${newBlob().digest}`)).toEqual([200, 'DELETE, GET, HEAD'])
    expect(await allowed('/v2/a/blobs/uploads/')).toEqual([200, 'POST'])
  }))
