/**
 * Hostility that needs several connections or several steps: uploads that two clients want, that are thrown
 * away while they are written or cut in the middle, and clients that never finish a sentence.
 */
import { expect } from 'bun:test'
import { statSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { parseResponses, RawConnection, type RawResponse } from '../../src/http/raw-client.support.ts'
import type { BerthServer } from '../berth-server.ts'
import { content, noise } from '../clients/images.ts'
import { until } from '../until.ts'
import { codeOf } from './answers.ts'
import { openUpload } from './conversation.ts'
import { get, request } from './requests.ts'
import type { Upload, Wire } from './row.ts'
import { REPOSITORY } from './stock.ts'
import { readVitals } from './vitals.ts'

export interface Sequence {
  readonly name: string
  readonly source: string
  run(berth: BerthServer): Promise<void>
}

const BLOB = content('application/octet-stream', noise('hostile sequences', 4 * 1024 * 1024))
/** More than the server keeps in memory before it writes. */
const HALF = 3 * 1024 * 1024
const [FIRST, REST] = [BLOB.bytes.subarray(0, HALF), BLOB.bytes.subarray(HALF)]
const SLOW_CLIENTS = 100

/** The answer to one request on a connection of its own. */
async function ask({ port }: BerthServer, wire: Wire): Promise<RawResponse | undefined> {
  const connection = new RawConnection({ port })
  await connection.write(wire)
  return await answerOn(connection)
}

async function answerOn(connection: RawConnection): Promise<RawResponse | undefined> {
  const whole = () => parseResponses(connection.received).filter(({ isWhole }) => isWhole)
  await until('it is answered', () => connection.isClosed || whole().length > 0)
  connection.destroy()
  return whole()[0]
}

/** Sends the first half of a body, and gives the connection when the server has it. */
async function sendHalf(berth: BerthServer, upload: Upload): Promise<RawConnection> {
  const connection = new RawConnection({ port: berth.port })
  const headers = [`Content-Length: ${BLOB.bytes.length}`]
  await connection.write(request('PATCH', upload.path, { headers, body: FIRST }))
  await until('the server has written some of it', () => bytesOnDisk(berth, upload) > 0)
  return connection
}

function bytesOnDisk({ data }: BerthServer, { id }: Upload): number {
  return statSync(join(data, 'berth/uploads', id), { throwIfNoEntry: false })?.size ?? 0
}

/** How many bytes the upload has, or -1 where it has none or is not there. */
async function received(berth: BerthServer, upload: Upload): Promise<number> {
  const range = (await ask(berth, get(upload.path)))?.headers['range']
  return range === undefined || range === '0-0' ? -1 : Number(range.replace('0-', '')) + 1
}

async function closeWith(berth: BerthServer, upload: Upload, body: Uint8Array): Promise<number | undefined> {
  return (await ask(berth, request('PUT', upload.with(`digest=${BLOB.digest}`), { body })))?.status
}

/** Ten PUTs that close one upload at once; the one in this place is true, of content that nobody else pushes. */
async function closeAmongLiars(berth: BerthServer, place: number): Promise<void> {
  const truth = content('application/octet-stream', noise(`among liars ${place}`, 64 * 1024))
  const upload = await openUpload(berth.url)
  const close = (body: string | Uint8Array) =>
    ask(berth, request('PUT', upload.with(`digest=${truth.digest}`), { body }))
  const bodies = Array.from({ length: 10 }, (_, at) => (at === place ? truth.bytes : `a lie ${at}`))
  const statuses = (await Promise.all(bodies.map(close))).map((answer) => answer?.status ?? 0)
  for (const status of statuses) expect([201, 400, 404, 416]).toContain(status)
  const isTrue = statuses.includes(201)
  const blob = await ask(berth, get(`/v2/${REPOSITORY}/blobs/${truth.digest}`))
  expect(blob?.status).toBe(isTrue ? 200 : 404)
  if (isTrue) expect(blob?.body.equals(truth.bytes)).toBe(true)
}

/** Asks, and reads no further than the first bytes of the answer. */
async function readFirstBytes({ port }: BerthServer, wire: Wire): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  socket.once('error', reject)
  socket.once('data', () => {
    socket.pause()
    resolve(socket)
  })
  socket.write(wire)
  return await promise
}

