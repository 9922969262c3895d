/** Every route asks for the right that it declares, for the repository that the address names, before anything else. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { errorsOf, type OciServer, openOciServer } from '../../../test/oci-server.ts'
import { newIndex, pushManifest } from '../../../test/sample-content.ts'
import { ACTIONS, type Action } from '../../access/authorize.ts'
import { digestOf } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/repository-name.ts'
import { OCI_ROUTES } from './handler.ts'
import type { OciRoute } from './route.ts'

const NAME = parseRepositoryName('team/app')
const DIGEST = digestOf(new Uint8Array([1]))
const UPLOAD = '01234567-89ab-4def-8123-456789abcdef'

/** What `can` was asked. */
interface Question {
  readonly action: Action
  readonly repository: string | null
  readonly by: string
}

test('every route declares a right that there is, and the table is whole', () => {
  for (const { needs } of OCI_ROUTES) expect(ACTIONS).toContain(needs)
  const table = OCI_ROUTES.map(({ method, pattern, needs }) => `${method} ${pattern} ${needs}`)
  expect(table.toSorted()).toEqual([
    'DELETE /v2/:name+/blobs/:digest delete',
    'DELETE /v2/:name+/blobs/uploads/:upload push',
    'DELETE /v2/:name+/manifests/:reference delete',
    'GET / probe',
    'GET /v2/:name+/blobs/:digest pull',
    'GET /v2/:name+/blobs/uploads/:upload pull',
    'GET /v2/:name+/manifests/:reference pull',
    'GET /v2/:name+/referrers/:digest pull',
    'GET /v2/:name+/tags/list pull',
    'GET /v2/? ping',
    'GET /v2/_catalog list',
    'HEAD /v2/:name+/manifests/:reference pull',
    'PATCH /v2/:name+/blobs/uploads/:upload push',
    'POST /v2/:name+/blobs/uploads/? push',
    'PUT /v2/:name+/blobs/uploads/:upload push',
    'PUT /v2/:name+/manifests/:reference push',
  ])
})

describe('where nobody may do anything', () => {
  let server: OciServer
  const asked: Question[] = []
  beforeAll(async () => {
    server = await openOciServer({
      can(principal, action, repository) {
        asked.push({ action, repository, by: principal.name })
        return false
      },
    })
    await pushManifest(server.bench.registry, NAME, newIndex([]), 'v1')
  })
  afterAll(() => server.close())
  beforeEach(() => {
    asked.length = 0
  })

  test.each(OCI_ROUTES.map((route) => [`${route.method} ${route.pattern}`, route] as const))(
    '%s asks, and is refused',
    async (_, route) => {
      const { method, needs } = route
      const repository = route.pattern.includes(':name+') ? NAME : null
      for (const each of method === 'GET' ? ['GET', 'HEAD'] : [method]) {
        asked.length = 0
        const answer = await server.ask(each, addressOf(route))
        expect(answer.status).toBe(403)
        expect(asked).toEqual([{ action: needs, repository, by: 'anonymous' }])
        if (each === 'HEAD') continue
        const [error] = errorsOf(answer)
        expect(error?.code).toBe('DENIED')
        for (const word of ['anonymous', needs, repository ?? 'this registry']) {
          expect(error?.message).toContain(word)
        }
      }
    },
  )

  test('what is at no address, and what an address takes, is told without asking', async () => {
    expect((await server.ask('GET', '/v2/team/app/elsewhere')).status).toBe(404)
    expect((await server.ask('OPTIONS', '/v2/team/app/tags/list')).status).toBe(200)
    expect(asked).toEqual([])
  })

  test.each([
    ['POST', '/v2/team/app/tags/list', 'push', NAME],
    ['DELETE', '/v2/team/app/tags/list', 'delete', NAME],
    ['PROPFIND', '/v2/team/app/blobs/uploads/', 'pull', NAME],
    ['POST', '/v2/_catalog', 'list', null],
    ['DELETE', '/v2/', 'ping', null],
  ])('%s %s, which is not taken, needs %s', async (method, path, action, repository) => {
    expect((await server.ask(method, path)).status).toBe(403)
    expect(asked).toEqual([{ action, repository, by: 'anonymous' } as Question])
  })

  test('nothing was changed', async () => {
    const answers = await server.bench.rows('SELECT id FROM uploads')
    expect(answers).toEqual([])
    expect(await server.bench.rows('SELECT name FROM tags')).toMatchObject([{ name: 'v1' }])
  })
})

describe('who may push but not overwrite', () => {
  test('pushes new tags, and does not move one', async () => {
    const server = await openOciServer({ can: (_, action) => action === 'push' })
    const put = (tag: string) =>
      server.ask('PUT', `/v2/${NAME}/manifests/${tag}`, { body: newIndex([]).bytes })
    expect((await put('v1')).status).toBe(201)
    expect((await put('v2')).status).toBe(201)
    const refused = await put('v1')
    expect(refused.status).toBe(403)
    expect(errorsOf(refused)).toMatchObject([{ code: 'DENIED' }])
    expect(errorsOf(refused)[0]?.message).toContain('v1')
    await server.close()
  })
})

/** An address that the route takes. */
function addressOf({ pattern }: OciRoute): string {
  return pattern
    .replace('/?', '/')
    .replace(':name+', NAME)
    .replace(':reference', 'v1')
    .replace(':digest', DIGEST)
    .replace(':upload', UPLOAD)
}
