/** Real clients, a token server and Berth: logins, rights that differ by repository, and keys of every kind that change. */
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { calculateJwkThumbprint } from 'jose'
import { libtrustId } from '../../src/access/token/key-index.ts'
import type { TokenAuthConfig } from '../../src/config/config.ts'
import { type Certified, makeCertificate, publicJwk } from '../certificates.ts'
import { type DockerEngine, startDockerEngine } from '../clients/docker-engine.ts'
import { noise, writeLayout } from '../clients/images.ts'
import { smallImage } from '../clients/sample-images.ts'
import { command, tryCommand } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until, untilLogged } from '../until.ts'
import { type GuardedBerth, startGuardedBerth } from './guarded-berth.ts'
import { type SigningKey, startTokenServer, type TokenServer } from './token-server.ts'

setDefaultTimeout(120_000)

const NAMES = ['docker', 'dockerd', 'containerd', 'runc', 'skopeo', 'crane', 'oras', 'regctl'] as const
const ISSUER = 'auth.example'
const SERVICE = 'registry.example'
const root = await makeCertificate({ name: 'root', isAuthority: true })
const leaf = await makeCertificate({ name: 'leaf', issuer: root, kind: 'RSA' })

const scratch = mkdtempSync(join(tmpdir(), 'bt-'))
const bundle = join(scratch, 'root.pem')
writeFileSync(bundle, root.pem)
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const byChain: SigningKey = { key: leaf.keys.privateKey, header: { alg: 'RS256', x5c: [leaf.base64] } }
let signing = byChain

/** Alice may do everything below `alice/`, everybody may pull what is `public/`. */
function allowed(user: string, type: string, name: string): string[] {
  if (type === 'registry') return user === 'alice' ? ['*'] : []
  if (user === 'alice' && name.startsWith('alice/')) return ['*']
  return name.startsWith('public/') ? (user === 'alice' ? ['pull', 'push'] : ['pull']) : []
}

function tokenAuth(changes: Partial<TokenAuthConfig>): TokenAuthConfig {
  return {
    kind: 'token',
    realm: server.realm,
    autoRedirectPath: null,
    service: SERVICE,
    issuer: ISSUER,
    rootCertificates: bundle,
    jwks: null,
    signingAlgorithms: null,
    ...changes,
  }
}

const server: TokenServer = startTokenServer({
  issuer: ISSUER,
  service: SERVICE,
  signing: () => signing,
  users: { alice: 'secret' },
  allowed,
})
afterAll(() => server[Symbol.asyncDispose]())

async function tokenFor(scope: string, user = 'alice:secret'): Promise<string> {
  const headers: Record<string, string> = user === '' ? {} : { authorization: `Basic ${btoa(user)}` }
  const answer = await fetch(`${server.realm}?service=${SERVICE}&scope=${encodeURIComponent(scope)}`, {
    headers,
  })
  return ((await answer.json()) as { token: string }).token
}

async function statusWith(berth: GuardedBerth, token: string, path = '/v2/'): Promise<number> {
  return (await fetch(berth.url + path, { headers: { authorization: `Bearer ${token}` } })).status
}

