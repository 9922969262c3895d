import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Content } from '../lib/content.ts'
import {
  exchange,
  RawConnection,
  serveForTest,
  textReply,
  waitFor,
  waitUntilSteady,
} from './raw-client.support.ts'
import type { Reply } from './reply.ts'
import { BodyLost, type RunningServer } from './server.ts'

const FILE_BYTES = Buffer.from('0123456789'.repeat(1000))
let folder: string
let server: RunningServer
let next: Reply
const errors: unknown[] = []
const failures: unknown[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-reply-'))
  await writeFile(join(folder, 'data'), FILE_BYTES)
  await writeFile(join(folder, 'empty'), '')
  server = await serveForTest(() => next, {
    onError(error) {
      errors.push(error)
      return textReply(503, 'sorry')
    },
    onBodyFailed: (error) => failures.push(error),
  })
})

afterAll(async () => {
  await server.stop({ graceMilliseconds: 0 })
  await rm(folder, { recursive: true })
})

function ask(head: string, reply: Reply) {
  next = reply
  return exchange(server.port, `${head} HTTP/1.1`)
}

function file(offset = 0, length = FILE_BYTES.length): Content {
  return { kind: 'file', path: join(folder, 'data'), offset, length }
}

function ok(body: Content | null, headers: Reply['headers'] = {}): Reply {
  return { status: 200, headers, body }
}

/** A source whose life can be watched. */
function watched(length: number, chunks: () => AsyncGenerator<Uint8Array>) {
  const life = { opened: 0, given: 0, closed: 0 }
  async function* open() {
    life.opened++
    try {
      for await (const chunk of chunks()) {
        life.given++
        yield chunk
      }
    } finally {
      life.closed++
    }
  }
  return { life, content: { kind: 'stream', length, open } satisfies Content }
}

async function* repeat(count: number, size: number) {
  for (let index = 0; index < count; index++) {
    await new Promise((resolve) => setImmediate(resolve))
    yield new Uint8Array(size).fill(index)
  }
}

describe('bytes', () => {
  test('go out with their exact length and the headers given', async () => {
    const response = await ask('GET /', textReply(200, 'hello', { 'docker-content-digest': 'sha256:x' }))
    expect(response).toMatchObject({ status: 200, isWhole: true })
    expect(response.headers).toMatchObject({ 'content-length': '5', 'docker-content-digest': 'sha256:x' })
    expect(response.body.toString()).toBe('hello')
  })

  test('HEAD has the length of the body that GET would have had, one date, and no body', async () => {
    const response = await ask('HEAD /', textReply(200, 'hello'))
    expect(response.headers['content-length']).toBe('5')
    expect(Date.parse(response.headers['date'] ?? '')).toBeGreaterThan(0)
    expect(response.body.length).toBe(0)
  })
})

describe('no body', () => {
  test('is a length of zero', async () => {
    const response = await ask('POST /', { status: 202, headers: {}, body: null })
    expect(response).toMatchObject({ status: 202, isWhole: true })
    expect(response.headers['content-length']).toBe('0')
  })

  test.each([204, 304])('%d has neither body nor length, for GET and for HEAD', async (status) => {
    for (const method of ['GET', 'HEAD']) {
      const response = await ask(`${method} /`, { ...textReply(200, 'hello', { etag: '"x"' }), status })
      expect(response.status).toBe(status)
      expect(response.headers).toMatchObject({ etag: '"x"' })
      expect(response.headers['content-length']).toBeUndefined()
      expect(response.body.length).toBe(0)
    }
  })
})

