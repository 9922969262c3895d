/**
 * The same requests and tokens to Debian's docker-registry (v2), to distribution v3 and to Berth: Berth lets in
 * whom one of them lets in, and nobody else, and asks for a login in the same words.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { calculateJwkThumbprint, SignJWT } from 'jose'
import { SAFE_ALGORITHMS } from '../../src/access/token/authenticator.ts'
import { libtrustId } from '../../src/access/token/key-index.ts'
import { findFreePort } from '../berth-server.ts'
import { makeCertificate, publicJwk } from '../certificates.ts'
import { command, startDaemon } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { startGuardedBerth } from './guarded-berth.ts'

setDefaultTimeout(60_000)

const ISSUER = 'auth.example'
const SERVICE = 'registry.example'
const REALM = 'https://auth.example/token'
const root = await makeCertificate({ name: 'root', isAuthority: true })
const middle = await makeCertificate({ name: 'middle', issuer: root, isAuthority: true })
const leaf = await makeCertificate({ name: 'leaf', issuer: middle })
const stranger = await makeCertificate({ name: 'stranger' })
const listed = await makeCertificate({ name: 'listed' })
const rootKey = await publicJwk(root)

const chain = { x5c: [leaf.base64, middle.base64] }
const PULL = [{ type: 'repository', name: 'team/app', actions: ['pull'] }]
const now = Math.floor(Date.now() / 1000)

interface Row {
  readonly key?: CryptoKey
  readonly header?: Record<string, unknown>
  readonly claims?: Record<string, unknown>
  readonly method?: string
  readonly path?: string
}

/** What is unusual about each token or request. */
const ROWS: Readonly<Record<string, Row>> = {
  'a chain of certificates': {},
  'a certificate that is a root': { key: root.keys.privateKey, header: { x5c: [root.base64] } },
  'a chain without its middle': { header: { x5c: [leaf.base64] } },
  'a chain of a stranger': { key: stranger.keys.privateKey, header: { x5c: [stranger.base64] } },
  'a chain that is not its own': { key: stranger.keys.privateKey },
  'an id of libtrust': { key: root.keys.privateKey, header: { kid: libtrustId(rootKey) } },
  'a thumbprint': { key: root.keys.privateKey, header: { kid: await calculateJwkThumbprint(rootKey) } },
  'an id of the key set': { key: listed.keys.privateKey, header: { kid: 'listed' } },
  'an id that nobody knows': { key: listed.keys.privateKey, header: { kid: 'unknown' } },
  'no key at all': { key: root.keys.privateKey, header: {} },
  'a key of its own under a trusted id': {
    key: stranger.keys.privateKey,
    header: { jwk: { ...(await publicJwk(stranger)), kid: libtrustId(rootKey) } },
  },
  'a key of its own': {
    key: stranger.keys.privateKey,
    header: { jwk: { ...(await publicJwk(stranger)), kid: libtrustId(await publicJwk(stranger)) } },
  },
  'a trusted key that comes along': {
    key: root.keys.privateKey,
    header: { jwk: { ...rootKey, kid: libtrustId(rootKey) } },
  },
  'another issuer': { claims: { iss: 'other' } },
  'another service': { claims: { aud: 'other' } },
  'a list of services': { claims: { aud: ['other', SERVICE] } },
  'a list of other services': { claims: { aud: ['other'] } },
  'an end that has just been': { claims: { exp: now - 20 } },
  'an end long ago': { claims: { exp: now - 100 } },
  'no end': { claims: { exp: undefined } },
  'a beginning in a moment': { claims: { nbf: now + 30 } },
  'a beginning much later': { claims: { nbf: now + 200 } },
  'no beginning': { claims: { nbf: undefined } },
  'no name': { claims: { sub: '' } },
  'no access': { claims: { access: [] } },
  'access to another repository': { claims: { access: [{ ...PULL[0], name: 'team/other' }] } },
  'access of another type': { claims: { access: [{ ...PULL[0], type: 'plugin' }] } },
  'a star for actions': { claims: { access: [{ ...PULL[0], actions: ['*'] }] } },
  'a star for a name': { claims: { access: [{ ...PULL[0], name: '*' }] } },
  'push without pull, to push': {
    method: 'POST',
    path: '/v2/team/app/blobs/uploads/',
    claims: { access: [{ ...PULL[0], actions: ['push'] }] },
  },
  'push and pull, to push': {
    method: 'POST',
    path: '/v2/team/app/blobs/uploads/',
    claims: { access: [{ ...PULL[0], actions: ['push', 'pull'] }] },
  },
  'pull, to delete': { method: 'DELETE', path: `/v2/team/app/manifests/sha256:${'a'.repeat(64)}` },
  'nothing, to ask whether this is a registry': { path: '/v2/', claims: { access: [] } },
  'pull, to read the catalogue': { path: '/v2/_catalog' },
  'the catalogue, to read it': {
    path: '/v2/_catalog',
    claims: { access: [{ type: 'registry', name: 'catalog', actions: ['*'] }] },
  },
}

