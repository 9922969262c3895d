import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { isAnswering } from './address.ts'
import { exchange, RawConnection, serveForTest, textReply, waitFor } from './raw-client.support.ts'
import type { Reply } from './reply.ts'
import type { IncomingRequest } from './request.ts'
import type { RunningServer } from './server.ts'

const GET = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n'

function connectTo(server: RunningServer): RawConnection {
  return new RawConnection({ port: server.port ?? 0 })
}

describe('every reply', () => {
  let server: RunningServer
  const told: [string, number, boolean][] = []

  beforeAll(async () => {
    server = await serveForTest(
      (request) => {
        if (request.path === '/broken') throw new Error('the disk is on fire')
        if (request.path === '/bad-header') return { status: 200, headers: { 'x-bad': 'a\r\nb' }, body: null }
        return textReply(200, request.method)
      },
      {
        onReply: (request, reply, milliseconds) =>
          told.push([`${request.method} ${request.path}`, reply.status, milliseconds >= 0]),
        onError: () => textReply(500, 'sorry'),
      },
    )
  })

  afterAll(() => server.stop({ graceMilliseconds: 0 }))

  test('has an id, and is told once it is decided', async () => {
    const response = await exchange(server.port, 'GET /x HTTP/1.1')
    expect(response.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    expect(told.at(-1)).toEqual(['GET /x', 200, true])
  })

  test.each(['/broken', '/bad-header'])(
    'to what a handler cannot do (%s) is the error reply, nothing else',
    async (path) => {
      const response = await exchange(server.port, `GET ${path} HTTP/1.1`)
      expect(response.status).toBe(500)
      expect(response.body.toString()).toBe('sorry')
      expect(response.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
      expect(told.at(-1)).toEqual([`GET ${path}`, 500, true])
    },
  )

  test('to an error that the error reply stumbles over is its second attempt', async () => {
    const stumbling = await serveForTest(
      () => {
        throw new Error('first')
      },
      {
        onError(error, request) {
          if (request !== null) throw new Error('second')
          return textReply(500, String(error))
        },
      },
    )
    const response = await exchange(stumbling.port, 'GET / HTTP/1.1')
    expect(response.body.toString()).toBe('Error: second')
    expect(response.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    await stumbling.stop({ graceMilliseconds: 0 })
  })

  test.each(['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'])(
    'to %s comes from the handler',
    async (method) => {
      expect((await exchange(server.port, `${method} / HTTP/1.1`)).body.toString()).toBe(method)
    },
  )

  test('to a token of forty kilobytes comes from the handler too', async () => {
    const response = await exchange(
      server.port,
      `GET / HTTP/1.1\r\nAuthorization: Bearer ${'x'.repeat(40_000)}`,
    )
    expect(response.status).toBe(200)
  })

  test('to one after another on one connection comes in order', async () => {
    const connection = connectTo(server)
    for (const method of ['GET', 'PUT', 'DELETE']) {
      await connection.write(`${method} / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n`)
      await connection.until(`\r\n\r\n${method}`)
    }
    expect(connection.isClosed).toBe(false)
    connection.destroy()
  })
})

test('replies to requests that were sent ahead are never mixed up', async () => {
  const server = await serveForTest(async (request) => {
    if (request.path === '/1') await new Promise((resolve) => setImmediate(resolve))
    return textReply(200, `reply ${request.path}`)
  })
  const connection = connectTo(server)
  await connection.write([1, 2, 3].map((path) => `GET /${path} HTTP/1.1\r\nHost: test\r\n\r\n`).join(''))
  // Bun closes the connection where a reply is not ready when the next request is there.
  await waitFor(() => connection.isClosed || connection.received.includes('reply /3'), 'replies or an end')
  const replies = [...(connection.received.toString('latin1').match(/reply \/\d/g) ?? [])]
  expect(['reply /1', 'reply /2', 'reply /3'].slice(0, replies.length)).toEqual(replies)
  connection.destroy()
  await server.stop({ graceMilliseconds: 0 })
})

describe('a large body that is refused', () => {
  const SIZE = 64 * 2 ** 20
  const cases: [string, (request: IncomingRequest) => Promise<Reply>][] = [
    ['unread', async () => textReply(413, 'too large')],
    [
      'half way',
      async (request) => {
        for await (const chunk of request.body()) if (chunk.length > 0) break
        return textReply(413, 'too large')
      },
    ],
  ]
  const framings: [string, string, (chunk: Buffer) => Buffer][] = [
    ['with a length', `Content-Length: ${SIZE}`, (chunk) => chunk],
    [
      'in chunks',
      'Transfer-Encoding: chunked',
      (chunk) => Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]),
    ],
  ]

  describe.each(cases)('%s', (_, handle) => {
    test.each(framings)(
      '%s, is answered while it is sent, and may be sent to its end',
      async (_, header, frame) => {
        const server = await serveForTest(handle)
        const connection = connectTo(server)
        await connection.write(`PUT / HTTP/1.1\r\nHost: test\r\n${header}\r\n\r\n`)
        const chunk = frame(Buffer.alloc(2 ** 20))
        for (let sent = 0; sent < SIZE && !connection.isClosed; sent += 2 ** 20) await connection.write(chunk)
        if (header.startsWith('Transfer')) await connection.write('0\r\n\r\n')
        await connection.until('too large')
        expect(connection.isClosed).toBe(false)
        await connection.write('PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx')
        await waitFor(
          () => connection.received.toString('latin1').split('too large').length === 3,
          'a second reply',
        )
        connection.destroy()
        await server.stop({ graceMilliseconds: 0 })
      },
    )
  })

  test('is refused by the handler alone, however large it is', async () => {
    const server = await serveForTest(() => textReply(403, 'not you'))
    const connection = connectTo(server)
    await connection.write(`PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: ${2 ** 40}\r\n\r\n`)
    expect(await connection.until('not you')).toContain('HTTP/1.1 403')
    connection.destroy()
    await server.stop({ graceMilliseconds: 0 })
  })

  test('is refused before it is sent when the client expects to be asked for it', async () => {
    const server = await serveForTest(() => textReply(413, 'too large'))
    const connection = connectTo(server)
    await connection.write(
      `PUT / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: ${SIZE}\r\n\r\n`,
    )
    expect(await connection.until('too large')).toContain('HTTP/1.1 413')
    connection.destroy()
    await server.stop({ graceMilliseconds: 0 })
  })
})

describe('stop', () => {
  test('closes what rests, refuses what is new, finishes what is in flight, and resolves then', async () => {
    const mayReply = Promise.withResolvers<void>()
    let entered = 0
    const server = await serveForTest(async (request) => {
      entered++
      if (request.path === '/slow') await mayReply.promise
      let received = 0
      for await (const chunk of request.body()) received += chunk.length
      return textReply(200, `received ${received}`)
    })
    const resting = connectTo(server)
    await resting.write(GET)
    await resting.until('received 0')
    const waiting = connectTo(server)
    await waiting.write('GET /slow HTTP/1.1\r\nHost: test\r\n\r\n')
    const sending = connectTo(server)
    await sending.write('PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhello')
    await waitFor(() => entered === 3, 'three requests')

    let stopped = false
    const stopping = server.stop({ graceMilliseconds: 60_000 }).then(() => (stopped = true))
    await resting.closed()
    expect(await isAnswering({ kind: 'tcp', hostname: '127.0.0.1', port: server.port ?? 0 })).toBe(false)
    await sending.write('world')
    expect((await sending.closed()).toString('latin1')).toEndWith('received 10')
    expect(stopped).toBe(false)
    mayReply.resolve()
    expect((await waiting.closed()).toString('latin1')).toEndWith('received 0')
    await stopping
  })

  test('called a second time with less grace hurries the first', async () => {
    let entered = false
    const server = await serveForTest(async ({ signal }) => {
      entered = true
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return textReply(200, 'done')
    })
    const waiting = connectTo(server)
    await waiting.write(GET)
    await waitFor(() => entered, 'the handler')
    const patiently = server.stop({ graceMilliseconds: 60_000 })
    await server.stop({ graceMilliseconds: 0 })
    await patiently
    await waiting.closed()
  })

  test('cuts what is still in flight when the grace time is over, and waits for its handlers to notice', async () => {
    let entered = false
    let left = false
    const server = await serveForTest(async (request) => {
      entered = true
      try {
        await request.bytes({ atMost: 100 })
      } finally {
        await new Promise((resolve) => setImmediate(resolve))
        left = true
      }
      return textReply(200, 'done')
    })
    const sending = connectTo(server)
    await sending.write('PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhello')
    const unfinished = connectTo(server)
    await unfinished.write('GET / HTTP/1.1\r\nHo')
    await waitFor(() => entered, 'the handler')
    await server.stop({ graceMilliseconds: 50 })
    expect(left).toBe(true)
    expect((await sending.closed()).length).toBe(0)
    await unfinished.closed()
  })
})

describe('idle time', () => {
  // Bun looks at its clocks every four seconds, so five are between four and eight: everything waits for one look.
  const idleSeconds = 5
  const mayReply = Promise.withResolvers<void>()
  let server: RunningServer
  let isAbandoned = false
  let sent = 0

  const handlers: Record<string, (request: IncomingRequest) => Promise<void>> = {
    '/resting': async () => {},
    '/served': async (request) => request.allowSlow(600_000),
    '/patient': async (request) => {
      request.allowSlow(600_000)
      await mayReply.promise
    },
    '/hasty': async ({ signal }) => {
      signal.addEventListener('abort', () => {
        isAbandoned = true
      })
      await mayReply.promise
    },
    '/dribbling': async (request) => {
      await request.bytes({ atMost: 1000 })
    },
  }
  const connections: Record<string, RawConnection> = {}
  const to = (path: string) => connections[path] ?? connectTo(server)

  beforeAll(async () => {
    server = await serveForTest(
      async (request) => {
        await handlers[request.path]?.(request)
        return textReply(200, `to ${request.path}`)
      },
      { idleSeconds },
    )
    for (const path of Object.keys(handlers)) {
      const body = path === '/dribbling' ? 'Content-Length: 1000\r\n' : ''
      connections[path] = connectTo(server)
      await to(path).write(`${body === '' ? 'GET' : 'PUT'} ${path} HTTP/1.1\r\nHost: test\r\n${body}\r\n`)
    }
    const dribble = setInterval(() => {
      sent++
      void to('/dribbling').write('x')
    }, 250)
    const idle = ['/resting', '/served', '/hasty'].map(to)
    await waitFor(() => idle.every(({ isClosed }) => isClosed), 'connections to be closed', 12_000)
    clearInterval(dribble)
  }, 15_000)

  afterAll(() => server.stop({ graceMilliseconds: 0 }))

  test('ends a connection that has nothing to do', () => {
    expect(to('/resting').received.toString()).toEndWith('to /resting')
  })

  test('ends a connection whose handler does not reply, and tells the handler', () => {
    expect(to('/hasty').received.length).toBe(0)
    expect(isAbandoned).toBe(true)
  })

  test('does not count for a handler that asked for patience', async () => {
    expect(to('/patient').isClosed).toBe(false)
    mayReply.resolve()
    await to('/patient').until('to /patient')
    to('/patient').destroy()
  })

  test('counts again once that handler has replied', () => {
    expect(to('/served').received.toString()).toEndWith('to /served')
  })

  test('begins anew with every byte of a body, however thin the line', async () => {
    expect(to('/dribbling').isClosed).toBe(false)
    await to('/dribbling').write('x'.repeat(1000 - sent))
    await to('/dribbling').until('to /dribbling')
    to('/dribbling').destroy()
  })
})
