/** What is believed of what a proxy says, and that nothing comes out which could be taken for something else. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { forwardedClient, forwardedOrigin, forwardedPrefix, type HasHeaders, ownOrigin } from './forwarded.ts'

type Values = Readonly<Record<string, string | undefined>>

function requestWith(values: Values): HasHeaders {
  return { header: (name) => values[name] ?? null }
}

const ARRIVAL = { scheme: 'http', host: 'upstream:5000' } as const

describe('the address that the client used', () => {
  const origin = (values: Values) => forwardedOrigin(requestWith(values), ARRIVAL)

  test.each([
    ['is the Host and our own scheme where the proxy says nothing', {}, 'http://upstream:5000'],
    ['has the scheme of X-Forwarded-Proto', { 'x-forwarded-proto': 'https' }, 'https://upstream:5000'],
    [
      'has the host of X-Forwarded-Host',
      { 'x-forwarded-proto': 'HTTPS', 'x-forwarded-host': 'Registry.Example.com' },
      'https://registry.example.com',
    ],
    [
      'has the first of several values',
      { 'x-forwarded-proto': 'https, http', 'x-forwarded-host': 'outer.example:8443 , inner.example' },
      'https://outer.example:8443',
    ],
    [
      'has the port of X-Forwarded-Port where the host has none',
      { 'x-forwarded-host': 'r.example', 'x-forwarded-port': '8080' },
      'http://r.example:8080',
    ],
    [
      'has the port of the host where both have one',
      { 'x-forwarded-host': 'r.example:8443', 'x-forwarded-port': '9999' },
      'http://r.example:8443',
    ],
    [
      'has no port that its scheme has anyway',
      { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'r.example:443' },
      'https://r.example',
    ],
    [
      'does not have the port 80 of a proxy behind the one that ends TLS',
      { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'r.example', 'x-forwarded-port': '80' },
      'https://r.example',
    ],
    [
      'comes from Forwarded before all others',
      {
        forwarded: 'for=192.0.2.43;proto=https;host="f.example:8443", for="[2001:db8::17]";host=second',
        'x-forwarded-host': 'x.example',
        'x-forwarded-proto': 'http',
      },
      'https://f.example:8443',
    ],
    [
      'comes from the others where Forwarded does not say',
      { forwarded: 'for=192.0.2.43', 'x-forwarded-host': 'x.example', 'x-forwarded-proto': 'https' },
      'https://x.example',
    ],
    ['may be an IPv6 address', { 'x-forwarded-host': '[2001:DB8::1]:8443' }, 'http://[2001:db8::1]:8443'],
  ])('%s', (_, values: Values, expected) => expect(origin(values)).toBe(expected))

  test.each([
    'evil example',
    'evil.example/path',
    'user@evil.example',
    'evil.example:0',
    'evil.example:65536',
    'evil.example:x',
    'evil"example',
    'http://evil.example',
    'evil.example?',
    'evil.example#',
    'evil\\example',
    '[::1',
    '[]',
    ':80',
    '8443',
    '1.2.3.999',
    '',
    ' ',
    'ä.example',
    'a'.repeat(254),
  ])('is not the X-Forwarded-Host %j, but the Host', (host) => {
    expect(origin({ 'x-forwarded-host': host })).toBe('http://upstream:5000')
    expect(origin({ forwarded: `host=${JSON.stringify(host)}` })).toBe('http://upstream:5000')
  })

  test.each(['ftp', 'javascript', 'https:', 'https://', 'http s', '', 'wss'])(
    'does not have the scheme %j',
    (scheme) => expect(origin({ 'x-forwarded-proto': scheme })).toBe('http://upstream:5000'),
  )

  test.each(['-1', '0', '65536', '8080x', '1e3', '99999999'])('does not have the port %j', (port) =>
    expect(origin({ 'x-forwarded-host': 'r.example', 'x-forwarded-port': port })).toBe('http://r.example'),
  )

  test.each(['host', 'host=', 'host="a', 'host=a b', '=a', ';;', 'host=a,,host=b'])(
    'is not in the Forwarded %j, which breaks the rules',
    (forwarded) => expect(origin({ forwarded })).toBe('http://upstream:5000'),
  )

  test('is nothing where nobody names a host', () => {
    expect(forwardedOrigin(requestWith({}), { scheme: 'http', host: null })).toBeNull()
    expect(ownOrigin({ scheme: 'https', host: null })).toBeNull()
    expect(ownOrigin({ scheme: 'https', host: 'a/b' })).toBeNull()
  })

  test('is always an origin, whatever the headers are', () => {
    const word = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('https', 'a.example', 'host=a.example', 'proto=https', '//', '@', ':', '8443', '[::1]'),
    )
    const text = fc.array(word, { maxLength: 4 }).map((words) => words.join(''))
    const names = ['x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port', 'forwarded'] as const
    const headers = fc.record(Object.fromEntries(names.map((name) => [name, text])), { requiredKeys: [] })
    fc.assert(
      fc.property(headers, (values) => {
        const found = origin(values) ?? ''
        expect(new URL(found).origin).toBe(found)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('the client', () => {
  const isProxy = (address: string) => address.startsWith('10.') || address === '::1'
  const client = (values: Values) => forwardedClient(requestWith(values), isProxy)

  test.each([
    ['is nobody where the proxy does not say', {}, null],
    ['is the only address', { 'x-forwarded-for': '203.0.113.7' }, '203.0.113.7'],
    [
      'is the right-most that is no proxy: what stands before it, the client may have made up',
      { 'x-forwarded-for': '1.1.1.1, 203.0.113.7, 10.0.0.2,10.0.0.1' },
      '203.0.113.7',
    ],
    ['is the left-most where all are proxies', { 'x-forwarded-for': '10.0.0.9, 10.0.0.2' }, '10.0.0.9'],
    [
      'is the last that can be told apart',
      { 'x-forwarded-for': '203.0.113.7, unknown, 10.0.0.2' },
      '10.0.0.2',
    ],
    ['may have a port', { 'x-forwarded-for': '203.0.113.7:4711' }, '203.0.113.7'],
    ['may be IPv6', { 'x-forwarded-for': '2001:db8::1' }, '2001:db8::1'],
    ['may be IPv6 in brackets', { 'x-forwarded-for': '[2001:db8::1]:4711' }, '2001:db8::1'],
    ['may be IPv4 in IPv6', { 'x-forwarded-for': '::ffff:203.0.113.7' }, '203.0.113.7'],
    ['is X-Real-IP', { 'x-real-ip': '203.0.113.7' }, '203.0.113.7'],
    ['is X-Forwarded-For before that', { 'x-real-ip': '1.1.1.1', 'x-forwarded-for': '2.2.2.2' }, '2.2.2.2'],
    [
      'comes from Forwarded',
      { forwarded: 'for=1.1.1.1, for="[2001:db8:cafe::17]:4711";proto=https, For=10.0.0.1' },
      '2001:db8:cafe::17',
    ],
  ])('%s', (_, values: Values, expected) => expect(client(values)).toBe(expected))

  test.each(['unknown', '_hidden', 'evil"', '1.2.3', 'fe80::1%eth0', '<script>', ''])('is not %j', (text) => {
    expect(client({ 'x-forwarded-for': text })).toBeNull()
    expect(client({ 'x-real-ip': text })).toBeNull()
  })
})

describe('what a proxy has cut off the path', () => {
  const prefix = (value: string) => forwardedPrefix(requestWith({ 'x-forwarded-prefix': value }))

  test.each([
    ['/registry', '/registry'],
    ['/registry/', '/registry'],
    ['/a/b-c_d.e~f', '/a/b-c_d.e~f'],
    ['/outer, /inner', '/outer'],
  ])('is %s', (value, expected) => expect(prefix(value)).toBe(expected))

  test.each([
    '',
    '/',
    '//evil.example',
    '/a//b',
    'a',
    '/..',
    '/a/../b',
    '/a b',
    '/a%2e',
    '/a"',
    '/\\evil',
    '/a?b',
  ])('is nothing where the header says %j', (value) => expect(prefix(value)).toBe(''))
})