describe('a file', () => {
  test('goes out whole, with its exact length and without a content-disposition', async () => {
    const response = await ask('GET /', ok(file(), { 'content-type': 'application/octet-stream' }))
    expect(response).toMatchObject({ status: 200, isWhole: true, body: FILE_BYTES })
    expect(Object.keys(response.headers).sort()).toEqual([
      'content-length',
      'content-type',
      'date',
      'x-request-id',
    ])
  })

  test('goes out in part, with the Content-Range given and without a content-disposition', async () => {
    const headers = { 'content-range': 'bytes 3-12/10000', 'content-type': 'application/octet-stream' }
    const response = await ask('GET /', { status: 206, headers, body: file(3, 10) })
    expect(response.status).toBe(206)
    expect(response.headers).toMatchObject({ 'content-length': '10', 'content-range': 'bytes 3-12/10000' })
    expect(response.headers['content-disposition']).toBeUndefined()
    expect(response.body.toString()).toBe('3456789012')
  })

  test('of no bytes is 200 with a length of zero', async () => {
    const body: Content = { kind: 'file', path: join(folder, 'empty'), offset: 0, length: 0 }
    const response = await ask('GET /', ok(body, { 'content-type': 'application/octet-stream' }))
    expect(response.status).toBe(200)
    expect(response.headers).toMatchObject({
      'content-length': '0',
      'content-type': 'application/octet-stream',
    })
  })

  test.each(['bytes=0-9', 'bytes=20000-', 'bytes=0-0,5-6'])(
    'that is to go out whole does so, whatever Range was asked: %s',
    async (range) => {
      const response = await ask(`GET /`, ok(file()))
      const ranged = await exchange(server.port, `GET / HTTP/1.1\r\nRange: ${range}`)
      expect(ranged).toMatchObject({ status: 200, isWhole: true, body: FILE_BYTES })
      expect(ranged.headers['content-range']).toBeUndefined()
      expect(ranged.headers['content-length']).toBe(response.headers['content-length'] ?? '')
    },
  )

  test('keeps its partial reply although the request has a Range', async () => {
    next = { status: 206, headers: { 'content-range': 'bytes 0-9999/10000' }, body: file() }
    const response = await exchange(server.port, 'GET / HTTP/1.1\r\nRange: bytes=5-6')
    expect(response).toMatchObject({ status: 206, body: FILE_BYTES })
    expect(response.headers['content-range']).toBe('bytes 0-9999/10000')
  })

  test('HEAD has its length, even if the file is gone: nothing is opened', async () => {
    const body: Content = { kind: 'file', path: join(folder, 'gone'), offset: 0, length: 77 }
    const response = await ask('HEAD /', ok(body))
    expect(response.status).toBe(200)
    expect(response.headers['content-length']).toBe('77')
  })

  test('that is gone is answered with an error, and nobody sees its path', async () => {
    const body: Content = { kind: 'file', path: join(folder, 'gone'), offset: 0, length: 77 }
    const response = await ask('GET /', ok(body))
    expect(response).toMatchObject({ status: 503, isWhole: true })
    expect(response.body.toString()).toBe('sorry')
    expect(response.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    expect(errors.at(-1)).toBeInstanceOf(BodyLost)
  })
})

describe('a redirect', () => {
  const reply: Reply = {
    status: 200,
    headers: {
      'docker-content-digest': 'sha256:x',
      'content-type': 'application/octet-stream',
      'cache-control': 'max-age=31536000',
      etag: '"sha256:x"',
      'accept-ranges': 'bytes',
    },
    body: { kind: 'redirect', location: 'https://bucket.example/blob?signature=1' },
  }

  test.each(['GET', 'HEAD'])('is 307 for %s, and keeps nothing that describes the body', async (method) => {
    const response = await ask(`${method} /`, reply)
    expect(response.status).toBe(307)
    expect(response.headers).toMatchObject({
      location: 'https://bucket.example/blob?signature=1',
      'docker-content-digest': 'sha256:x',
      'content-length': '0',
    })
    for (const name of ['content-type', 'cache-control', 'etag', 'accept-ranges']) {
      expect(response.headers[name]).toBeUndefined()
    }
  })
})

describe('a stream', () => {
  test('goes out whole, chunked, and its source is closed', async () => {
    const { life, content } = watched(300_000, () => repeat(3, 100_000))
    const response = await ask('GET /', ok(content))
    expect(response).toMatchObject({ status: 200, isWhole: true })
    expect(response.body.equals(Buffer.concat([0, 1, 2].map((fill) => Buffer.alloc(100_000, fill))))).toBe(
      true,
    )
    expect(life).toEqual({ opened: 1, given: 3, closed: 1 })
  })

  test('HEAD has its length and does not open it', async () => {
    const { life, content } = watched(300_000, () => repeat(3, 100_000))
    const response = await ask('HEAD /', ok(content))
    expect(response.headers['content-length']).toBe('300000')
    expect(response.headers['transfer-encoding']).toBeUndefined()
    expect(life.opened).toBe(0)
  })

  test.each([
    ['shorter than announced', 300_001],
    ['longer than announced', 299_999],
  ])('that is %s ends in a cut connection, not in a valid body', async (_, length) => {
    const { life, content } = watched(length, () => repeat(3, 100_000))
    const response = await ask('GET /', ok(content))
    expect(response.isWhole).toBe(false)
    expect(response.body.length).toBeLessThanOrEqual(length)
    expect(life.closed).toBe(1)
    expect(failures.at(-1)).toMatchObject({ name: 'WrongLength' })
  })

  test('that breaks half way ends in a cut connection, and the failure is told', async () => {
    const { content } = watched(300_000, async function* () {
      yield* repeat(2, 100_000)
      throw new Error('the bucket went away')
    })
    const response = await ask('GET /', ok(content))
    expect(response).toMatchObject({ status: 200, isWhole: false })
    expect(failures.at(-1)).toMatchObject({ message: 'the bucket went away' })
  })

  test('that breaks is not reported by Bun as well', async () => {
    const script = `
      const { serveForTest, exchange } = await import(${JSON.stringify(join(import.meta.dir, 'raw-client.support.ts'))})
      const open = async function* () {
        yield new Uint8Array(10)
      }
      const body = { kind: 'stream', length: 11, open }
      const server = await serveForTest(() => ({ status: 200, headers: {}, body }))
      const response = await exchange(server.port, 'GET / HTTP/1.1')
      console.log(response.isWhole)
      await server.stop({ graceMilliseconds: 0 })`
    const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe', stderr: 'pipe' })
    expect(await new Response(child.stderr).text()).toBe('')
    expect(await new Response(child.stdout).text()).toBe('false\n')
  })

  test('that cannot even start is answered with an error', async () => {
    const { content } = watched(300_000, () => {
      throw new Error('the bucket is not there')
    })
    expect(await ask('GET /', ok(content))).toMatchObject({ status: 503, isWhole: true })
    expect(errors.at(-1)).toMatchObject({ message: 'the bucket is not there' })
  })

  test('of no bytes is not opened', async () => {
    const { life, content } = watched(0, () => repeat(0, 0))
    expect((await ask('GET /', ok(content))).headers['content-length']).toBe('0')
    expect(life.opened).toBe(0)
  })

  test('waits for a slow reader, and is closed when the reader goes away', async () => {
    const { life, content } = watched(2 ** 32, () => repeat(65_536, 65_536))
    next = ok(content)
    const connection = new RawConnection({ port: server.port ?? 0 })
    connection.stopReading()
    await connection.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    await waitFor(() => life.given > 0, 'the source to begin')
    await waitUntilSteady(() => life.given)
    expect(life.given * 65_536).toBeLessThan(32 * 2 ** 20)
    connection.destroy()
    await waitFor(() => life.closed === 1, 'the source to be closed')
  })

  test('whose reader goes away before its first chunk is closed', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { life, content } = watched(200_000, async function* () {
      await promise
      yield* repeat(2, 100_000)
    })
    next = ok(content)
    const connection = new RawConnection({ port: server.port ?? 0 })
    await connection.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    await waitFor(() => life.opened === 1, 'the source to be opened')
    connection.destroy()
    await connection.closed()
    // The server has seen the end of that connection when it answers on a younger one.
    await ask('GET /', textReply(200, 'x'))
    resolve()
    await waitFor(() => life.closed === 1, 'the source to be closed')
    expect(life.given).toBe(1)
  })
})

test('one connection carries a file, a stream and bytes one after another', async () => {
  const { content } = watched(200_000, () => repeat(2, 100_000))
  const connection = new RawConnection({ port: server.port ?? 0 })
  const ends = ['0123456789', '\r\n0\r\n\r\n', 'the end']
  for (const [index, reply] of [ok(file()), ok(content), textReply(404, 'the end')].entries()) {
    next = reply
    await connection.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    await connection.until(ends[index] ?? '')
  }
  const statuses = connection.received.toString('latin1').match(/HTTP\/1\.1 \d+/g) ?? []
  expect([...statuses]).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 404'])
  connection.destroy()
})
