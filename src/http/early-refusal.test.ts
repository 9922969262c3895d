/**
 * A reply before the end of a body, on a connection that ends with it, as nginx asks for with each request: whoever is
 * still sending must not find the connection reset, for then the reply is lost.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import net from 'node:net'
import { RawConnection, serveForTest, textReply } from './raw-client.support.ts'
import type { RunningServer } from './server.ts'

const BODY = Buffer.alloc(20 * 1024 * 1024, 'x')
const LENGTH = `Content-Length: ${BODY.length}\r\n`
const CHUNKS = 'Transfer-Encoding: chunked\r\n'

let server: RunningServer
beforeAll(async () => {
  server = await serveForTest(
    async (request) => {
      if (request.path === '/half') {
        for await (const _ of request.body()) break
      }
      return textReply(403, 'refused')
    },
    { discarding: { restMilliseconds: 3000, wholeMilliseconds: 10_000 } },
  )
})
afterAll(() => server.stop({ graceMilliseconds: 0 }))

/** Sends everything, whatever comes meanwhile, and gives what came and how it ended. */
function sendAll(head: string, body: Buffer): Promise<{ received: string; error: unknown; sent: number }> {
  return new Promise((resolve) => {
    let received = ''
    let error: unknown = null
    const socket = net.connect(server.port ?? 0, '127.0.0.1')
    socket.on('data', (bytes) => {
      received += bytes
    })
    socket.on('error', (problem) => {
      error = problem
    })
    socket.on('close', () => resolve({ received, error, sent: socket.bytesWritten }))
    socket.write(head)
    socket.write(body)
  })
}

const inOneChunk = (body: Buffer) =>
  Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')])

describe.each(['/none', '/half'])('a body of which %s was read', (path) => {
  test.each([
    ['of HTTP/1.0', `PUT ${path} HTTP/1.0\r\nHost: a\r\nConnection: close\r\n${LENGTH}\r\n`, BODY],
    ['with a length', `PUT ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${LENGTH}\r\n`, BODY],
    ['in chunks', `PUT ${path} HTTP/1.1\r\nHost: a\r\nconnection: Close\r\n${CHUNKS}\r\n`, inOneChunk(BODY)],
  ])('%s is taken to its end, and then the refusal comes', async (_, head, body) => {
    const { received, error, sent } = await sendAll(head, body)
    expect(error).toBeNull()
    expect(sent).toBe(head.length + body.length)
    expect(received).toStartWith('HTTP/1.1 403')
    expect(received).toEndWith('refused')
  })

  test('on a connection that is kept is not waited for, and the next request is answered', async () => {
    const connection = new RawConnection({ port: server.port ?? 0 })
    await connection.write(`PUT ${path} HTTP/1.1\r\nHost: a\r\n${LENGTH}\r\nx`)
    await connection.until('refused')
    await connection.write(BODY.subarray(1))
    await connection.write('GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    const received = (await connection.closed()).toString()
    expect(received.split('HTTP/1.1 403')).toHaveLength(3)
  })
})

const HEAD = `PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${LENGTH}\r\n`

test('a client that sends nothing more gets its refusal soon', async () => {
  const discarding = { restMilliseconds: 50, wholeMilliseconds: 60_000 }
  const hasty = await serveForTest(() => textReply(403, 'refused'), { discarding })
  const connection = new RawConnection({ port: hasty.port ?? 0 })
  await connection.write(`${HEAD}x`)
  expect((await connection.closed()).toString()).toEndWith('refused')
  await hasty.stop({ graceMilliseconds: 0 })
})

test('a client that sends without an end gets its refusal when the time is over', async () => {
  const discarding = { restMilliseconds: 60_000, wholeMilliseconds: 50 }
  const hasty = await serveForTest(() => textReply(403, 'refused'), { discarding })
  const connection = new RawConnection({ port: hasty.port ?? 0 })
  await connection.write(HEAD)
  const dribble = setInterval(() => void connection.write('x'), 10)
  await connection.until('refused')
  clearInterval(dribble)
  connection.destroy()
  await hasty.stop({ graceMilliseconds: 0 })
})
