/** HTTP/1.0, as nginx speaks it to its upstreams: no chunks in either direction, and a connection a request. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StreamContent } from '../lib/content.ts'
import { RawConnection, serveForTest, textReply } from './raw-client.support.ts'
import type { Reply } from './reply.ts'
import type { IncomingRequest } from './request.ts'
import type { RunningServer } from './server.ts'

let server: RunningServer
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-http-'))
  writeFileSync(join(folder, 'file'), 'from a file')
  server = await serveForTest(reply)
})
afterAll(async () => {
  await server.stop({ graceMilliseconds: 0 })
  rmSync(folder, { recursive: true })
})

async function reply(request: IncomingRequest): Promise<Reply> {
  const received = await request.bytes({ atMost: 1000 })
  const contents: Record<string, Reply['body']> = {
    '/file': { kind: 'file', path: join(folder, 'file'), offset: 5, length: 6 },
    '/stream': streamOf('one', 'two'),
    '/broken': streamOf('one'),
  }
  const body = contents[request.path]
  return body === undefined ? textReply(200, `${received.length} bytes`) : { status: 200, headers: {}, body }
}

/** Six bytes are announced; a stream of fewer breaks. */
function streamOf(...texts: readonly string[]): StreamContent {
  return {
    kind: 'stream',
    length: 6,
    async *open() {
      for (const text of texts) yield new TextEncoder().encode(text)
    },
  }
}

/** Everything that comes until the server closes the connection. */
async function exchangeOld(line: string, rest = '\r\n'): Promise<{ head: string; body: string }> {
  const connection = new RawConnection({ port: server.port ?? 0 })
  await connection.write(`${line} HTTP/1.0\r\nHost: test\r\n${rest}`)
  const whole = (await connection.closed()).toString()
  const end = whole.indexOf('\r\n\r\n')
  return { head: whole.slice(0, end).toLowerCase(), body: whole.slice(end + 4) }
}

test.each([
  ['GET /bytes', '7'],
  ['GET /file', '6'],
  ['HEAD /file', '6'],
])('%s has a length', async (line, length) => {
  const { head, body } = await exchangeOld(line)
  expect(head).toContain(`content-length: ${length}`)
  expect(body).toHaveLength(line.startsWith('HEAD') ? 0 : Number(length))
})

test('a stream comes as it is, and ends with the connection', async () => {
  const { head, body } = await exchangeOld('GET /stream')
  expect(head).not.toContain('transfer-encoding')
  expect(body).toBe('onetwo')
})

test('a stream that breaks is told from one that ends: the connection is reset', async () => {
  const socket = net.connect(server.port ?? 0, '127.0.0.1')
  const failed = new Promise((resolve) => {
    socket.on('error', resolve)
    socket.on('close', () => resolve(null))
  })
  socket.write('GET /broken HTTP/1.0\r\nHost: test\r\n\r\n')
  expect(await failed).toMatchObject({ code: 'ECONNRESET' })
})

test('a body is as long as it was announced, and there is none without a length', async () => {
  expect((await exchangeOld('PUT /', 'Content-Length: 5\r\n\r\nhello')).body).toBe('5 bytes')
  expect((await exchangeOld('PUT /', '\r\nhello')).body).toBe('0 bytes')
})

test('a connection that wants to be kept is closed after its reply', async () => {
  const { body } = await exchangeOld('GET /bytes', 'Connection: keep-alive\r\n\r\n')
  expect(body).toBe('0 bytes')
})
