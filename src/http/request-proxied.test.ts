/** A request that came through a proxy: whom the server believes, on TCP and on a Unix socket. */
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BadNetwork } from '../lib/network-list.ts'
import type { Address } from './address.ts'
import { parseResponse, RawConnection, serveForTest, textReply } from './raw-client.support.ts'

interface Seen {
  readonly disbelieved: string | null
  readonly origin: string | null
  readonly remoteAddress: string | null
  readonly cutPrefix: string
}

const LOOPBACK: Address = { kind: 'tcp', hostname: '127.0.0.1', port: 0 }

const HEADERS = [
  'Host: upstream:5000',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: registry.example.com',
  'X-Forwarded-For: 203.0.113.7, 10.0.0.2',
  'X-Forwarded-Prefix: /hub',
].join('\r\n')

/** What a server with these proxies sees in a request with these lines, which comes from 127.0.0.1 or the socket. */
async function look(trustedProxies: readonly string[], lines: string, address = LOOPBACK): Promise<Seen> {
  const server = await serveForTest(
    ({ origin, remoteAddress, cutPrefix, disbelieved }) =>
      textReply(200, JSON.stringify({ origin, remoteAddress, cutPrefix, disbelieved })),
    { address, trustedProxies },
  )
  const connection = new RawConnection(
    address.kind === 'unix' ? { path: address.path } : { port: server.port ?? 0 },
  )
  await connection.write(`GET / HTTP/1.0\r\n${lines}\r\n\r\n`)
  const { body } = parseResponse(await connection.closed())
  await server.stop({ graceMilliseconds: 0 })
  return JSON.parse(body.toString())
}

test('a proxy in the list is believed', async () => {
  expect(await look(['127.0.0.0/8', '10.0.0.0/8'], HEADERS)).toEqual({
    origin: 'https://registry.example.com',
    remoteAddress: '203.0.113.7',
    cutPrefix: '/hub',
    disbelieved: null,
  })
})

test('a proxy behind it that is not in the list is the client', async () => {
  const seen = await look(['127.0.0.1'], HEADERS)
  expect(seen.remoteAddress).toBe('10.0.0.2')
})

test('nobody else is', async () => {
  expect(await look(['10.0.0.0/8'], HEADERS)).toEqual({
    origin: 'http://upstream:5000',
    remoteAddress: '127.0.0.1',
    cutPrefix: '',
    disbelieved: '127.0.0.1',
  })
})

test('who reaches the Unix socket is, whatever the list says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-proxied-'))
  const address = { kind: 'unix', path: join(folder, 'socket') } as const
  expect(await look(['10.0.0.0/8'], HEADERS, address)).toEqual({
    origin: 'https://registry.example.com',
    remoteAddress: '203.0.113.7',
    cutPrefix: '/hub',
    disbelieved: null,
  })
  expect(await look([], 'Host: upstream', address)).toMatchObject({
    origin: 'http://upstream',
    remoteAddress: null,
  })
  rmSync(folder, { recursive: true })
})

test('a proxy that says nothing changes nothing', async () => {
  expect(await look(['127.0.0.1'], 'Host: upstream:5000')).toEqual({
    origin: 'http://upstream:5000',
    remoteAddress: '127.0.0.1',
    cutPrefix: '',
    disbelieved: null,
  })
})

test('a request without a host has no origin', async () => {
  expect((await look(['127.0.0.1'], 'Accept: */*')).origin).toBeNull()
})

test('a list with something that is no network does not start', async () => {
  await expect(serveForTest(() => textReply(200, ''), { trustedProxies: ['proxy.local'] })).rejects.toThrow(
    BadNetwork,
  )
})

test('a client that is gone in the middle of its body is still known', async () => {
  const { promise: known, resolve } = Promise.withResolvers<string | null>()
  const server = await serveForTest(
    async (request) => {
      try {
        for await (const _ of request.body()) connection.destroy()
      } catch {
        resolve(request.remoteAddress)
      }
      return textReply(200, '')
    },
    { trustedProxies: ['127.0.0.1'] },
  )
  const connection = new RawConnection({ port: server.port ?? 0 })
  const head = 'PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n'
  await connection.write(`${head}some`)
  expect(await known).toBe('203.0.113.7')
  await server.stop({ graceMilliseconds: 0 })
})