export const sequences: readonly Sequence[] = [
  {
    name: 'an upload that is cancelled while it is written is gone, for its writer too',
    source: 'distribution-spec, development branch, end-14',
    async run(berth) {
      const upload = await openUpload(berth.url)
      const writer = await sendHalf(berth, upload)
      expect((await ask(berth, request('DELETE', upload.path)))?.status).toBe(204)
      await writer.write(REST)
      const answer = await answerOn(writer)
      expect(answer?.status).toBe(404)
      expect(answer === undefined ? null : codeOf(answer)).toBe('BLOB_UPLOAD_UNKNOWN')
      expect(await closeWith(berth, upload, BLOB.bytes)).toBe(404)
    },
  },
  {
    name: 'an upload that is cancelled twice is gone once',
    source: 'distribution-spec "Error Codes": BLOB_UPLOAD_UNKNOWN',
    async run(berth) {
      const upload = await openUpload(berth.url)
      const cancel = () => ask(berth, request('DELETE', upload.path))
      const statuses = (await Promise.all([cancel(), cancel(), cancel()])).map((answer) => answer?.status)
      expect(statuses.sort()).toEqual([204, 404, 404])
    },
  },
  {
    name: 'an upload that is cut keeps what came, and goes on from there',
    source: 'distribution-spec "Pushing a blob in chunks": GET says how far it is',
    async run(berth) {
      const upload = await openUpload(berth.url)
      const writer = await sendHalf(berth, upload)
      const written = bytesOnDisk(berth, upload)
      writer.destroy()
      await until('what came is counted', async () => (await received(berth, upload)) >= written)
      const had = await received(berth, upload)
      const rest = BLOB.bytes.subarray(had)
      const headers = [`Content-Range: ${had}-${BLOB.bytes.length - 1}`]
      const answer = await ask(berth, request('PATCH', upload.path, { headers, body: rest }))
      expect(answer?.status).toBe(202)
      expect(await closeWith(berth, upload, new Uint8Array())).toBe(201)
    },
  },
  {
    name: "an upload that two clients write at once is nobody else's in the end",
    source:
      'distribution-spec "Pushing a blob in chunks": 416 out of order; docs/decisions/upload-takeover.md',
    async run(berth) {
      const upload = await openUpload(berth.url)
      const writer = await sendHalf(berth, upload)
      const second = await ask(
        berth,
        request('PATCH', upload.path, {
          headers: [`Content-Range: 0-${BLOB.bytes.length - 1}`],
          body: BLOB.bytes,
        }),
      )
      expect([202, 416]).toContain(second?.status ?? 0)
      await writer.write(REST)
      expect([202, 416]).toContain((await answerOn(writer))?.status ?? 0)
      const had = await received(berth, upload)
      expect(had).toBeGreaterThan(0)
      expect(await closeWith(berth, upload, BLOB.bytes.subarray(had))).toBe(201)
    },
  },
  {
    name: 'an upload that ten clients close at once, nine of them with a lie, is true or gone',
    source: 'distribution-spec "Error Codes"; docker-registry: a wrong digest ends the session',
    async run(berth) {
      for (const place of [0, 1, 5, 9]) await closeAmongLiars(berth, place)
    },
  },
  {
    name: 'clients that never end their first line keep nobody waiting',
    source: 'CVE-2007-6750 (slowloris)',
    async run(berth) {
      const slow = Array.from({ length: SLOW_CLIENTS }, () => new RawConnection({ port: berth.port }))
      await Promise.all(slow.map((client) => client.write('GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Slow: ')))
      expect((await ask(berth, get('/v2/')))?.status).toBe(200)
      expect(slow.filter(({ isClosed }) => isClosed)).toEqual([])
      for (const client of slow) client.destroy()
    },
  },
  {
    name: 'clients that never end their body keep nobody waiting',
    source: 'RFC 9112 §9.5; slow POST',
    async run(berth) {
      const slow = await Promise.all(
        Array.from({ length: 20 }, async () => await sendHalf(berth, await openUpload(berth.url))),
      )
      const upload = await openUpload(berth.url)
      expect(await closeWith(berth, upload, BLOB.bytes)).toBe(201)
      for (const client of slow) client.destroy()
    },
  },
  {
    name: 'a reader that goes away in the middle leaves nothing open',
    source: 'containerd reads a part and drops the connection',
    async run(berth) {
      expect(await closeWith(berth, await openUpload(berth.url), BLOB.bytes)).toBe(201)
      const before = readVitals(berth.pid).descriptors
      const question = get(`/v2/${REPOSITORY}/blobs/${BLOB.digest}`)
      const readers = await Promise.all(Array.from({ length: 20 }, () => readFirstBytes(berth, question)))
      for (const { bytesRead } of readers) {
        expect(bytesRead).toBeGreaterThan(0)
        expect(bytesRead).toBeLessThan(BLOB.bytes.length)
      }
      for (const reader of readers) reader.destroy()
      await until('nothing is open', () => readVitals(berth.pid).descriptors <= before)
      expect((await ask(berth, get('/v2/')))?.status).toBe(200)
    },
  },
]
