/** Pulling and deleting blobs over HTTP: headers, ranges, conditions; on both kinds of storage. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { DAY, letPass } from '../../../test/collection-bench.ts'
import { type Answer, errorsOf, type OciServer, openOciServer } from '../../../test/oci-server.ts'
import { blobFacts, fileOf } from '../../../test/registry-facts.ts'
import { newBlob, pushBlob, type Sample } from '../../../test/sample-content.ts'
import { digestOf } from '../../oci/digest.ts'
import { OCTET_STREAM } from '../../oci/media-type.ts'
import { parseRepositoryName } from '../../oci/repository-name.ts'

const SIZE = 10_000
const REPOSITORY = parseRepositoryName('team/deep/app')

describe.each(['filesystem', 'memory'] as const)('blobs over HTTP, in %s', (storage) => {
  let server: OciServer
  let blob: Sample
  let path: string
  beforeAll(async () => {
    server = await openOciServer({ storage })
    blob = newBlob(OCTET_STREAM, SIZE)
    await pushBlob(server.bench.registry, REPOSITORY, blob)
    path = `/v2/${REPOSITORY}/blobs/${blob.digest}`
  })
  afterAll(() => server.close())

  function get(range: string, headers: Record<string, string> = {}): Promise<Answer> {
    return server.ask('GET', path, { headers: { range, ...headers } })
  }

  describe('a blob', () => {
    test('comes whole, with all that clients look for', async () => {
      const answer = await server.ask('GET', path)
      expect(answer.status).toBe(200)
      expect(answer.bytes).toEqual(blob.bytes)
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'content-length': String(SIZE),
        'content-type': 'application/octet-stream',
        'docker-content-digest': blob.digest,
        etag: `"${blob.digest}"`,
        'accept-ranges': 'bytes',
        'cache-control': 'max-age=31536000',
      })
      expect(answer.headers.get('content-disposition')).toBeNull()
      expect(answer.headers.get('content-encoding')).toBeNull()
    })

    test('is told by HEAD with the headers of GET, and without a body', async () => {
      const [head, whole] = [await server.ask('HEAD', path), await server.ask('GET', path)]
      expect(head.status).toBe(200)
      expect(head.text).toBe('')
      expect(told(head)).toEqual(told(whole))
    })

    test('that nothing uses is promised to whoever asks by HEAD and may push, and not by GET', async () => {
      const loose = await pushBlob(server.bench.registry, REPOSITORY)
      const address = `/v2/${REPOSITORY}/blobs/${loose.digest}`
      await letPass(server.bench, DAY)
      const epochAfter = async (method: 'GET' | 'HEAD') => {
        expect((await server.ask(method, address)).status).toBe(200)
        return (await blobFacts(server.bench, loose.digest))?.epoch
      }
      expect(await epochAfter('GET')).toBe(1)
      expect(await epochAfter('HEAD')).toBe(2)
      expect(await epochAfter('HEAD')).toBe(2)
    })

    test('is found by its digest percent-encoded, and whatever else the address says', async () => {
      const encoded = path.replace('sha256:', 'sha256%3A')
      for (const address of [encoded, `${path}?ns=docker.io`]) {
        expect((await server.ask('HEAD', address)).headers.get('docker-content-digest')).toBe(blob.digest)
      }
    })

    test('that is empty comes with length 0', async () => {
      const empty = { mediaType: OCTET_STREAM, bytes: new Uint8Array(), digest: digestOf(new Uint8Array()) }
      await pushBlob(server.bench.registry, REPOSITORY, empty)
      for (const method of ['GET', 'HEAD']) {
        const answer = await server.ask(method, `/v2/${REPOSITORY}/blobs/${empty.digest}`)
        expect(answer.status).toBe(200)
        expect(answer.headers.get('content-length')).toBe('0')
      }
    })

    test('that is larger than a manifest may be comes whole too', async () => {
      const large = newBlob(OCTET_STREAM, 5 * 1024 * 1024)
      await pushBlob(server.bench.registry, REPOSITORY, large)
      const address = `/v2/${REPOSITORY}/blobs/${large.digest}`
      expect((await server.ask('HEAD', address)).headers.get('content-length')).toBe(
        String(large.bytes.length),
      )
      expect(digestOf((await server.ask('GET', address)).bytes)).toBe(large.digest)
    })
  })

  describe('a condition', () => {
    test.each([
      ['in its quotes', (digest: string) => `"${digest}"`],
      ['without quotes, as Docker once sent it', (digest: string) => digest],
      ['weak', (digest: string) => `W/"${digest}"`],
      ['among others', (digest: string) => `"a", "${digest}"`],
      ['for anything', () => '*'],
    ])('%s that holds is answered 304', async (_, condition) => {
      const headers = { 'if-none-match': condition(blob.digest) }
      for (const method of ['GET', 'HEAD']) {
        const answer = await server.ask(method, path, { headers })
        expect(answer.status).toBe(304)
        expect(answer.text).toBe('')
        expect(answer.headers.get('etag')).toBe(`"${blob.digest}"`)
        expect(answer.headers.get('cache-control')).toBe('max-age=31536000')
      }
    })

    test('that does not hold changes nothing', async () => {
      const headers = { 'if-none-match': `"${digestOf(new Uint8Array([1]))}"` }
      expect((await server.ask('GET', path, { headers })).bytes).toEqual(blob.bytes)
    })

    test('does not tell of a blob that is not there', async () => {
      const answer = await server.ask('GET', `/v2/other/blobs/${blob.digest}`, {
        headers: { 'if-none-match': `"${blob.digest}"` },
      })
      expect(answer.status).toBe(404)
    })
  })

  describe('a range', () => {
    test.each([
      ['bytes=0-0', 0, 1],
      ['bytes=500-1499', 500, 1500],
      ['bytes=500-', 500, SIZE],
      ['bytes=-500', SIZE - 500, SIZE],
      [`bytes=9000-${SIZE * 2}`, 9000, SIZE],
      [`bytes=-${SIZE * 2}`, 0, SIZE],
    ])('%s comes as 206', async (range, from, to) => {
      const answer = await get(range)
      expect(answer.status).toBe(206)
      expect(answer.bytes).toEqual(blob.bytes.slice(from, to))
      expect(answer.headers.get('content-range')).toBe(`bytes ${from}-${to - 1}/${SIZE}`)
      expect(answer.headers.get('content-length')).toBe(String(to - from))
      expect(answer.headers.get('docker-content-digest')).toBe(blob.digest)
    })

    test.each([`bytes=${SIZE}-`, `bytes=${SIZE}-${SIZE + 5}`, 'bytes=500-0', 'bytes=-0'])(
      '%s holds nothing: 416, which says why',
      async (range) => {
        const answer = await get(range)
        expect(answer.status).toBe(416)
        expect(answer.headers.get('content-range')).toBe(`bytes */${SIZE}`)
        expect(errorsOf(answer)).toMatchObject([{ code: 'RANGE_INVALID' }])
        expect(errorsOf(answer)[0]?.message).toContain(String(SIZE))
      },
    )

    test.each(['bytes=a-b', 'lines=1-2', 'bytes=', 'bytes=1-2-3'])(
      '%s is not understood, and ignored',
      async (range) => {
        const answer = await get(range)
        expect(answer.status).toBe(200)
        expect(answer.bytes).toEqual(blob.bytes)
      },
    )

    test('of several parts comes as multipart/byteranges', async () => {
      const answer = await get('bytes=0-99,5000-5009,-10')
      expect(answer.status).toBe(206)
      const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(
        answer.headers.get('content-type') ?? '',
      )?.[1]
      const parts = answer.text.split(`--${boundary}`).slice(1, -1)
      expect(parts.map((part) => /content-range: (.*)\r/i.exec(part)?.[1])).toEqual([
        `bytes 0-99/${SIZE}`,
        `bytes 5000-5009/${SIZE}`,
        `bytes ${SIZE - 10}-${SIZE - 1}/${SIZE}`,
      ])
      const bodies = parts.map((part) => part.slice(part.indexOf('\r\n\r\n') + 4, -2))
      const text = new TextDecoder().decode(blob.bytes)
      expect(bodies).toEqual([text.slice(0, 100), text.slice(5000, 5010), text.slice(-10)])
    })

    test('goes on only with the same blob', async () => {
      const same = await get('bytes=10-19', { 'if-range': `"${blob.digest}"` })
      expect(same.status).toBe(206)
      const changed = await get('bytes=10-19', { 'if-range': '"another"' })
      expect(changed.status).toBe(200)
      expect(changed.bytes).toEqual(blob.bytes)
    })

    test('is no matter to HEAD', async () => {
      const answer = await server.ask('HEAD', path, { headers: { range: 'bytes=0-9' } })
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-length')).toBe(String(SIZE))
    })
  })

  describe('what is not there', () => {
    test('is answered 404, and the message says what', async () => {
      const absent = digestOf(new Uint8Array([3]))
      const answer = await server.ask('GET', `/v2/${REPOSITORY}/blobs/${absent}`)
      expect(answer.status).toBe(404)
      expect(errorsOf(answer)).toEqual([
        {
          code: 'BLOB_UNKNOWN',
          message: `There is no blob ${absent} in ${REPOSITORY}.`,
          detail: { digest: absent },
        },
      ])
    })

    test('is answered 404 to HEAD without a body, with the length that GET would have', async () => {
      const address = `/v2/${REPOSITORY}/blobs/${digestOf(new Uint8Array([3]))}`
      const [head, whole] = [await server.ask('HEAD', address), await server.ask('GET', address)]
      expect(head.status).toBe(404)
      expect(head.text).toBe('')
      expect(head.headers.get('content-length')).toBe(String(whole.bytes.length))
    })

    test.each([
      'sha256:abc',
      `sha256:${'A'.repeat(64)}`,
      `sha256:${'g'.repeat(64)}`,
      `md5:${'0'.repeat(32)}`,
      `sha512:${'0'.repeat(64)}`,
      'nothing',
    ])('as no digest can be is refused: %s', async (digest) => {
      for (const method of ['GET', 'DELETE']) {
        const answer = await server.ask(method, `/v2/${REPOSITORY}/blobs/${digest}`)
        expect(answer.status).toBe(400)
        expect(errorsOf(answer)).toMatchObject([{ code: 'DIGEST_INVALID' }])
      }
    })

    test.each(['UPPER', 'a/_b', '-a', 'a..b', `${'a'.repeat(256)}`])(
      'in a repository that cannot be is refused: %s',
      async (name) => {
        const answer = await server.ask('GET', `/v2/${name}/blobs/${blob.digest}`)
        expect(answer.status).toBe(400)
        expect(errorsOf(answer)).toMatchObject([{ code: 'NAME_INVALID' }])
      },
    )
  })

  describe('a delete', () => {
    test('is accepted once, and the blob is gone from here', async () => {
      const own = server.bench.newRepository()
      const mine = await pushBlob(server.bench.registry, own)
      const address = `/v2/${own}/blobs/${mine.digest}`
      const answer = await server.ask('DELETE', address)
      expect(answer.status).toBe(202)
      expect(answer.headers.get('content-length')).toBe('0')
      expect((await server.ask('HEAD', address)).status).toBe(404)
      const again = await server.ask('DELETE', address)
      expect(again.status).toBe(404)
      expect(errorsOf(again)).toMatchObject([{ code: 'BLOB_UNKNOWN' }])
    })
  })

  if (storage === 'filesystem') {
    test('a blob whose file is gone is answered 404 to GET and HEAD, and says that a push repairs it', async () => {
      const lost = await pushBlob(server.bench.registry, REPOSITORY)
      rmSync(fileOf(server.bench, lost.digest))
      const address = `/v2/${REPOSITORY}/blobs/${lost.digest}`
      const answer = await server.ask('GET', address)
      expect(answer.status).toBe(404)
      expect(errorsOf(answer)[0]?.message).toContain('Push it again')
      expect((await server.ask('HEAD', address)).status).toBe(404)
    })
  }
})

/** The headers that must be the same for HEAD and GET. */
function told({ headers }: Answer): Record<string, string | null> {
  const names = [
    'content-length',
    'content-type',
    'docker-content-digest',
    'etag',
    'accept-ranges',
    'cache-control',
  ]
  return Object.fromEntries(names.map((name) => [name, headers.get(name)]))
}