describeWith('a registry with a token server', NAMES, ({ docker, dockerd, skopeo, crane, oras, regctl }) => {
  let berth: GuardedBerth
  let engine: DockerEngine

  beforeAll(async () => {
    signing = byChain
    berth = await startGuardedBerth(tokenAuth({}))
    const place = join(scratch, 'd')
    mkdirSync(place)
    engine = await startDockerEngine({ docker, dockerd }, place)
  })
  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]()
    await berth?.[Symbol.asyncDispose]()
  })

  const run = (program: string, args: string[], stdin?: string) => {
    const place = join(scratch, basename(program))
    const env = program === skopeo ? { REGISTRY_AUTH_FILE: `${place}.json` } : { DOCKER_CONFIG: place }
    return tryCommand(program, args, { cwd: scratch, env, ...(stdin === undefined ? {} : { stdin }) })
  }

  test('docker logs in, pushes, mounts from another repository, and pulls', async () => {
    const [first, second] = [`${berth.host}/alice/app:1`, `${berth.host}/alice/copy:1`]
    const context = join(scratch, 'context')
    await Bun.write(join(context, 'file'), noise('token', 100_000))
    await Bun.write(join(context, 'Dockerfile'), 'FROM scratch\nCOPY file /file\n')
    await engine.run('build', '-q', '-t', first, context)
    expect((await engine.attempt('push', first)).stderr).toMatch(/denied|authentication required/)
    expect((await engine.attempt('login', '-u', 'alice', '-p', 'wrong', berth.host)).exitCode).not.toBe(0)
    await engine.run('login', '-u', 'alice', '-p', 'secret', berth.host)
    await engine.run('push', '-q', first)
    await engine.run('tag', first, second)
    expect(await engine.run('push', second)).toContain('Mounted from alice/app')
    expect(server.asked.join('\n')).toContain('repository:alice/app:pull')
    await engine.run('rmi', '-f', first, second)
    await engine.run('pull', '-q', second)
  })

  test('docker may not push where its user may not; without a login it pulls what is public, and nothing else', async () => {
    const [image, open] = [`${berth.host}/alice/app:1`, `${berth.host}/public/app:1`]
    await engine.run('login', '-u', 'alice', '-p', 'secret', berth.host)
    await engine.run('pull', '-q', image)
    await engine.run('tag', image, `${berth.host}/other/app:1`)
    expect((await engine.attempt('push', `${berth.host}/other/app:1`)).stderr).toMatch(
      /denied|insufficient|authentication/,
    )
    await engine.run('tag', image, open)
    await engine.run('push', '-q', open)
    await engine.run('logout', berth.host)
    await engine.run('rmi', '-f', image, open)
    await engine.run('pull', '-q', open)
    expect((await engine.attempt('pull', image)).exitCode).not.toBe(0)
    expect((await engine.attempt('push', open)).exitCode).not.toBe(0)
  })

  test('skopeo copies, lists and deletes with tokens for just that', async () => {
    const layout = join(scratch, 'layout')
    writeLayout(layout, smallImage('skopeo token'), 'it')
    const target = `docker://${berth.host}/alice/skopeo:1`
    const login = ['login', '--tls-verify=false', '-u', 'alice', '--password-stdin', berth.host]
    expect((await run(skopeo, login, 'secret')).exitCode).toBe(0)
    const copy = ['--insecure-policy', 'copy', '--dest-tls-verify=false', `oci:${layout}:it`, target]
    expect((await run(skopeo, copy)).stderr).toBe('')
    expect(
      (await run(skopeo, ['list-tags', '--tls-verify=false', target.replace(/:1$/, '')])).stdout,
    ).toContain('"1"')
    expect((await run(skopeo, ['delete', '--tls-verify=false', target])).stderr).toBe('')
    const other = [...copy.slice(0, -1), `docker://${berth.host}/other/skopeo:1`]
    expect((await run(skopeo, other)).exitCode).not.toBe(0)
  })

  test('crane pushes, copies and reads the catalogue, which needs a right of its own', async () => {
    const layout = join(scratch, 'layout2')
    writeLayout(layout, smallImage('crane token'), 'latest')
    await run(crane, ['auth', 'login', berth.host, '-u', 'alice', '--password-stdin'], 'secret')
    const [from, to] = [`${berth.host}/alice/crane:1`, `${berth.host}/public/crane:1`]
    expect((await run(crane, ['push', layout, from])).stderr).toContain('pushed')
    expect((await run(crane, ['copy', from, to])).exitCode).toBe(0)
    expect((await run(crane, ['catalog', berth.host])).stdout).toContain('alice/crane')
    await run(crane, ['auth', 'logout', berth.host])
    expect((await run(crane, ['manifest', to])).exitCode).toBe(0)
    expect((await run(crane, ['manifest', from])).exitCode).not.toBe(0)
    expect((await run(crane, ['catalog', berth.host])).exitCode).not.toBe(0)
  })

  test('oras pushes and pulls an artifact, and attaches another to it', async () => {
    // oras goes to no loopback address, unless the registry has it too.
    const realm = server.realm.replace('localhost', '127.0.0.1')
    await using nearby = await startGuardedBerth(tokenAuth({ realm }))
    const name = `${nearby.host}/alice/oras:1`
    const [plain, login] = ['--plain-http', ['login', '-u', 'alice', '--password-stdin', nearby.host]]
    writeFileSync(join(scratch, 'artifact.txt'), 'artifact')
    const push = ['push', plain, name, 'artifact.txt']
    expect((await run(oras, push)).exitCode).not.toBe(0)
    expect((await run(oras, [...login, plain], 'secret')).stderr).toBe('')
    expect((await run(oras, push)).stderr).toBe('')
    const attach = ['attach', plain, '--artifact-type', 'a/b', name, 'artifact.txt']
    expect((await run(oras, attach)).stderr).toBe('')
    expect((await run(oras, ['discover', plain, name])).stdout).toContain('a/b')
    expect((await run(oras, ['pull', plain, '-o', join(scratch, 'out'), name])).exitCode).toBe(0)
  })

  test('regctl, which mounts from anywhere first, copies between repositories and deletes a tag', async () => {
    const env = { REGCTL_CONFIG: join(scratch, 'regctl.json') }
    const ask = (...args: string[]) => command(regctl, args, { env, stdin: 'secret' })
    await ask('registry', 'set', berth.host, '--tls', 'disabled', '--skip-check')
    await ask('registry', 'login', berth.host, '-u', 'alice', '--pass-stdin')
    const layout = join(scratch, 'layout3')
    writeLayout(layout, smallImage('regctl token'), 'it')
    const [first, second] = [`${berth.host}/alice/regctl:1`, `${berth.host}/alice/regctl-copy:1`]
    await ask('image', 'copy', `ocidir://${layout}:it`, first)
    await ask('image', 'copy', first, second)
    await ask('tag', 'delete', second)
    expect(await ask('tag', 'ls', second.replace(/:1$/, ''))).toBe('')
    expect(await ask('tag', 'ls', first.replace(/:1$/, ''))).toBe('1\n')
  })

  test('an upload goes on with the next token of whoever opened it, and with nobody else’s', async () => {
    const scope = 'repository:alice/up:pull,push'
    const withToken = async (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
    const first = await tokenFor(scope)
    const begun = await fetch(`${berth.url}/v2/alice/up/blobs/uploads/`, {
      ...(await withToken(first)),
      method: 'POST',
    })
    const location = new URL(begun.headers.get('location') ?? '', berth.url)
    const second = await tokenFor(scope)
    expect(second).not.toBe(first)
    const patched = await fetch(location, { ...(await withToken(second)), method: 'PATCH', body: 'some' })
    expect([begun.status, patched.status]).toEqual([202, 202])
    const other = await byStranger(scope)
    expect(
      (await fetch(location, { ...(await withToken(other)), method: 'PATCH', body: 'more' })).status,
    ).toBe(404)
  })
})

