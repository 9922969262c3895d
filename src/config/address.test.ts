import { expect, test } from 'bun:test'
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
