import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  exchange,
  RawConnection,
  serveForTest,
  textReply,
  waitFor,
  waitUntilSteady,
} from './raw-client.support.ts'
import { BodyAborted, BodyTooLarge, IncomingRequest } from './request.ts'
import type { RunningServer } from './server.ts'

let server: RunningServer
/** What the handler does with the next request. */
let look: (request: IncomingRequest) => unknown
let seen: { value?: unknown; error?: unknown }

beforeAll(async () => {
  server = await serveForTest(async (request) => {
    try {
      seen = { value: await look(request) }
    } catch (error) {
      seen = { error }
      throw error
    }
    return textReply(200, 'looked')
  })
})

afterAll(() => server.stop({ graceMilliseconds: 0 }))

async function lookAt(head: string, body: string, eyes: typeof look): Promise<unknown> {
  look = eyes
  seen = {}
  await exchange(server.port, head, body)
  if (seen.error !== undefined) throw seen.error
  return seen.value
}

/** A request without a server, to look at what is parsed. */
function requestTo(url: string, headers: Record<string, string> = {}): IncomingRequest {
  return new IncomingRequest(new Request(url, { headers }), {
    isEncrypted: false,
    mayBeHttp2: false,
    remoteAddress: () => null,
    isFromProxy: () => false,
    isProxy: () => false,
    allowSlow: () => {},
    bodyArrived: () => {},
  })
}

describe('the path', () => {
  test.each([
    ['GET /v2/a/b HTTP/1.1', '/v2/a/b'],
    ['GET /v2/a%2Fb/%C3%A4 HTTP/1.1', '/v2/a/b/ä'],
    ['GET /v2/a%252Fb HTTP/1.1', '/v2/a%2Fb'],
    ['GET /v2/a?x=/y HTTP/1.1', '/v2/a'],
    ['GET /v2/a#f?x HTTP/1.1', '/v2/a'],
    ['GET http://other/v2/a HTTP/1.1', '/v2/a'],
    ['GET //other/v2/a HTTP/1.1', '//other/v2/a'],
    ['GET /?u=http://other/x HTTP/1.1', '/'],
  ])('of %s is %s', async (head, path) => {
    expect(await lookAt(head, '', (request) => request.path)).toBe(path)
  })

  test.each(['a b', 'a/../x?', 'u@evil', 'a#b', 'a"b'])(
    'is not looked for where the Host is %s',
    async (host) => {
      seen = {}
      const connection = new RawConnection({ port: server.port ?? 0 })
      await connection.write(`GET /v2/a?x=http://b/c HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      expect((await connection.closed()).toString()).toContain('BadRequest: The Host header is no host')
      expect(seen).toEqual({})
    },
  )

  test.each(['/v2/%zz', '/v2/%', '/v2/%ff'])('%s cannot be decoded: no handler sees it', async (path) => {
    seen = {}
    const response = await exchange(server.port, `GET ${path} HTTP/1.1`)
    expect(response.body.toString()).toStartWith('BadRequest: ')
    expect(seen).toEqual({})
  })
})

describe('the query', () => {
  test('has the first value and all values, which may be none', async () => {
    const found = await lookAt('GET /?tag=a&n=&tag=b%2Bc+d&digest=sha256:1 HTTP/1.1', '', ({ query }) => [
      query.get('tag'),
      query.all('tag'),
      query.get('n'),
      query.get('digest'),
      query.get('last'),
      query.all('last'),
    ])
    expect(found).toEqual(['a', ['a', 'b+c d'], '', 'sha256:1', null, []])
  })

  test('takes what cannot be decoded as it stands', () => {
    expect(requestTo('http://a/?a=%zz&&=&b=%').query.get('a')).toBe('%zz')
    expect(requestTo('http://a/?a=%zz&&=&b=%').query.get('b')).toBe('%')
  })

  test('gives back whatever was encoded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        const url = `http://a/x?v=${encodeURIComponent(value)}&w=1`
        expect(requestTo(url).query.get('v')).toBe(value.toWellFormed())
      }),
    )
  })
})

