import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseListenAddress } from './address.ts'

test.each([
  [':5000', { kind: 'tcp', hostname: '::', port: 5000 }],
  ['0.0.0.0:5000', { kind: 'tcp', hostname: '0.0.0.0', port: 5000 }],
  ['127.0.0.1:80', { kind: 'tcp', hostname: '127.0.0.1', port: 80 }],
  ['[::1]:5000', { kind: 'tcp', hostname: '::1', port: 5000 }],
  ['10.0.0.7:5000', { kind: 'tcp', hostname: '10.0.0.7', port: 5000 }],
  ['registry.lan:0', { kind: 'tcp', hostname: 'registry.lan', port: 0 }],
  ['unix:/run/berth.sock', { kind: 'unix', path: '/run/berth.sock' }],
  ['unix:///run/berth.sock', { kind: 'unix', path: '/run/berth.sock' }],
] as const)('%s is an address', (text, address) => {
  expect(parseListenAddress(text)).toEqual(address)
})

test.each([
  '',
  '5000',
  'localhost',
  ':70000',
  ':x',
  '::1:5000',
  'http://localhost:5000',
  'unix:relative.sock',
])('%j is none', (text) => expect(parseListenAddress(text)).toBeNull())

test('every address and port is read as it was written', () => {
  const host = fc.oneof(
    fc.ipV4().map((address) => ({ written: address, hostname: address })),
    fc.ipV6().map((address) => ({ written: `[${address}]`, hostname: address })),
    fc.domain().map((name) => ({ written: name, hostname: name })),
    fc.constant({ written: '', hostname: '::' }),
  )
  fc.assert(
    fc.property(host, fc.nat(70_000), ({ written, hostname }, port) => {
      expect(parseListenAddress(`${written}:${port}`)).toEqual(
        port > 65_535 ? null : { kind: 'tcp', hostname, port },
      )
    }),
    { numRuns: 200 },
  )
})

test('any other text is an address that could be, or none', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'a1:[]./ unix') })),
      (text) => {
        const address = parseListenAddress(text)
        if (address?.kind === 'tcp') expect(`${address.hostname}${address.port}`).toMatch(/^[^\s/]+\d+$/)
        if (address?.kind === 'unix') expect(address.path).toStartWith('/')
      },
    ),
    { numRuns: 200 },
  )
})
