import { expect, test } from 'bun:test'
import { BadNetwork, parseNetworkList } from './network-list.ts'

test('an address is in the networks that contain it, and in no other', () => {
  const list = parseNetworkList(['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '::1', ' 172.16.0.0/12 '])
  const found = (addresses: readonly string[]) => addresses.filter((address) => list.includes(address))
  const inside = [
    '10.0.0.0',
    '10.255.255.255',
    '192.0.2.7',
    'fd12::1',
    '::1',
    '::ffff:10.1.2.3',
    '172.31.0.1',
  ]
  expect(found(inside)).toEqual(inside)
  expect(found(['11.0.0.1', '192.0.2.8', 'fe80::1', '::2', '::ffff:11.0.0.1', '172.32.0.1'])).toEqual([])
})

test('an empty list has nobody in it', () => {
  expect(parseNetworkList([]).includes('127.0.0.1')).toBe(false)
})

test('a network of everything has everybody of its family in it', () => {
  const list = parseNetworkList(['0.0.0.0/0'])
  expect([list.includes('8.8.8.8'), list.includes('::1')]).toEqual([true, false])
})

test('what is no address is in no list', () => {
  const list = parseNetworkList(['0.0.0.0/0', '::/0'])
  expect(['', 'unknown', '10.0.0', '10.0.0.1:80', '[::1]'].map((text) => list.includes(text))).toEqual([
    false,
    false,
    false,
    false,
    false,
  ])
})

test.each([
  '',
  'localhost',
  '10.0.0',
  '10.0.0.0/33',
  '10.0.0.0/',
  '10.0.0.0/8/8',
  '10.0.0.0/-1',
  '::1/129',
  'a/8',
])('"%s" is refused, by name', (entry) => {
  expect(() => parseNetworkList(['10.0.0.0/8', entry])).toThrow(BadNetwork)
  expect(() => parseNetworkList([entry])).toThrow(JSON.stringify(entry))
})
