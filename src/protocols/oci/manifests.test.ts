/** Pushing, pulling and deleting manifests over HTTP: statuses, headers and the refusals that a client can meet. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Answer, errorsOf, type OciServer, openOciServer } from '../../../test/oci-server.ts'
import {
  CONFIG,
  newBlob,
  newImage,
  newIndex,
  newReferrer,
  pushBlob,
  type Sample,
} from '../../../test/sample-content.ts'
import { digestOf } from '../../oci/digest.ts'
import { MANIFEST_LIMIT } from '../../oci/manifest.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../../oci/media-type.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'

describe('manifests over HTTP', () => {
  let server: OciServer
  let repository: RepositoryName
  let config: Sample
  beforeAll(async () => {
    server = await openOciServer()
    repository = server.bench.newRepository()
    config = await pushBlob(server.bench.registry, repository, newBlob(CONFIG))
  })
  afterAll(() => server.close())

  function put(
    manifest: Pick<Sample, 'bytes'>,
    reference: string,
    headers: Record<string, string> = { 'content-type': OCI_MANIFEST },
  ): Promise<Answer> {
    return server.ask('PUT', pathOf(reference), { headers, body: manifest.bytes })
  }

  function pathOf(reference: string): string {
    return `/v2/${repository}/manifests/${reference}`
  }

  function withSize(size: number): Sample {
    const bare = newImage({ config, fields: { annotations: { padding: '' } } })
    const text = new TextDecoder().decode(bare.bytes)
    const padding = 'x'.repeat(size - bare.bytes.length)
    const bytes = new TextEncoder().encode(text.replace('"padding":""', `"padding":"${padding}"`))
    return { ...bare, bytes, digest: digestOf(bytes) }
  }

  describe('a push', () => {
    test('by tag is created, with where it is and what its digest is', async () => {
      const image = newImage({ config })
      const answer = await put(image, 'v1')
      expect(answer.status).toBe(201)
      expect(answer.text).toBe('')
      expect(answer.headers.get('location')).toBe(pathOf(image.digest))
      expect(answer.headers.get('docker-content-digest')).toBe(image.digest)
      expect(answer.headers.get('content-length')).toBe('0')
      expect(answer.headers.get('oci-subject')).toBeNull()
      const there = await server.ask('GET', answer.headers.get('location') ?? '')
      expect(there.bytes).toEqual(image.bytes)
    })

    test('by digest, percent-encoded too, is created', async () => {
      for (const encode of [(digest: string) => digest, encodeURIComponent]) {
        const image = newImage({ config })
        const answer = await put(image, encode(image.digest))
        expect(answer.status).toBe(201)
        expect(answer.headers.get('docker-content-digest')).toBe(image.digest)
        expect(answer.headers.get('oci-tag')).toBeNull()
      }
    })

    test('by a sha512 digest is stored under it', async () => {
      const image = newImage({ config })
      const digest = digestOf(image.bytes, 'sha512')
      const answer = await put(image, digest)
      expect(answer.status).toBe(201)
      expect(answer.headers.get('docker-content-digest')).toBe(digest)
      expect((await server.ask('GET', pathOf(digest))).bytes).toEqual(image.bytes)
    })

    test('by digest with tags is told which tags it has got', async () => {
      const image = newImage({ config })
      const tags = Array.from({ length: 100 }, (_, index) => `many-${index}`)
      const query = tags.map((tag) => `tag=${tag}`).join('&')
      const answer = await put(image, `${image.digest}?${query}`)
      expect(answer.status).toBe(201)
      expect(answer.headers.get('oci-tag')?.split(', ')).toEqual(tags)
      expect((await server.ask('HEAD', pathOf('many-99'))).headers.get('docker-content-digest')).toBe(
        image.digest,
      )
    })

    test('with a subject is told that it is known as its referrer', async () => {
      const subject = newImage({ config })
      const answer = await put(newReferrer(subject, config), 'about')
      expect(answer.status).toBe(201)
      expect(answer.headers.get('oci-subject')).toBe(subject.digest)
    })

    test('without Content-Type, or with its parameters, goes by what the manifest says', async () => {
      expect((await put(newImage({ config }), 'bare', {})).status).toBe(201)
      const headers = { 'content-type': `${OCI_MANIFEST}; charset=utf-8` }
      expect((await put(newImage({ config }), 'parameter', headers)).status).toBe(201)
      expect((await server.ask('HEAD', pathOf('parameter'))).headers.get('content-type')).toBe(OCI_MANIFEST)
    })

    test('in pieces without a length is stored like any other', async () => {
      const image = newImage({ config })
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(image.bytes.slice(0, 10))
          controller.enqueue(image.bytes.slice(10))
          controller.close()
        },
      })
      const answer = await server.ask('PUT', pathOf('pieces'), {
        headers: { 'content-type': OCI_MANIFEST },
        body,
      })
      expect(answer.status).toBe(201)
      expect(answer.headers.get('docker-content-digest')).toBe(image.digest)
    })

    test('of exactly the largest size is stored, and comes back byte by byte', async () => {
      const image = withSize(MANIFEST_LIMIT)
      expect((await put(image, 'largest')).status).toBe(201)
      const answer = await server.ask('GET', pathOf('largest'))
      expect(answer.headers.get('content-length')).toBe(String(MANIFEST_LIMIT))
      expect(digestOf(answer.bytes)).toBe(image.digest)
    })
  })

  describe('a push is refused', () => {
    test('when the manifest is larger: 413', async () => {
      const image = withSize(MANIFEST_LIMIT + 1)
      const answer = await put(image, 'too-large')
      expect(answer.status).toBe(413)
      expect(errorsOf(answer)).toMatchObject([{ code: 'MANIFEST_INVALID' }])
      expect(errorsOf(answer)[0]?.message).toContain(String(MANIFEST_LIMIT))
    })

    test('when it names more than a hundred tags: 414', async () => {
      const image = newImage({ config })
      const query = Array.from({ length: 101 }, (_, index) => `tag=t${index}`).join('&')
      const answer = await put(image, `${image.digest}?${query}`)
      expect(answer.status).toBe(414)
      expect(errorsOf(answer)).toMatchObject([{ code: 'TAG_INVALID' }])
      expect((await server.ask('HEAD', pathOf(image.digest))).status).toBe(404)
    })

    test.each([
      ['a tag that is none', '-v1', 'TAG_INVALID'],
      ['a tag that is too long', 'v'.repeat(129), 'TAG_INVALID'],
      ['a digest that is none', 'sha256:baddigeststring', 'DIGEST_INVALID'],
      ['a digest in upper case', `sha256:${'A'.repeat(64)}`, 'DIGEST_INVALID'],
      ['a digest of other bytes', `sha256:${'0'.repeat(64)}`, 'DIGEST_INVALID'],
      ['a tag parameter that is none', 'v1?tag=-no', 'TAG_INVALID'],
    ])('under %s: 400', async (_, reference, code) => {
      const answer = await put(newImage({ config }), reference)
      expect(answer.status).toBe(400)
      expect(errorsOf(answer)).toMatchObject([{ code }])
    })

    test('in a repository that cannot be: 400', async () => {
      const answer = await server.ask('PUT', '/v2/UPPER/manifests/v1', { body: newImage().bytes })
      expect(answer.status).toBe(400)
      expect(errorsOf(answer)).toMatchObject([{ code: 'NAME_INVALID' }])
    })

    test.each([
      ['is no JSON', 'hello', OCI_MANIFEST],
      ['is empty', '', OCI_MANIFEST],
      ['is of another type than is said', '{"schemaVersion":2,"manifests":[]}', OCI_MANIFEST],
      ['is of schema 1', '{"schemaVersion":1}', 'application/vnd.docker.distribution.manifest.v1+json'],
      ['has no media type', '{"schemaVersion":2,"manifests":[]}', 'no type'],
    ])('when the manifest %s: 400', async (_, text, type) => {
      const bytes = new TextEncoder().encode(text)
      const answer = await put({ bytes }, 'bad', { 'content-type': type })
      expect(answer.status).toBe(400)
      expect(errorsOf(answer)).toMatchObject([{ code: 'MANIFEST_INVALID' }])
    })

    test('when blobs are missing: 400, with one error for each', async () => {
      const missing = [newBlob(CONFIG), newBlob()]
      const image = newImage({ config: missing[0] ?? newBlob(), layers: missing.slice(1) })
      const answer = await put(image, 'missing')
      expect(answer.status).toBe(400)
      const errors = errorsOf(answer)
      expect(errors.map(({ code }) => code)).toEqual(['MANIFEST_BLOB_UNKNOWN', 'MANIFEST_BLOB_UNKNOWN'])
      expect(errors.map(({ detail }) => (detail as { digest: string }).digest).toSorted()).toEqual(
        missing.map(({ digest }) => String(digest)).toSorted(),
      )
    })
  })

  describe('a pull', () => {
    let image: Sample
    beforeAll(async () => {
      image = newImage({ config })
      await put(image, 'pulled')
    })

    test.each(['tag', 'digest', 'encoded digest'])(
      'by %s comes with all that clients look for',
      async (by) => {
        const reference = {
          tag: 'pulled',
          digest: image.digest,
          'encoded digest': encodeURIComponent(image.digest),
        }[by]
        const answer = await server.ask('GET', pathOf(reference ?? ''))
        expect(answer.status).toBe(200)
        expect(answer.bytes).toEqual(image.bytes)
        expect(Object.fromEntries(answer.headers)).toMatchObject({
          'content-type': OCI_MANIFEST,
          'content-length': String(image.bytes.length),
          'docker-content-digest': image.digest,
          etag: `"${image.digest}"`,
        })
        const head = await server.ask('HEAD', pathOf(reference ?? ''))
        expect(head.status).toBe(200)
        expect(head.text).toBe('')
        for (const name of ['content-type', 'content-length', 'docker-content-digest', 'etag']) {
          expect(head.headers.get(name)).toBe(answer.headers.get(name))
        }
      },
    )

    test.each([
      'application/vnd.docker.distribution.manifest.v2+json',
      `${OCI_INDEX}, application/json`,
      'text/html;q=0.8, */*',
      '',
    ])('gives the stored type, whatever is accepted: %j', async (accept) => {
      const answer = await server.ask('GET', pathOf('pulled'), { headers: { accept } })
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe(OCI_MANIFEST)
      expect(answer.bytes).toEqual(image.bytes)
    })

    test('of what the client has already is answered 304', async () => {
      for (const tag of [`"${image.digest}"`, image.digest, `W/"${image.digest}"`]) {
        for (const method of ['GET', 'HEAD']) {
          const answer = await server.ask(method, pathOf('pulled'), { headers: { 'if-none-match': tag } })
          expect(answer.status).toBe(304)
          expect(answer.text).toBe('')
          expect(answer.headers.get('etag')).toBe(`"${image.digest}"`)
        }
      }
    })

    test('of a tag that has moved since comes whole', async () => {
      const next = newImage({ config })
      await put(image, 'moving')
      await put(next, 'moving')
      const headers = { 'if-none-match': `"${image.digest}"` }
      const answer = await server.ask('GET', pathOf('moving'), { headers })
      expect(answer.status).toBe(200)
      expect(answer.bytes).toEqual(next.bytes)
    })

    test('bears parameters that it does not know', async () => {
      expect((await server.ask('GET', pathOf('pulled?ns=docker.io'))).status).toBe(200)
    })

    test.each(['nothing', digestOf(new Uint8Array([5]))])(
      'of %s, which is not there: 404',
      async (reference) => {
        for (const headers of [{}, { 'if-none-match': '*' }]) {
          const answer = await server.ask('GET', pathOf(reference), { headers })
          expect(answer.status).toBe(404)
          expect(errorsOf(answer)).toMatchObject([
            { code: 'MANIFEST_UNKNOWN', detail: { name: repository, reference } },
          ])
        }
        const head = await server.ask('HEAD', pathOf(reference))
        expect(head.status).toBe(404)
        expect(head.text).toBe('')
      },
    )

    test.each([
      ['-no', 'TAG_INVALID'],
      ['sha256:short', 'DIGEST_INVALID'],
    ])('of %s, which cannot be: 400', async (reference, code) => {
      const answer = await server.ask('GET', pathOf(reference))
      expect(answer.status).toBe(400)
      expect(errorsOf(answer)).toMatchObject([{ code }])
    })
  })

  describe('a delete', () => {
    test('by tag takes the tag alone', async () => {
      const image = newImage({ config })
      await put(image, 'one')
      await put(image, 'two')
      expect((await server.ask('DELETE', pathOf('one'))).status).toBe(202)
      expect((await server.ask('HEAD', pathOf('one'))).status).toBe(404)
      expect((await server.ask('HEAD', pathOf('two'))).status).toBe(200)
      expect((await server.ask('HEAD', pathOf(image.digest))).status).toBe(200)
    })

    test('by digest takes the manifest and all of its tags', async () => {
      const image = newIndex([])
      await put(image, 'three', { 'content-type': OCI_INDEX })
      const answer = await server.ask('DELETE', pathOf(image.digest))
      expect(answer.status).toBe(202)
      expect(answer.headers.get('content-length')).toBe('0')
      for (const reference of ['three', image.digest]) {
        expect((await server.ask('HEAD', pathOf(reference))).status).toBe(404)
      }
    })

    test.each([
      ['nothing', 404, 'MANIFEST_UNKNOWN'],
      [digestOf(new Uint8Array([6])), 404, 'MANIFEST_UNKNOWN'],
      ['-no', 400, 'TAG_INVALID'],
      ['sha256:short', 400, 'DIGEST_INVALID'],
    ])('of %s is answered %d', async (reference, status, code) => {
      const answer = await server.ask('DELETE', pathOf(reference))
      expect(answer.status).toBe(status)
      expect(errorsOf(answer)).toMatchObject([{ code }])
    })
  })
})