test.each(['/?last=%00', '/?a=b%0Ac', '/?%1f=1', '/?a=%7F'])(
  '%s has a control character: no handler sees it',
  async (target) => {
    seen = {}
    const response = await exchange(server.port, `GET ${target} HTTP/1.1`)
    expect(response.body.toString()).toStartWith(
      'BadRequest: The query of the address has a control character',
    )
    expect(seen).toEqual({})
  },
)

describe('what two programs could read differently is refused', () => {
  test.each([
    ['two hosts', 'GET / HTTP/1.1\r\nHost: evil', 'more than one Host'],
    [
      'two equal lengths',
      'POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2',
      'more than one Content-Length',
    ],
  ])('%s', async (_, head, sentence) => {
    seen = {}
    const response = await exchange(server.port, head, 'ab')
    expect(response.body.toString()).toContain(sentence)
    expect(seen).toEqual({})
  })
})

describe('the request id', () => {
  test.each(['0f8fad5b-d9cb-469f-a165-70867728950e', 'Root=1-67891233', 'a'])('is kept: %s', async (id) => {
    const response = await exchange(server.port, `GET / HTTP/1.1\r\nX-Request-Id: ${id}`)
    expect(response.headers['x-request-id']).toBe(id)
  })

  test.each(['', 'two words', 'x'.repeat(129), 'a"b', 'ä'])('is a new one for %p', async (id) => {
    const response = await exchange(server.port, `GET / HTTP/1.1\r\nX-Request-Id: ${id}`)
    expect(response.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  })
})

describe('the client', () => {
  test('has its address, without the IPv6 form of an IPv4 one', async () => {
    const everywhere = await serveForTest((request) => textReply(200, String(request.remoteAddress)), {
      address: { kind: 'tcp', hostname: '::', port: 0 },
    })
    expect((await exchange(everywhere.port, 'GET / HTTP/1.1')).body.toString()).toBe('127.0.0.1')
    await everywhere.stop({ graceMilliseconds: 0 })
  })

  test('that goes away aborts the signal', async () => {
    const aborted = Promise.withResolvers<void>()
    let isIn = false
    look = async (request) => {
      request.signal.addEventListener('abort', () => aborted.resolve())
      isIn = true
      await aborted.promise
    }
    const connection = new RawConnection({ port: server.port ?? 0 })
    await connection.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    await waitFor(() => isIn, 'the handler')
    connection.destroy()
    await aborted.promise
  })
})

describe('the body', () => {
  const read = async (request: IncomingRequest) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of request.body()) chunks.push(chunk)
    return Buffer.concat(chunks).toString()
  }

  test.each([
    ['with a length', 'POST / HTTP/1.1\r\nContent-Length: 5', 'hello', 'hello', 5],
    [
      'in chunks',
      'PATCH / HTTP/1.1\r\nTransfer-Encoding: chunked',
      '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n',
      'hello',
      null,
    ],
    ['that is empty', 'PUT / HTTP/1.1\r\nContent-Length: 0', '', '', 0],
    ['that is not there', 'PUT / HTTP/1.1', '', '', null],
    ['that a GET has', 'GET / HTTP/1.1\r\nContent-Length: 5', 'hello', '', 5],
  ])('%s is read', async (_, head, body, expected, length) => {
    expect(await lookAt(head, body, read)).toBe(expected)
    expect(await lookAt(head, body, (request) => request.contentLength)).toBe(length)
  })

  test.each([
    ['shorter than its length', 'POST / HTTP/1.1\r\nContent-Length: 10', 'hello', 5],
    ['without its last chunk', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked', '5\r\nhello\r\n', 5],
    ['in the middle of a chunk', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked', '9\r\nhello', 5],
    ['before it began', 'POST / HTTP/1.1\r\nContent-Length: 10', '', 0],
    ['before it began, in chunks', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked', '', 0],
  ])('that ends %s is an error, with what came delivered', async (_, head, body, received) => {
    let got = 0
    let isIn = false
    let error: unknown
    look = async (request) => {
      isIn = true
      try {
        for await (const chunk of request.body()) got += chunk.length
      } catch (thrown) {
        error = thrown
      }
    }
    const connection = new RawConnection({ port: server.port ?? 0 })
    await connection.write(`${head}\r\nHost: test\r\n\r\n${body}`)
    await waitFor(() => isIn && got === received, 'what was sent')
    connection.destroy()
    await waitFor(() => error !== undefined, 'the error')
    expect(error).toBeInstanceOf(BodyAborted)
    expect(error).toMatchObject({ received })
  })

  test.each([
    ['with a length', 'Content-Length: 10', 'hello'],
    ['in chunks', 'Transfer-Encoding: chunked', '5\r\nhello\r\n'],
  ])('%s, of a client that is gone before anybody reads, is an error', async (_, header, body) => {
    let error: unknown
    let request: IncomingRequest | undefined
    const gone = Promise.withResolvers<void>()
    look = async (incoming) => {
      request = incoming
      incoming.signal.addEventListener('abort', () => gone.resolve())
      await gone.promise
      await read(incoming).catch((thrown) => {
        error = thrown
      })
    }
    const connection = new RawConnection({ port: server.port ?? 0 })
    await connection.write(`POST / HTTP/1.1\r\nHost: test\r\n${header}\r\n\r\n${body}`)
    await waitFor(() => request !== undefined, 'the handler')
    connection.destroy()
    await waitFor(() => error !== undefined, 'the error')
    expect(error).toBeInstanceOf(BodyAborted)
  })

  test('comes no faster than it is read', async () => {
    let received = 0
    const mayGoOn = Promise.withResolvers<void>()
    look = async (request) => {
      for await (const chunk of request.body()) {
        received += chunk.length
        await mayGoOn.promise
      }
    }
    const connection = new RawConnection({ port: server.port ?? 0 })
    const size = 64 * 2 ** 20
    await connection.write(`POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ${size}\r\n\r\n`)
    let taken = 0
    const chunk = new Uint8Array(2 ** 20)
    const sending = (async () => {
      for (let sent = 0; sent < size; sent += chunk.length) {
        await connection.write(chunk)
        taken = sent + chunk.length
      }
    })()
    await waitFor(() => received > 0, 'the first chunk')
    await waitUntilSteady(() => taken)
    expect(taken).toBeLessThan(32 * 2 ** 20)
    mayGoOn.resolve()
    await sending
    await connection.until('looked')
    expect(received).toBe(size)
    connection.destroy()
  })
})

describe('bytes', () => {
  const take = (atMost: number) => async (request: IncomingRequest) =>
    new TextDecoder().decode(await request.bytes({ atMost }))

  test.each([
    ['with a length', 'Content-Length: 5', 'hello'],
    ['in chunks', 'Transfer-Encoding: chunked', '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'],
  ])('%s are taken up to the cap and not beyond', async (_, header, body) => {
    expect(await lookAt(`POST / HTTP/1.1\r\n${header}`, body, take(5))).toBe('hello')
    await expect(lookAt(`POST / HTTP/1.1\r\n${header}`, body, take(4))).rejects.toBeInstanceOf(BodyTooLarge)
  })

  test('are none where there is no body', async () => {
    expect(await lookAt('POST / HTTP/1.1', '', take(5))).toBe('')
  })

  test('that are announced as too many are refused before they come', async () => {
    look = take(5)
    const connection = new RawConnection({ port: server.port ?? 0 })
    await connection.write('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 6\r\n\r\n')
    expect(await connection.until('BodyTooLarge')).toContain('at most 5 bytes')
    connection.destroy()
  })

  test('in chunks are refused at the byte that is too many, while the rest is still to come', async () => {
    look = take(5)
    const connection = new RawConnection({ port: server.port ?? 0 })
    await connection.write(
      'POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello!\r\n',
    )
    await connection.until('BodyTooLarge')
    connection.destroy()
  })
})
