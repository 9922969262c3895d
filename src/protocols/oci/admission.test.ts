/** Who is asked to log in, in which words of HTTP, and what a login opens. Tokens are test/auth's. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Answer, errorsOf, type OciServer, openOciServer } from '../../../test/oci-server.ts'
import { newBlob, newIndex, pushBlob, pushManifest } from '../../../test/sample-content.ts'
import { type Authenticator, sillyAuthenticator } from '../../access/authenticate.ts'
import { HtpasswdAuthenticator } from '../../access/htpasswd/authenticator.ts'
import { ANONYMOUS, type Principal } from '../../access/principal.ts'
import { createLog } from '../../observability/log.ts'
import { parseRepositoryName } from '../../oci/repository-name.ts'
import { OCI_ROUTES } from './handler.ts'

const NAME = parseRepositoryName('team/app')
const DIGEST = `sha256:${'a'.repeat(64)}`
const QUIET = createLog({ level: 'error', format: 'json', write: () => {} })

const pull = { Type: 'repository', Class: '', Name: 'team/app', Action: 'pull' }
const push = { ...pull, Action: 'push' }

/** What each route's request needs, as distribution spells it; null where a login is all. */
const NEEDED: readonly (readonly [string, string, object[] | null, string | null])[] = [
  ['GET', '/v2/', null, null],
  ['GET', '/v2', null, null],
  [
    'GET',
    '/v2/_catalog',
    [{ Type: 'registry', Class: '', Name: 'catalog', Action: '*' }],
    'registry:catalog:*',
  ],
  ['GET', '/v2/team/app/manifests/1', [pull], 'repository:team/app:pull'],
  ['HEAD', '/v2/team/app/manifests/1', [pull], 'repository:team/app:pull'],
  ['PUT', '/v2/team/app/manifests/1', [pull, push], 'repository:team/app:pull,push'],
  ['DELETE', '/v2/team/app/manifests/1', [{ ...pull, Action: 'delete' }], 'repository:team/app:delete'],
  ['GET', '/v2/team/app/tags/list', [pull], 'repository:team/app:pull'],
  ['GET', `/v2/team/app/blobs/${DIGEST}`, [pull], 'repository:team/app:pull'],
  ['HEAD', `/v2/team/app/blobs/${DIGEST}`, [pull], 'repository:team/app:pull'],
  ['GET', `/v2/team/app/referrers/${DIGEST}`, [pull], 'repository:team/app:pull'],
  ['POST', '/v2/team/app/blobs/uploads/', [pull, push], 'repository:team/app:pull,push'],
  [
    'POST',
    `/v2/team/app/blobs/uploads/?mount=${DIGEST}&from=other/app`,
    [pull, push, { ...pull, Name: 'other/app' }],
    'repository:team/app:pull,push repository:other/app:pull',
  ],
  [
    'POST',
    `/v2/team/app/blobs/uploads/?mount=${DIGEST}&from=Not%20A%20Name`,
    [pull, push],
    'repository:team/app:pull,push',
  ],
  ['DELETE', '/v2/team/app/blobs/uploads/x', [pull, push], 'repository:team/app:pull,push'],
  ['GET', '/v2/Not_A_Name/manifests/1', null, null],
]

/** A way in for the tests: any token has these grants. */
function wayFor(grants: () => Record<string, readonly string[]>): Authenticator {
  const bearer = (): Principal => {
    const entries = Object.entries(grants()).map(
      ([resource, actions]) => [resource, new Set(actions)] as const,
    )
    return { kind: 'token', name: 'alice', grants: new Map(entries) }
  }
  return {
    challenge: { kind: 'bearer', realm: '/auth/token', service: 'svc' },
    authenticate: (asked) => (asked.header('authorization') === null ? ANONYMOUS : bearer()),
  }
}

