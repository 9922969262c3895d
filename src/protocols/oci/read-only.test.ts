/** A read-only registry: everything can be read, and nothing changed. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { errorsOf, type OciServer, openOciServer } from '../../../test/oci-server.ts'
import { pushBlob, pushImage, type Sample } from '../../../test/sample-content.ts'
import { parseRepositoryName } from '../../oci/repository-name.ts'
import { OCI_ROUTES } from './handler.ts'

const NAME = parseRepositoryName('a/app')

let server: OciServer
let image: Sample
let blob: Sample
beforeAll(async () => {
  server = await openOciServer({ isReadOnly: true })
  image = await pushImage(server.bench.registry, NAME, 'v1')
  blob = await pushBlob(server.bench.registry, NAME)
})
afterAll(() => server.close())

function addressOf(pattern: string): string {
  return pattern
    .replace(':name+', NAME)
    .replace(':reference', image.digest)
    .replace(':digest', blob.digest)
    .replace(':upload', crypto.randomUUID())
    .replace('/?', '/')
}

const WRITES = OCI_ROUTES.filter(({ method }) => !['GET', 'HEAD'].includes(method))

test.each(WRITES.map(({ method, pattern }) => [method, pattern]))(
  '%s %s is refused',
  async (method, pattern) => {
    const answer = await server.ask(method, addressOf(pattern))
    expect(answer.status).toBe(405)
    expect(errorsOf(answer)).toMatchObject([
      { code: 'UNSUPPORTED', message: expect.stringContaining('read-only') },
    ])
    expect(answer.headers.get('allow') ?? '').toBe(pattern.endsWith('uploads/?') ? 'OPTIONS' : 'GET, HEAD')
  },
)

test('a method that no address takes is not offered one that writes', async () => {
  const answer = await server.ask('PATCH', `/v2/${NAME}/manifests/v1`)
  expect(answer.status).toBe(405)
  expect(answer.headers.get('allow')).toBe('GET, HEAD')
})

test('everything is read as before', async () => {
  for (const path of [
    '/v2/',
    '/v2/_catalog',
    `/v2/${NAME}/tags/list`,
    `/v2/${NAME}/manifests/v1`,
    `/v2/${NAME}/blobs/${blob.digest}`,
  ]) {
    expect((await server.ask('GET', path)).status).toBe(200)
    expect((await server.ask('HEAD', path)).status).toBe(200)
  }
})
