/** What holds for every answer of this protocol, and what is said at addresses and for methods that there are none. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { errorsOf, type OciServer, openOciServer } from '../../../test/oci-server.ts'

describe('the OCI protocol', () => {
  let server: OciServer
  beforeAll(async () => {
    server = await openOciServer()
  })
  afterAll(() => server.close())

  test.each(['/v2/', '/v2'])('says at %s that it is here', async (path) => {
    const answer = await server.ask('GET', path)
    expect(answer.status).toBe(200)
    expect(answer.text).toBe('{}')
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(answer.headers.get('content-length')).toBe('2')
    const head = await server.ask('HEAD', path)
    expect(head.status).toBe(200)
    expect(head.headers.get('content-length')).toBe('2')
  })

  test.each([
    ['a success', 'GET', '/v2/'],
    ['a refusal', 'GET', '/v2/a/manifests/nothing'],
    ['no route', 'GET', '/elsewhere'],
    ['no method', 'POST', '/v2/'],
  ])('says in %s which protocol it is, and names the request', async (_, method, path) => {
    const { headers } = await server.ask(method, path)
    expect(headers.get('docker-distribution-api-version')).toBe('registry/2.0')
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('keeps the name that the request has already', async () => {
    const { headers } = await server.ask('GET', '/v2/', { headers: { 'x-request-id': 'from-a-proxy' } })
    expect(headers.get('x-request-id')).toBe('from-a-proxy')
  })

  test.each([
    '/v2/a',
    '/v2/a/',
    '/v2/a/manifests',
    '/v2/a/manifests/',
    '/v2/a/blobs/',
    '/v2//manifests/v1',
    '/v2/a/tags',
    '/v2/a/referrers/',
    '/v2/a/blobs/uploads/one/two',
    '/v1/search',
    '/favicon.ico',
  ])('has nothing at %s', async (path) => {
    const answer = await server.ask('GET', path)
    expect(answer.status).toBe(404)
    expect(errorsOf(answer)).toMatchObject([{ code: 'NOT_FOUND' }])
    expect(errorsOf(answer)[0]?.message).toContain(path)
  })

  test.each([
    ['/v2//', '/v2/'],
    ['//v2//a//tags//list', '/v2/a/tags/list'],
    ['/v2/a/tags/list/?n=1&last=x', '/v2/a/tags/list?n=1&last=x'],
    ['/v2/_catalog/', '/v2/_catalog'],
    ['/v2/a//manifests/v%0A%3F%231', '/v2/a/manifests/v%0A%3F%231'],
  ])('sends %s to %s', async (path, meant) => {
    const answer = await server.ask('GET', path)
    expect(answer.status).toBe(301)
    expect(answer.headers.get('location')).toBe(meant)
  })

  test('sends nobody to another host', async () => {
    for (const path of ['//example.com/', '//example.com/..;/v2', '///example.com//v2']) {
      expect((await server.ask('GET', path)).headers.get('location')).toBeNull()
    }
  })

  test.each([
    ['POST', '/v2/', 'GET, HEAD'],
    ['POST', '/v2/_catalog', 'GET, HEAD'],
    ['DELETE', '/v2/a/tags/list', 'GET, HEAD'],
    ['PATCH', '/v2/a/manifests/v1', 'DELETE, GET, HEAD, PUT'],
    ['PUT', `/v2/a/blobs/sha256:${'0'.repeat(64)}`, 'DELETE, GET, HEAD'],
    ['POST', `/v2/a/referrers/sha256:${'0'.repeat(64)}`, 'GET, HEAD'],
    ['POST', '/v2/a/blobs/uploads/x', 'DELETE, GET, HEAD, PATCH, PUT'],
  ])('refuses %s %s, and says what it takes', async (method, path, allow) => {
    const answer = await server.ask(method, path)
    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toBe(allow)
    const [error] = errorsOf(answer)
    expect(error?.code).toBe('UNSUPPORTED')
    expect(error?.message).toContain(method)
    expect(error?.message).toContain(allow)
  })

  test('answers OPTIONS with what it takes', async () => {
    const answer = await server.ask('OPTIONS', '/v2/a/manifests/v1')
    expect(answer.status).toBe(200)
    expect(answer.headers.get('allow')).toBe('DELETE, GET, HEAD, PUT')
    expect(answer.text).toBe('')
    expect((await server.ask('OPTIONS', '/v2/a/nothing')).status).toBe(404)
  })

  test('bears parameters that it does not know', async () => {
    expect((await server.ask('GET', '/v2/?ns=docker.io')).status).toBe(200)
    expect((await server.ask('GET', '/v2/_catalog?ns=docker.io&_state=x')).status).toBe(200)
  })

  test('refuses an address that cannot be decoded', async () => {
    const answer = await server.ask('GET', '/v2/a/manifests/%zz')
    expect(answer.status).toBe(400)
    expect(errorsOf(answer)).toMatchObject([{ code: 'REQUEST_INVALID' }])
  })
})