describe('where nobody has logged in', () => {
  let basic: OciServer
  let bearer: OciServer
  const folder = mkdtempSync(join(tmpdir(), 'admission-'))
  const path = join(folder, 'htpasswd')
  beforeAll(async () => {
    writeFileSync(path, '')
    basic = await openOciServer({
      authenticator: new HtpasswdAuthenticator({ realm: 'My "Realm"', path, log: QUIET }),
    })
    const options = { realm: 'https://auth.example/token', service: 'registry.example' }
    bearer = await openOciServer({ authenticator: sillyAuthenticator(options) })
  })
  afterAll(async () => {
    await basic.close()
    await bearer.close()
    rmSync(folder, { recursive: true })
  })

  test.each(NEEDED)(
    '%s %s is answered with 401, a challenge and what is needed',
    async (method, path, detail, scope) => {
      for (const server of [basic, bearer]) {
        const answer = await server.ask(method, path)
        expect(answer.status).toBe(401)
        expect(answer.headers.get('docker-distribution-api-version')).toBe('registry/2.0')
        if (method !== 'HEAD') expect(errorsOf(answer)).toMatchObject([{ code: 'UNAUTHORIZED', detail }])
      }
      expect((await basic.ask(method, path)).headers.get('www-authenticate')).toBe(
        'Basic realm="My \\"Realm\\""',
      )
      expect((await bearer.ask(method, path)).headers.get('www-authenticate')).toBe(
        `Bearer realm="https://auth.example/token",service="registry.example"${scope === null ? '' : `,scope="${scope}"`}`,
      )
    },
  )

  test('a realm in any language is sent as UTF-8, as registry:2 sends it', async () => {
    const options = { realm: 'Реестр 登録', service: 'сервис' }
    const server = await openOciServer({ authenticator: sillyAuthenticator(options) })
    const answer = await server.ask('GET', '/v2/')
    const header = Buffer.from(answer.headers.get('www-authenticate') ?? '', 'latin1').toString()
    expect([answer.status, header]).toEqual([401, 'Bearer realm="Реестр 登録",service="сервис"'])
    await server.close()
  })

  test('every route but the one for load balancers asks for it', async () => {
    for (const { method, pattern } of OCI_ROUTES) {
      const path = pattern.replace(':name+', 'team/app').replace('/?', '/').replace(/:\w+/g, DIGEST)
      expect((await basic.ask(method, path)).status).toBe(pattern === '/' ? 200 : 401)
    }
  })

  test('what needs no rights is answered: OPTIONS, what load balancers ask, nothing there', async () => {
    expect((await basic.ask('OPTIONS', '/v2/team/app/tags/list')).status).toBe(200)
    expect((await basic.ask('POST', '/')).status).toBe(405)
    expect((await basic.ask('GET', '/nothing')).status).toBe(404)
  })

  test.each(['/v2/', '/v2/_catalog', '/v2/team/app/tags/list', '/v2/team/app/manifests/1'])(
    'a method that %s does not take is asked for a login too, as by registry:2',
    async (path) => {
      const answer = await basic.ask('POST', path)
      expect([answer.status, answer.headers.get('allow')]).toEqual([401, null])
    },
  )

  test('credentials that are none are answered in the same way', async () => {
    for (const authorization of ['Basic', 'Basic x', 'Bearer x', 'x']) {
      const answer = await basic.ask('GET', '/v2/', { headers: { authorization } })
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toBe('Basic realm="My \\"Realm\\""')
    }
  })

  test('a list of users that cannot be read is 503 for who logs in, and 401 for who does not', async () => {
    unlinkSync(path)
    const headers = { authorization: `Basic ${btoa('alice:secret')}` }
    const answer = await basic.ask('GET', '/v2/', { headers })
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('5')
    expect(errorsOf(answer)).toMatchObject([{ code: 'UNAVAILABLE' }])
    expect((await basic.ask('GET', '/v2/')).status).toBe(401)
    writeFileSync(path, '')
  })

  test.each([
    ['chunked', {}],
    ['of known length', { 'content-length': String(8 * 1024 * 1024) }],
  ])(
    'a large body, %s, is refused without breaking the connection',
    async (_, headers: Record<string, string>) => {
      const body = new ReadableStream({
        async start(controller) {
          for (let part = 0; part < 128; part++) {
            controller.enqueue(new Uint8Array(64 * 1024))
            await Bun.sleep(0)
          }
          controller.close()
        },
      })
      const answer = await basic.ask('PATCH', '/v2/team/app/blobs/uploads/x', { body, headers })
      expect(answer.status).toBe(401)
      expect((await basic.ask('GET', '/')).status).toBe(200)
    },
  )
})

