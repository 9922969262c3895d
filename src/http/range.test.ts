import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type { ByteRange } from '../lib/byte-range.ts'
import type { Content } from '../lib/content.ts'
import { parseRange, type RangesAsked, rangedReply } from './range.ts'
import { exchange, serveForTest } from './raw-client.support.ts'
import { contentLength } from './reply.ts'
import type { RunningServer } from './server.ts'

function parts(first: [number, number], ...others: [number, number][]): RangesAsked {
  const range = ([offset, length]: [number, number]) => ({ offset, length })
  return { kind: 'parts', parts: [range(first), ...others.map(range)] }
}

describe('a Range of ten bytes', () => {
  test.each([
    ['bytes=0-0', parts([0, 1])],
    ['bytes=2-5', parts([2, 4])],
    ['bytes=2-', parts([2, 8])],
    ['bytes=-3', parts([7, 3])],
    ['bytes=-30', parts([0, 10])],
    ['bytes=8-30', parts([8, 2])],
    ['bytes=0-99999999999999999999999999', parts([0, 10])],
    ['BYTES=2-5', parts([2, 4])],
    ['bytes=0-1,4-5', parts([0, 2], [4, 2])],
    ['bytes= 4-5 ,, 0-1 ', parts([4, 2], [0, 2])],
    ['bytes=0-1,20-30', parts([0, 2])],
    ['bytes=0-4,3-5', parts([0, 5], [3, 3])],
  ])('%s gives its parts, in the order asked for', (header, expected) => {
    expect(parseRange(header, 10)).toEqual(expected)
  })

  test.each([
    'bytes=10-',
    'bytes=10-20',
    'bytes=5-2',
    'bytes=-0',
    'bytes=99999999999999999999-',
    'bytes=10-,20-30',
  ])('%s cannot be satisfied', (header) => {
    expect(parseRange(header, 10)).toEqual({ kind: 'unsatisfiable' })
  })

  test.each([
    null,
    '',
    'bytes',
    'bytes=',
    'bytes=,',
    'bytes=-',
    'bytes=a-b',
    'bytes=1',
    'bytes=1-2-3',
    'bytes=1-2,x',
    'bytes=-1-2',
    'bytes=1 -2',
    'bytes 1-2',
    'lines=1-2',
  ])('%p is not understood, and so ignored', (header) => {
    expect(parseRange(header, 10)).toEqual({ kind: 'whole' })
  })

  test.each(['bytes=0-,0-', 'bytes=0-5,2-6', 'bytes=0-9,9-9'])(
    '%s adds up to more than the whole: it gets the whole',
    (header) => {
      expect(parseRange(header, 10)).toEqual({ kind: 'whole' })
    },
  )

  test('with more parts than anybody needs gets the whole', () => {
    expect(parseRange(`bytes=${Array(1025).fill('0-0').join(',')}`, 5000)).toEqual({ kind: 'whole' })
  })

  test('may name as many parts as a partial pull does', () => {
    const header = `bytes=${Array.from({ length: 1024 }, (_, index) => `${index * 2}-${index * 2}`).join(',')}`
    expect(parseRange(header, 4096)).toMatchObject({ kind: 'parts' })
  })
})

test('an empty body is sent whole, whatever is asked', () => {
  for (const header of ['bytes=0-', 'bytes=-1', 'bytes=0-0'])
    expect(parseRange(header, 0)).toEqual({ kind: 'whole' })
})

test('whatever the header says, every part lies in the body, and all are no more than the whole', () => {
  const number = fc.oneof(fc.nat(30).map(String), fc.constant(''))
  const spec = fc.tuple(number, number).map(([first, last]) => `${first}-${last}`)
  const header = fc.oneof(
    fc.string(),
    fc.array(spec, { maxLength: 5 }).map((specs) => `bytes=${specs.join(',')}`),
  )
  fc.assert(
    fc.property(header, fc.nat(25), (text, size) => {
      const asked = parseRange(text, size)
      if (asked.kind !== 'parts') return
      for (const { offset, length } of asked.parts) {
        expect(offset >= 0 && length > 0 && offset + length <= size).toBe(true)
      }
      expect(asked.parts.reduce((sum, part) => sum + part.length, 0)).toBeLessThanOrEqual(size)
    }),
  )
})

