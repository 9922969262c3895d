/** What is said of failures that are not the client's doing, and of what is switched off or malformed, at any address. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DelegatingBlobStore } from '../../../test/delegating-stores.ts'
import { errorsOf, type OciServer, openOciServer } from '../../../test/oci-server.ts'
import { describeOnDatabases } from '../../../test/registry-bench.ts'
import { digestOf } from '../../oci/digest.ts'
import { explained } from '../../storage/filesystem/failures.ts'

const DIGEST = digestOf(new Uint8Array())

describeOnDatabases('control characters in a query', (open) => {
  let server: OciServer
  beforeAll(async () => {
    server = await openOciServer({ open })
  })
  afterAll(() => server.close())

  test.each([
    '/v2/_catalog?last=%00',
    '/v2/a/tags/list?last=%00',
    `/v2/a/referrers/${DIGEST}?artifactType=%00`,
    `/v2/a/referrers/${DIGEST}?last=%00,%1f`,
  ])('are refused: %s', async (path) => {
    const answer = await server.ask('GET', path)
    expect(answer.status).toBe(400)
    expect(errorsOf(answer)).toMatchObject([
      { code: 'REQUEST_INVALID', message: expect.stringContaining('control character') },
    ])
  })
})

test('what the operator must mend stands in the log; the client is told to try again, without paths', async () => {
  const server = await openOciServer({ storage: 'filesystem' })
  const uploads = join(server.bench.root, 'berth/uploads')
  rmSync(uploads, { recursive: true })
  writeFileSync(uploads, 'no folder')
  const answer = await server.ask('POST', `/v2/a/blobs/uploads/?digest=${DIGEST}`, { body: 'x' })
  expect(answer.status).toBe(503)
  expect(answer.headers.get('retry-after')).toBe('5')
  const [error] = errorsOf(answer)
  expect(error).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('try again') })
  expect(answer.text).not.toContain(server.bench.root)
  expect(JSON.stringify(server.log)).toContain(server.bench.root)
  await server.close()
})

describe('a disk that takes nothing more', () => {
  const place = '/srv/registry'
  let server: OciServer
  let kernelCode: string
  class ObstructedDisk extends DelegatingBlobStore {
    override append(): Promise<never> {
      return Promise.reject(explained(Object.assign(new Error(), { code: kernelCode }), place))
    }
  }
  beforeAll(async () => {
    server = await openOciServer({ blobs: (real) => new ObstructedDisk(real) })
  })
  afterAll(() => server.close())

  test.each([
    ['ENOSPC', 'is full', 'free some space'],
    ['EDQUOT', 'is full', 'free some space'],
    ['EROFS', 'is read-only', 'make it writable'],
  ])('%s tells whoever pushes what is wrong and what to do, without paths', async (code, wrong, remedy) => {
    kernelCode = code
    const answer = await server.ask('POST', `/v2/a/blobs/uploads/?digest=${DIGEST}`, { body: 'x' })
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('5')
    const [error] = errorsOf(answer)
    expect(error).toEqual({ code: 'UNAVAILABLE', message: expect.stringContaining(wrong) })
    expect(error?.message).toContain(`${remedy}, then try again.`)
    expect(answer.text).not.toContain(place)
    expect(JSON.stringify(server.log)).toContain(place)
  })
})

describe('where deletes are switched off', () => {
  let server: OciServer
  beforeAll(async () => {
    server = await openOciServer({ deleteEnabled: false })
  })
  afterAll(() => server.close())

  test.each([
    ['/v2/a/manifests/latest', 'GET, HEAD, PUT'],
    [`/v2/a/blobs/${DIGEST}`, 'GET, HEAD'],
  ])('405 at %s says what is allowed', async (path, allowed) => {
    const answer = await server.ask('DELETE', path)
    expect(answer.status).toBe(405)
    expect(answer.headers.get('allow')).toBe(allowed)
    expect(errorsOf(answer)).toMatchObject([{ code: 'UNSUPPORTED' }])
  })
})
