/** Pushing blobs over HTTP, in all the ways that clients do it, and what they are told when it goes wrong. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { type Answer, errorsOf, type OciServer, openOciServer } from '../../../test/oci-server.ts'
import { newBlob, pushBlob, type Sample } from '../../../test/sample-content.ts'
import { until } from '../../../test/until.ts'
import { digestOf } from '../../oci/digest.ts'
import { OCTET_STREAM } from '../../oci/media-type.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'

describe('uploads over HTTP', () => {
  let server: OciServer
  let repository: RepositoryName
  let uploads: string
  beforeAll(async () => {
    server = await openOciServer({ storage: 'filesystem' })
    repository = server.bench.newRepository()
    uploads = `/v2/${repository}/blobs/uploads/`
  })
  afterAll(() => server.close())

  async function begin(query = ''): Promise<string> {
    const answer = await server.ask('POST', `${uploads}${query}`)
    expect(answer.status).toBe(202)
    return locationOf(answer)
  }

  function patch(location: string, bytes: Uint8Array<ArrayBuffer>, range?: string): Promise<Answer> {
    const headers = range === undefined ? {} : { 'content-range': range }
    return server.ask('PATCH', location, { body: bytes, headers })
  }

  function put(location: string, digest: string, body?: Bun.BodyInit, headers: Record<string, string> = {}) {
    return server.ask('PUT', `${location}&digest=${encodeURIComponent(digest)}`, {
      headers,
      ...(body === undefined ? {} : { body }),
    })
  }

  /** Who writes the upload at this moment. */
  async function holderOf(location: string): Promise<unknown> {
    const id = idOf(location)
    const [row] = await server.bench.rows('SELECT writer FROM uploads WHERE id = $1', [id])
    return row?.['writer']
  }

  async function requireStored(answer: Answer, blob: Sample, digest: string = blob.digest): Promise<void> {
    expect(answer.status).toBe(201)
    expect(answer.text).toBe('')
    expect(answer.headers.get('content-length')).toBe('0')
    expect(answer.headers.get('docker-content-digest')).toBe(digest)
    expect(locationOf(answer)).toBe(`/v2/${repository}/blobs/${digest}`)
    const stored = await server.ask('GET', locationOf(answer))
    expect(stored.bytes).toEqual(blob.bytes)
  }

  describe('beginning one', () => {
    test.each(['', '/'])('tells where it is, at uploads%s', async (end) => {
      const answer = await server.ask('POST', `/v2/${repository}/blobs/uploads${end}`)
      expect(answer.status).toBe(202)
      const id = answer.headers.get('docker-upload-uuid')
      expect(locationOf(answer)).toBe(`${uploads}${id}?_state=1`)
      expect(answer.headers.get('range')).toBe('0-0')
      expect(answer.headers.get('content-length')).toBe('0')
    })

    test('in a repository that cannot be: 400', async () => {
      const answer = await server.ask('POST', '/v2/UPPER/blobs/uploads/')
      expect(answer.status).toBe(400)
      expect(errorsOf(answer)).toMatchObject([{ code: 'NAME_INVALID' }])
    })

    test('for an algorithm that is not known: 400', async () => {
      const answer = await server.ask('POST', `${uploads}?digest-algorithm=md5`)
      expect(answer.status).toBe(400)
      expect(errorsOf(answer)).toMatchObject([{ code: 'DIGEST_INVALID' }])
    })
  })

  describe('a blob is stored', () => {
    test('by POST alone', async () => {
      const blob = newBlob()
      const answer = await server.ask('POST', `${uploads}?digest=${blob.digest}`, { body: blob.bytes })
      await requireStored(answer, blob)
    })

    test('by POST and PUT', async () => {
      const blob = newBlob()
      await requireStored(await put(await begin(), blob.digest, blob.bytes), blob)
    })

    test('by POST, PATCH and PUT, as docker does it', async () => {
      const blob = newBlob(OCTET_STREAM, 200_000)
      const location = await begin()
      const streamed = await server.ask('PATCH', location, { body: streamOf(blob.bytes) })
      expect(streamed.status).toBe(202)
      expect(streamed.headers.get('range')).toBe('0-199999')
      expect(locationOf(streamed)).toBe(location)
      await requireStored(await put(location, blob.digest), blob)
    })

    test('in chunks with Content-Range, the last one with PUT', async () => {
      const blob = newBlob(OCTET_STREAM, 3000)
      const location = await begin()
      const first = await patch(location, blob.bytes.slice(0, 1000), '0-999')
      expect(first.status).toBe(202)
      expect(first.headers.get('range')).toBe('0-999')
      const second = await patch(location, blob.bytes.slice(1000, 2000), 'bytes 1000-1999/*')
      expect(second.headers.get('range')).toBe('0-1999')
      const headers = { 'content-range': '2000-2999' }
      await requireStored(await put(location, blob.digest, blob.bytes.slice(2000), headers), blob)
    })

    test('by its sha512, announced or not', async () => {
      for (const query of ['?digest-algorithm=sha512', '']) {
        const blob = newBlob()
        const digest = digestOf(blob.bytes, 'sha512')
        const location = await begin(query)
        await patch(location, blob.bytes)
        await requireStored(await put(location, digest), blob, digest)
      }
    })

    test('although it is empty', async () => {
      const empty = { mediaType: OCTET_STREAM, bytes: new Uint8Array(), digest: digestOf(new Uint8Array()) }
      await requireStored(await put(await begin(), empty.digest), empty)
      const at = `${uploads}?digest=${empty.digest}`
      await requireStored(await server.ask('POST', at, { body: '' }), empty)
    })
  })

  describe('an upload', () => {
    test('says how far it is', async () => {
      const location = await begin()
      const empty = await server.ask('GET', location)
      expect(empty.status).toBe(204)
      expect(empty.headers.get('range')).toBe('0-0')
      await patch(location, new Uint8Array(100))
      const some = await server.ask('GET', location)
      expect(some.headers.get('range')).toBe('0-99')
      expect(locationOf(some)).toBe(location)
      expect(some.headers.get('docker-upload-uuid')).toBe(idOf(location))
    })

    test('goes on where a connection broke off', async () => {
      const blob = newBlob(OCTET_STREAM, 1000)
      const location = await begin()
      const client = await sendPart(server.url, location, 1000, blob.bytes.slice(0, 400))
      await until('somebody writes it', async () => (await holderOf(location)) !== null)
      client.destroy()
      await until('it is free again', async () => (await holderOf(location)) === null)
      expect((await server.ask('GET', location)).headers.get('range')).toBe('0-399')
      const rest = await patch(location, blob.bytes.slice(400), '400-999')
      expect(rest.headers.get('range')).toBe('0-999')
      await requireStored(await put(location, blob.digest), blob)
    })

    test('that is cancelled is gone', async () => {
      const location = await begin()
      await patch(location, new Uint8Array(10))
      const answer = await server.ask('DELETE', location)
      expect(answer.status).toBe(204)
      for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) {
        const gone = await server.ask(method, `${location}&digest=${newBlob().digest}`)
        expect(gone.status).toBe(404)
        expect(errorsOf(gone)).toMatchObject([{ code: 'BLOB_UPLOAD_UNKNOWN' }])
      }
    })

    test.each(['x', crypto.randomUUID(), crypto.randomUUID().toUpperCase(), '..%2F..'])(
      'that never was is unknown: %s',
      async (id) => {
        const answer = await server.ask('GET', `${uploads}${id}`)
        expect(answer.status).toBe(404)
      },
    )

    test('is unknown in another repository', async () => {
      const location = await begin()
      const elsewhere = location.replace(repository, server.bench.newRepository())
      const answer = await server.ask('PATCH', elsewhere, { body: 'x' })
      expect(answer.status).toBe(404)
      expect(errorsOf(answer)).toMatchObject([{ code: 'BLOB_UPLOAD_UNKNOWN' }])
    })
  })

  describe('a chunk out of order', () => {
    test.each(['PATCH', 'PUT'])(
      'of %s is answered 416 with the truth, and the upload goes on',
      async (method) => {
        const blob = newBlob(OCTET_STREAM, 300)
        const location = await begin()
        await patch(location, blob.bytes.slice(0, 100), '0-99')
        const answer = await server.ask(method, `${location}&digest=${blob.digest}`, {
          headers: { 'content-range': '200-299' },
          body: blob.bytes.slice(200),
        })
        expect(answer.status).toBe(416)
        expect(errorsOf(answer)).toMatchObject([{ code: 'RANGE_INVALID' }])
        expect(answer.headers.get('range')).toBe('0-99')
        expect(locationOf(answer)).toBe(location)
        expect((await server.ask('GET', location)).headers.get('range')).toBe('0-99')
        expect((await patch(location, blob.bytes.slice(100), '100-299')).status).toBe(202)
        await requireStored(await put(location, blob.digest), blob)
      },
    )

    test('that was sent twice is told the truth the second time', async () => {
      const location = await begin()
      await patch(location, new Uint8Array(50), '0-49')
      const again = await patch(location, new Uint8Array(50), '0-49')
      expect(again.status).toBe(416)
      expect(again.headers.get('range')).toBe('0-49')
    })
  })

  describe('a Content-Range', () => {
    test.each(['50', 'bytes=0-9', '9-0', 'a-b', '0-'])('of %s is refused: 416', async (range) => {
      const location = await begin()
      const answer = await patch(location, new Uint8Array(10), range)
      expect(answer.status).toBe(416)
      expect(errorsOf(answer)).toMatchObject([{ code: 'RANGE_INVALID' }])
      expect(answer.headers.get('location')).toBe(location)
      expect(answer.headers.get('range')).toBe('0-0')
    })

    test('that is not as long as its body is refused: 400, and nothing of it counts', async () => {
      const location = await begin()
      for (const body of [new Uint8Array(10), streamOf(new Uint8Array(10))]) {
        const headers = { 'content-range': '0-98' }
        const answer = await server.ask('PATCH', location, { headers, body })
        expect(answer.status).toBe(400)
        expect(errorsOf(answer)).toMatchObject([{ code: 'SIZE_INVALID' }])
      }
      expect((await server.ask('GET', location)).headers.get('range')).toBe('0-0')
    })
  })

  describe('a digest', () => {
    test('that the bytes do not have is refused: 400, and the upload is gone', async () => {
      const [blob, other] = [newBlob(), newBlob()]
      const location = await begin()
      const answer = await put(location, other.digest, blob.bytes)
      expect(answer.status).toBe(400)
      const [error] = errorsOf(answer)
      expect(error).toMatchObject({
        code: 'DIGEST_INVALID',
        detail: { digest: other.digest, received: blob.digest },
      })
      expect((await server.ask('GET', location)).status).toBe(404)
    })

    test('that the bytes of a POST do not have is refused: 400', async () => {
      const answer = await server.ask('POST', `${uploads}?digest=${newBlob().digest}`, { body: 'other' })
      expect(answer.status).toBe(400)
      expect(errorsOf(answer)).toMatchObject([{ code: 'DIGEST_INVALID' }])
    })

    test.each(['', '&digest=', '&digest=sha256:short', `&digest=md5:${'0'.repeat(32)}`])(
      'that is missing or none (%s) is refused, and the upload lives',
      async (query) => {
        const location = await begin()
        await patch(location, new Uint8Array(10))
        const answer = await server.ask('PUT', `${location}${query}`)
        expect(answer.status).toBe(400)
        expect(errorsOf(answer)).toMatchObject([{ code: 'DIGEST_INVALID' }])
        expect((await server.ask('GET', location)).headers.get('range')).toBe('0-9')
      },
    )
  })

  describe('a mount', () => {
    let other: RepositoryName
    let blob: Sample
    beforeAll(async () => {
      other = server.bench.newRepository()
      blob = await pushBlob(server.bench.registry, other)
    })

    test('from a repository that has it is created', async () => {
      const answer = await server.ask('POST', `${uploads}?mount=${blob.digest}&from=${other}`)
      await requireStored(answer, blob)
    })

    test('without a name is created', async () => {
      const mine = await pushBlob(server.bench.registry, other)
      const answer = await server.ask('POST', `${uploads}?mount=${encodeURIComponent(mine.digest)}`)
      await requireStored(answer, mine)
    })

    test.each([
      ['that nobody has', () => `?mount=${digestOf(new Uint8Array([8]))}&from=${other}`],
      ['from where it is not', () => `?mount=${blob.digest}&from=nobody/here`],
      ['from where nothing can be', () => `?mount=${blob.digest}&from=UPPER`],
      ['of what is no digest', () => `?mount=nothing&from=${other}`],
      ['of nothing', () => `?mount=&from=${other}`],
    ])('%s is no error: 202 with an upload', async (_, query) => {
      const own = server.bench.newRepository()
      const answer = await server.ask('POST', `/v2/${own}/blobs/uploads/${query()}`)
      expect(answer.status).toBe(202)
      const location = locationOf(answer)
      expect((await server.ask('GET', location)).status).toBe(204)
      expect((await server.ask('DELETE', location)).status).toBe(204)
    })
  })
})

function idOf(location: string): string {
  return /\/([^/?]*)\?/.exec(location)?.[1] ?? 'no id'
}

function locationOf(answer: Answer): string {
  return answer.headers.get('location') ?? 'no Location'
}

function streamOf(bytes: Uint8Array): ReadableStream {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes.slice(0, bytes.length / 2))
      controller.enqueue(bytes.slice(bytes.length / 2))
      controller.close()
    },
  })
}

/** Announces a body of so many bytes, and sends these. */
async function sendPart(url: string, path: string, announced: number, bytes: Uint8Array): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  const sent = Promise.withResolvers<void>()
  socket.write(`PATCH ${path} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Length: ${announced}\r\n\r\n`)
  socket.write(bytes, () => sent.resolve())
  await sent.promise
  return socket
}