test('the parts are those bytes that each spec names, one by one', () => {
  const spec = fc
    .tuple(fc.option(fc.nat(12)), fc.option(fc.nat(12)))
    .filter((pair) => pair.some((end) => end !== null))
  fc.assert(
    fc.property(
      fc.array(spec, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 10 }),
      (specs, size) => {
        const bytes = Array.from({ length: size }, (_, at) => at)
        const named = specs
          .map(([first, last]) =>
            bytes.filter((at) =>
              first === null ? at >= size - (last ?? 0) : at >= first && at <= (last ?? size),
            ),
          )
          .filter((part) => part.length > 0)
        const asked = parseRange(
          `bytes=${specs.map(([first, last]) => `${first ?? ''}-${last ?? ''}`).join(',')}`,
          size,
        )
        if (asked.kind === 'parts') {
          expect(asked.parts.map(({ offset, length }) => bytes.slice(offset, offset + length))).toEqual(named)
        } else {
          expect(named.length === 0 ? 'unsatisfiable' : 'whole').toBe(asked.kind)
        }
      },
    ),
    { numRuns: 300 },
  )
})

describe('a reply', () => {
  const BODY = Buffer.from('abcdefghijklmnopqrstuvwxyz'.repeat(100_000))
  const etag = '"sha256:x"'
  let folder: string
  let server: RunningServer
  let content: (range: ByteRange) => Content
  let size = BODY.length
  const lengths: number[] = []

  const fromFile = ({ offset, length }: ByteRange): Content => ({
    kind: 'file',
    path: join(folder, 'data'),
    offset,
    length,
  })
  const fromStream = ({ offset, length }: ByteRange): Content => ({
    kind: 'stream',
    length,
    async *open() {
      yield BODY.subarray(offset, offset + length)
    },
  })

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-range-'))
    await writeFile(join(folder, 'data'), BODY)
    server = await serveForTest((request) => {
      const headers = { 'content-type': 'application/octet-stream', 'docker-content-digest': 'sha256:x' }
      const reply = rangedReply(request, { size, etag, headers, content })
      if (reply.body !== null && reply.body.kind !== 'redirect') lengths.push(contentLength(reply.body))
      return reply
    })
  })

  afterAll(async () => {
    await server.stop({ graceMilliseconds: 0 })
    await rm(folder, { recursive: true })
  })

  const sources: [string, (range: ByteRange) => Content][] = [
    ['a file', fromFile],
    ['a stream', fromStream],
  ]

  describe.each(sources)('from %s', (_, source) => {
    const get = (...headers: string[]) => {
      content = source
      size = BODY.length
      return exchange(server.port, ['GET / HTTP/1.1', ...headers].join('\r\n'))
    }

    test('is the whole without a Range', async () => {
      const response = await get()
      expect(response).toMatchObject({ status: 200, isWhole: true })
      expect(response.body.equals(BODY)).toBe(true)
      expect(response.headers).toMatchObject({
        etag,
        'accept-ranges': 'bytes',
        'docker-content-digest': 'sha256:x',
      })
    })

    test('is a part', async () => {
      const response = await get('Range: bytes=26-30')
      expect(response).toMatchObject({ status: 206, isWhole: true })
      expect(response.body.toString()).toBe('abcde')
      expect(response.headers).toMatchObject({
        'content-range': `bytes 26-30/${BODY.length}`,
        'content-type': 'application/octet-stream',
        'accept-ranges': 'bytes',
        etag,
      })
    })

    test('is the rest, for a download that goes on', async () => {
      const response = await get('Range: bytes=2599990-')
      expect(response.status).toBe(206)
      expect(response.body.toString()).toBe('qrstuvwxyz')
    })

    test('is several parts, each with its range, as long as was known beforehand', async () => {
      const response = await get('Range: bytes=0-2,-3,500000-1500000')
      expect(response).toMatchObject({ status: 206, isWhole: true })
      expect(lengths.at(-1)).toBe(response.body.length)
      expect(response.headers['content-range']).toBeUndefined()
      const found = parseMultipart(response.headers['content-type'] ?? '', response.body)
      expect(found.map(({ head }) => head)).toEqual(
        ['0-2', '2599997-2599999', '500000-1500000'].map(
          (range) => `Content-Range: bytes ${range}/${BODY.length}\r\nContent-Type: application/octet-stream`,
        ),
      )
      expect(found[0]?.body.toString()).toBe('abc')
      expect(found[1]?.body.toString()).toBe('xyz')
      expect(found[2]?.body.equals(BODY.subarray(500_000, 1_500_001))).toBe(true)
    })

    test('of several parts of which one is left is a single part', async () => {
      const response = await get('Range: bytes=9999999-,0-2')
      expect(response.headers['content-range']).toBe(`bytes 0-2/${BODY.length}`)
      expect(response.body.toString()).toBe('abc')
    })

    test('says how long the whole is when nothing of it was asked for', async () => {
      const response = await get('Range: bytes=2600000-')
      expect(response).toMatchObject({ status: 416, isWhole: true })
      expect(response.headers).toMatchObject({
        'content-range': `bytes */${BODY.length}`,
        'content-length': '0',
      })
    })

    test.each([
      ['"sha256:x"', 206],
      ['"sha256:y"', 200],
      ['W/"sha256:x"', 200],
      ['Sun, 22 Nov 2026 10:00:00 GMT', 200],
    ])('heeds If-Range: %s', async (condition, status) => {
      const response = await get('Range: bytes=0-4', `If-Range: ${condition}`)
      expect(response.status).toBe(status)
      expect(response.body.length).toBe(status === 206 ? 5 : BODY.length)
    })

    test('to HEAD is that to the whole, for ranges are for GET', async () => {
      content = source
      const response = await exchange(server.port, 'HEAD / HTTP/1.1\r\nRange: bytes=0-4')
      expect(response.status).toBe(200)
      expect(response.headers).toMatchObject({
        'content-length': String(BODY.length),
        'accept-ranges': 'bytes',
      })
    })
  })

  test('from elsewhere is a redirect to the whole, whatever part was asked for', async () => {
    content = () => ({ kind: 'redirect', location: 'https://bucket.example/x' })
    for (const range of ['bytes=0-4', 'bytes=0-4,7-8']) {
      const response = await exchange(server.port, `GET / HTTP/1.1\r\nRange: ${range}`)
      expect(response.status).toBe(307)
      expect(response.headers['location']).toBe('https://bucket.example/x')
      expect(response.headers['content-range']).toBeUndefined()
    }
  })

  test('of an empty body is 200', async () => {
    content = fromFile
    size = 0
    const response = await exchange(server.port, 'GET / HTTP/1.1\r\nRange: bytes=0-')
    expect(response).toMatchObject({ status: 200, isWhole: true })
    expect(response.headers['content-length']).toBe('0')
  })
})

function parseMultipart(contentType: string, body: Buffer): { head: string; body: Buffer }[] {
  const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(contentType)?.[1] ?? ''
  const text = body.toString('latin1')
  expect(text).toStartWith(`--${boundary}\r\n`)
  expect(text).toEndWith(`\r\n--${boundary}--\r\n`)
  return text
    .slice(0, -`\r\n--${boundary}--\r\n`.length)
    .slice(`--${boundary}\r\n`.length)
    .split(`\r\n--${boundary}\r\n`)
    .map((part) => {
      const end = part.indexOf('\r\n\r\n')
      return { head: part.slice(0, end), body: Buffer.from(part.slice(end + 4), 'latin1') }
    })
}