function sign({ key = leaf.keys.privateKey, header = chain, claims = {} }: Row): Promise<string> {
  const usual = {
    iss: ISSUER,
    aud: SERVICE,
    sub: 'alice',
    nbf: now,
    iat: now,
    exp: now + 600,
    jti: 'x',
    access: PULL,
  }
  return new SignJWT({ ...usual, ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT', ...header })
    .sign(key)
}

describeWith('beside registry:2 and registry:3', ['docker-registry', 'registry', 'htpasswd'], (programs) => {
  const scratch = mkdtempSync(join(tmpdir(), 'bp-'))
  const closing = new AsyncDisposableStack()
  const urls: Record<'v2' | 'v3' | 'berth', string> = { v2: '', v3: '', berth: '' }
  const basic: typeof urls = { v2: '', v3: '', berth: '' }
  const bundle = join(scratch, 'root.pem')
  const jwks = join(scratch, 'jwks.json')
  const users = join(scratch, 'htpasswd')

  async function startPeer(program: string, auth: object): Promise<string> {
    const place = join(scratch, crypto.randomUUID())
    mkdirSync(place)
    const port = await findFreePort()
    const file = join(place, 'config.yml')
    const storage = { filesystem: { rootdirectory: join(place, 'data') }, delete: { enabled: true } }
    writeFileSync(
      file,
      JSON.stringify({ version: '0.1', storage, http: { addr: `127.0.0.1:${port}` }, auth }),
    )
    const env = { OTEL_TRACES_EXPORTER: 'none' }
    const daemon = startDaemon(program, ['serve', file], { logFile: join(place, 'log'), env })
    closing.defer(() => daemon.stop())
    const url = `http://127.0.0.1:${port}`
    await until('the peer answers', async () => (await fetch(`${url}/v2/`).catch(() => null))?.status === 401)
    return url
  }

  beforeAll(async () => {
    writeFileSync(bundle, root.pem)
    writeFileSync(
      jwks,
      JSON.stringify({ keys: [{ ...(await publicJwk(listed)), kid: 'listed', alg: 'ES256', use: 'sig' }] }),
    )
    writeFileSync(users, '')
    await command(programs.htpasswd, ['-b', '-B', users, 'alice', 'secret'])
    const token = { realm: REALM, service: SERVICE, issuer: ISSUER, rootcertbundle: bundle }
    const htpasswd = { realm: 'My "Realm" – Реестр 登録', path: users }
    urls.v2 = await startPeer(programs['docker-registry'], { token })
    urls.v3 = await startPeer(programs.registry, { token: { ...token, jwks } })
    basic.v2 = await startPeer(programs['docker-registry'], { htpasswd })
    basic.v3 = await startPeer(programs.registry, { htpasswd })
    const tokens = {
      kind: 'token',
      realm: REALM,
      autoRedirectPath: null,
      service: SERVICE,
      issuer: ISSUER,
    } as const
    const signingAlgorithms = SAFE_ALGORITHMS
    urls.berth = closing.use(
      await startGuardedBerth({ ...tokens, rootCertificates: bundle, jwks, signingAlgorithms }),
    ).url
    basic.berth = closing.use(await startGuardedBerth({ kind: 'htpasswd', ...htpasswd })).url
  })
  afterAll(async () => {
    await closing.disposeAsync()
    rmSync(scratch, { recursive: true, force: true })
  })

  test.each(Object.entries(ROWS))('a token with %s', async (_, row) => {
    const { method = 'GET', path = '/v2/team/app/manifests/1' } = row
    const headers = { authorization: `Bearer ${await sign(row)}` }
    const isIn = async (url: string) => (await fetch(url + path, { method, headers })).status !== 401
    const [v2, v3, berth] = [await isIn(urls.v2), await isIn(urls.v3), await isIn(urls.berth)]
    expect({ v2, v3, berth }).toEqual({ v2, v3, berth: v2 || v3 })
  })

  const digest = `sha256:${'a'.repeat(64)}`
  const REQUESTS: readonly (readonly [string, string])[] = [
    ['GET', '/v2/'],
    ['GET', '/v2/_catalog'],
    ['GET', '/v2/team/app/manifests/1'],
    ['HEAD', '/v2/team/app/manifests/1'],
    ['PUT', '/v2/team/app/manifests/1'],
    ['DELETE', `/v2/team/app/manifests/${digest}`],
    ['GET', '/v2/team/app/tags/list'],
    ['GET', `/v2/team/app/blobs/${digest}`],
    ['DELETE', `/v2/team/app/blobs/${digest}`],
    ['POST', '/v2/team/app/blobs/uploads/'],
    ['POST', `/v2/team/app/blobs/uploads/?mount=${digest}&from=team/other`],
  ]

  test.each(REQUESTS)('%s %s without a login is refused in the same words', async (method, path) => {
    for (const at of [urls, basic]) {
      const [v2, v3, berth] = await Promise.all(
        [at.v2, at.v3, at.berth].map(async (url) => refusalOf(await fetch(url + path, { method }))),
      )
      expect(berth).toEqual(v2)
      expect(berth).toEqual(v3)
    }
  })

  test.each([
    ['too narrow a token', {}, 'DELETE', `/v2/team/app/manifests/${digest}`],
    ['a token that is over', { claims: { exp: now - 100 } }, 'GET', '/v2/team/app/manifests/1'],
  ] as const)('%s is refused in the same words', async (_, row: Row, method, path) => {
    const headers = { authorization: `Bearer ${await sign(row)}` }
    const [v2, v3, berth] = await Promise.all(
      [urls.v2, urls.v3, urls.berth].map(async (url) =>
        refusalOf(await fetch(url + path, { method, headers })),
      ),
    )
    expect(berth).toEqual(v2)
    expect(berth).toEqual(v3)
  })
})

/** Status, challenge (in any order of scopes), and errors without their sentences. */
async function refusalOf(answer: Response): Promise<object> {
  const text = await answer.text()
  const body = text === '' ? { errors: [] } : (JSON.parse(text) as { errors: { message?: string }[] })
  const challenge = answer.headers.get('www-authenticate') ?? ''
  const [, before = '', scope = '', after = ''] =
    /^(.*?)(?:,scope="([^"]*)")?(,error="\w+")?$/.exec(challenge) ?? []
  return {
    status: answer.status,
    version: answer.headers.get('docker-distribution-api-version'),
    challenge: [before, ...scope.split(' ').map(inOrder).sort(), after],
    errors: body.errors.map(({ message: _, ...rest }) => rest),
  }
}

function inOrder(scope: string): string {
  const [, resource = '', actions = ''] = /^(.*:)([^:]*)$/.exec(scope) ?? []
  return resource + actions.split(',').sort().join(',')
}