describe('where any credentials will do', () => {
  let server: OciServer
  const authorized = { headers: { authorization: 'anything' } }
  beforeAll(async () => {
    server = await openOciServer({ authenticator: sillyAuthenticator({ realm: 'x', service: 'y' }) })
  })
  afterAll(() => server.close())

  test('everything is open to them, as with registry:2', async () => {
    expect((await server.ask('GET', '/v2/', authorized)).status).toBe(200)
    const body = newIndex([]).bytes
    expect((await server.ask('PUT', '/v2/team/app/manifests/1', { ...authorized, body })).status).toBe(201)
    expect((await server.ask('DELETE', '/v2/team/app/manifests/1', authorized)).status).toBe(202)
  })
})

describe('with a token', () => {
  const usual = { 'repository:team/app': ['pull', 'push'] }
  let grants: Record<string, readonly string[]> = usual
  let server: OciServer
  let blob: ReturnType<typeof newBlob>
  const other = parseRepositoryName('other/app')
  const authorized = { headers: { authorization: 'Bearer good' } }
  beforeAll(async () => {
    server = await openOciServer({ authenticator: wayFor(() => grants) })
    blob = newBlob()
    await pushBlob(server.bench.registry, other, blob)
    await pushManifest(server.bench.registry, NAME, newIndex([]), '1')
  })
  afterAll(() => server.close())
  const challengeOf = (answer: Answer) => answer.headers.get('www-authenticate')

  test('what it allows is done', async () => {
    expect((await server.ask('GET', '/v2/', authorized)).status).toBe(200)
    expect((await server.ask('GET', '/v2/team/app/manifests/1', authorized)).status).toBe(200)
  })

  test('what it does not allow is answered with 401 and the scope to ask for, at the address that was asked', async () => {
    const answer = await server.ask('DELETE', '/v2/team/app/manifests/1', authorized)
    expect(answer.status).toBe(401)
    expect(challengeOf(answer)).toBe(
      `Bearer realm="${server.url.replace('http:', 'https:')}/auth/token",service="svc",scope="repository:team/app:delete",error="insufficient_scope"`,
    )
    expect((await server.ask('GET', '/v2/_catalog', authorized)).status).toBe(401)
    expect((await server.ask('GET', '/v2/other/app/tags/list', authorized)).status).toBe(401)
  })

  test('a name that is none is told as such', async () => {
    const answer = await server.ask('GET', '/v2/Not_A_Name/manifests/1', authorized)
    expect(errorsOf(answer)).toMatchObject([{ code: 'NAME_INVALID' }])
  })

  test.each([
    ['named', `mount=${'{digest}'}&from=other/app`],
    ['any', 'mount={digest}'],
  ])(
    'a mount from a repository that it may not read (%s) becomes an upload, and tells nothing',
    async (_, query) => {
      const uploads = '/v2/team/app/blobs/uploads/'
      const answer = await server.ask(
        'POST',
        `${uploads}?${query.replace('{digest}', blob.digest)}`,
        authorized,
      )
      const missing = await server.ask('POST', `${uploads}?${query.replace('{digest}', DIGEST)}`, authorized)
      expect([answer.status, missing.status]).toEqual([202, 202])
      expect([...answer.headers.keys()]).toEqual([...missing.headers.keys()])
      expect((await server.ask('HEAD', `/v2/team/app/blobs/${blob.digest}`, authorized)).status).toBe(404)
    },
  )

  test('a mount from a repository that it may read is done, named or not', async () => {
    for (const [target, query] of [
      ['one', '&from=other/app'],
      ['two', ''],
    ]) {
      grants = { [`repository:${target}`]: ['*'], 'repository:other/app': ['pull'] }
      const path = `/v2/${target}/blobs/uploads/?mount=${blob.digest}${query}`
      expect((await server.ask('POST', path, authorized)).status).toBe(201)
    }
    grants = usual
  })
})
