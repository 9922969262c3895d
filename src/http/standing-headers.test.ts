/** The headers that an operator wants on every reply are on every reply, however it came about. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { BadHeader } from '../lib/header-fields.ts'
import { exchange, serveForTest, textReply } from './raw-client.support.ts'
import type { Reply } from './reply.ts'
import type { IncomingRequest } from './request.ts'
import type { RunningServer } from './server.ts'

let server: RunningServer

beforeAll(async () => {
  server = await serveForTest(handle, {
    headers: { 'Access-Control-Allow-Origin': ['*'], 'X-Two': ['one', 'two'], 'Content-Type': ['x/common'] },
    onError: (error) => textReply(500, String(error)),
  })
})
afterAll(() => server.stop({ graceMilliseconds: 0 }))

function handle({ path }: IncomingRequest): Reply {
  switch (path) {
    case '/missing':
      return textReply(404, 'nothing')
    case '/empty':
      return { status: 204, headers: {}, body: null }
    case '/elsewhere':
      return { status: 200, headers: {}, body: { kind: 'redirect', location: 'https://elsewhere.example' } }
    case '/lost':
      return {
        status: 200,
        headers: {},
        body: { kind: 'file', path: '/nowhere/at/all', offset: 0, length: 5 },
      }
    case '/broken':
      throw new Error('broken')
    default:
      return textReply(200, 'here', { 'content-type': 'text/plain' })
  }
}

test.each([
  ['GET /', 200],
  ['HEAD /', 200],
  ['OPTIONS /', 200],
  ['GET /missing', 404],
  ['GET /empty', 204],
  ['GET /elsewhere', 307],
  ['GET /broken', 500],
  ['GET /lost', 500],
  ['GET /%zz', 500],
])('%s has them at status %i', async (line, status) => {
  const response = await exchange(server.port, `${line} HTTP/1.1`)
  expect(response.status).toBe(status)
  expect(response.headers).toMatchObject({ 'access-control-allow-origin': '*', 'x-two': 'one, two' })
})

test('what a reply says itself goes before them', async () => {
  const response = await exchange(server.port, 'GET / HTTP/1.1')
  expect(response.headers['content-type']).toBe('text/plain')
})

test('a header that cannot be sent does not start', async () => {
  const starting = serveForTest(() => textReply(200, ''), { headers: { 'X-Bad': ['a\nb'] } })
  await expect(starting).rejects.toThrow(BadHeader)
})