/** A token of the same server for somebody else who may do the same. */
async function byStranger(scope: string): Promise<string> {
  await using another = startTokenServer({
    issuer: ISSUER,
    service: SERVICE,
    signing: () => signing,
    users: { bob: 'secret' },
    allowed: () => ['*'],
  })
  const headers = { authorization: `Basic ${btoa('bob:secret')}` }
  const answer = await fetch(`${another.realm}?scope=${encodeURIComponent(scope)}`, { headers })
  return ((await answer.json()) as { token: string }).token
}

describe('keys of tokens', () => {
  beforeEach(() => {
    signing = byChain
  })

  async function byKid(certified: Certified, kid: string): Promise<SigningKey> {
    const alg = certified.kind === 'RSA' ? 'RS256' : 'ES256'
    return { key: certified.keys.privateKey, header: { alg, kid } }
  }

  test('are those of the certificates, called as registry:2 and as registry:3 call them', async () => {
    await using berth = await startGuardedBerth(tokenAuth({}))
    const key = await publicJwk(root)
    for (const kid of [libtrustId(key), await calculateJwkThumbprint(key)]) {
      signing = await byKid(root, kid)
      expect(await statusWith(berth, await tokenFor('repository:alice/x:pull'))).toBe(200)
    }
  })

  test('are those of a file, which may change', async () => {
    const path = join(scratch, 'jwks.json')
    const write = async (certified: Certified, kid: string) =>
      writeFileSync(path, JSON.stringify({ keys: [{ ...(await publicJwk(certified)), kid }] }))
    await write(leaf, 'first')
    await using berth = await startGuardedBerth(tokenAuth({ rootCertificates: null, jwks: path }))
    signing = await byKid(leaf, 'first')
    const old = await tokenFor('repository:alice/x:pull')
    expect(await statusWith(berth, old)).toBe(200)
    await write(root, 'second')
    signing = await byKid(root, 'second')
    expect(await statusWith(berth, await tokenFor('repository:alice/x:pull'))).toBe(200)
    expect(await berth.reload()).toEqual([null])
    expect(await statusWith(berth, old)).toBe(401)
  })

  test('are those at a URL, which are asked for again when a token names one that is new; a URL that is down locks out nobody', async () => {
    const keys = new Map([['first', leaf]])
    const publish = async () =>
      Response.json({
        keys: await Promise.all([...keys].map(async ([kid, each]) => ({ ...(await publicJwk(each)), kid }))),
      })
    const site = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: publish })
    await using berth = await startGuardedBerth(tokenAuth({ rootCertificates: null, jwks: String(site.url) }))
    signing = await byKid(leaf, 'first')
    expect(await statusWith(berth, await tokenFor('repository:alice/x:pull'))).toBe(200)
    keys.set('second', root)
    signing = await byKid(root, 'second')
    const renewed = await tokenFor('repository:alice/x:pull')
    await until('the new key is known', async () => (await statusWith(berth, renewed)) === 200)
    await site.stop(true)
    expect(await statusWith(berth, await tokenFor('repository:alice/y:pull'))).toBe(200)
  })

  test('at a URL that has never answered are nobody’s fault: 503, and the log says why', async () => {
    const gone = Bun.serve({ port: 0, fetch: () => new Response() })
    const jwks = String(gone.url)
    await gone.stop(true)
    await using berth = await startGuardedBerth(tokenAuth({ rootCertificates: null, jwks }))
    signing = await byKid(root, 'x')
    expect(await statusWith(berth, await tokenFor('repository:alice/x:pull'))).toBe(503)
    await untilLogged(berth, jwks)
  })

  test.each([
    ['a file that is not there', { rootCertificates: '/nowhere/root.pem' }, '/nowhere/root.pem'],
    ['a file without a certificate', { rootCertificates: import.meta.path }, 'there is no certificate in it'],
    ['a URL that is none', { rootCertificates: null, jwks: 'https://' }, 'auth.token.jwks is "https://"'],
    ['a key set that is none', { rootCertificates: null, jwks: import.meta.path }, import.meta.path],
  ])('that cannot be had at the start refuse it: %s', async (_, changes, words) => {
    await expect(startGuardedBerth(tokenAuth(changes))).rejects.toThrow(words)
  })
})
