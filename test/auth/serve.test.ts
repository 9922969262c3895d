/** Logins as an operator sets them up: registry:2's variables and configuration file, several workers, the log. */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { type BerthServer, launchBerth, startBerth } from '../berth-server.ts'
import { makeCertificate, publicJwk } from '../certificates.ts'
import { until } from '../until.ts'

setDefaultTimeout(60_000)

const scratch = mkdtempSync(join(tmpdir(), 'bs-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const users = join(scratch, 'htpasswd')
const HTPASSWD = {
  REGISTRY_AUTH: 'htpasswd',
  REGISTRY_AUTH_HTPASSWD_REALM: 'Registry Realm',
  REGISTRY_AUTH_HTPASSWD_PATH: users,
}

async function writeUser(name: string, password: string): Promise<void> {
  const hash = await Bun.password.hash(password, { algorithm: 'bcrypt', cost: 4 })
  writeFileSync(users, `${name}:${hash}\n`)
}

function ask(
  berth: BerthServer,
  credentials: string | null,
  path = '/v2/',
  init: RequestInit = {},
): Promise<Response> {
  const headers: Record<string, string> =
    credentials === null ? {} : { authorization: `Basic ${btoa(credentials)}` }
  return fetch(berth.url + path, { ...init, headers })
}

for (const workers of ['1', '2']) {
  test(`with ${workers} worker(s) the variables of every tutorial ask for a login, and the log names who came`, async () => {
    await writeUser('alice', 'secret')
    await using berth = await startBerth({ env: { ...HTPASSWD, BERTH_WORKERS: workers } })
    const refused = await ask(berth, null)
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      'Basic realm="Registry Realm"',
    ])
    const begun = await ask(berth, 'alice:secret', '/v2/team/app/blobs/uploads/', { method: 'POST' })
    expect(begun.status).toBe(202)
    expect((await ask(berth, 'alice:wrong')).status).toBe(401)
    for (const words of [
      new RegExp(`every user in ${users} may pull, push, overwrite and delete`),
      /msg="response completed" auth\.user\.name=alice .*http\.request\.method=POST/,
      / - alice \[[^\]]+\] "POST \/v2\/team\/app\/blobs\/uploads\/ HTTP\/1\.1" 202/,
      /msg="login failed: wrong password" auth\.user\.name=alice/,
    ]) {
      await until(`the log says ${words}`, () => berth.log().search(words) !== -1)
    }
    expect(berth.log()).not.toContain('open to everyone')
    await writeUser('bob', 'other')
    for (let index = 0; index < 10; index++) {
      expect((await ask(berth, 'alice:secret')).status).toBe(401)
      expect((await ask(berth, 'bob:other')).status).toBe(200)
    }
  })
}

test('a missing file is made once, also by several workers, and its password lets in', async () => {
  const path = join(scratch, 'auth/made')
  const env = { ...HTPASSWD, REGISTRY_AUTH_HTPASSWD_PATH: path, BERTH_WORKERS: '2' }
  await using berth = await startBerth({ env })
  const lines = berth
    .log()
    .split('\n')
    .filter((line) => line.includes('htpasswd is missing'))
  expect(lines.length).toBe(1)
  const password = /password=(\S+)/.exec(lines[0] ?? '')?.[1]
  expect((await ask(berth, `docker:${password}`)).status).toBe(200)
  expect(readFileSync(path, 'utf8')).not.toContain(password ?? '')
})

test('a configuration file of registry:2 brings its tokens, and asks for them at its own address', async () => {
  const root = await makeCertificate({ name: 'root', isAuthority: true })
  const [bundle, file] = [join(scratch, 'root.pem'), join(scratch, 'config.yml')]
  writeFileSync(bundle, root.pem)
  writeFileSync(
    file,
    `version: 0.1
storage: { filesystem: { rootdirectory: ${join(scratch, 'data')} } }
auth:
  token: { autoredirect: true, service: registry.example, issuer: auth.example, rootcertbundle: ${bundle} }
`,
  )
  await using berth = await startBerth({ env: { REGISTRY_CONFIGURATION_PATH: file } })
  const refused = await ask(berth, null, '/v2/team/app/tags/list')
  expect(refused.headers.get('www-authenticate')).toBe(
    `Bearer realm="${berth.url.replace('http:', 'https:')}/auth/token",service="registry.example",scope="repository:team/app:pull"`,
  )
  await until('the start says who may do what', () =>
    berth.log().includes('whoever brings a token of auth.example may do what it says'),
  )
})

test('a key set that is broken when SIGHUP comes is named by every worker, and what was there goes on', async () => {
  const root = await makeCertificate({ name: 'root', isAuthority: true })
  const jwks = join(scratch, 'jwks.json')
  writeFileSync(jwks, JSON.stringify({ keys: [{ ...(await publicJwk(root)), kid: 'main' }] }))
  const env = {
    REGISTRY_AUTH_TOKEN_REALM: 'https://auth.example/token',
    REGISTRY_AUTH_TOKEN_SERVICE: 'registry.example',
    REGISTRY_AUTH_TOKEN_ISSUER: 'auth.example',
    REGISTRY_AUTH_TOKEN_JWKS: jwks,
    BERTH_WORKERS: '2',
  }
  await using berth = await startBerth({ env })
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: 'main' })
    .setIssuer('auth.example')
    .setAudience('registry.example')
    .setExpirationTime('5m')
    .sign(root.keys.privateKey)
  writeFileSync(jwks, 'broken')
  berth.signal('SIGHUP')
  const complaint = `level=error msg="the keys of tokens: ${jwks}: `
  await until('both workers say so', () => berth.log().split(complaint).length === 3)
  for (let index = 0; index < 10; index++) {
    const answer = await fetch(`${berth.url}/v2/`, { headers: { authorization: `Bearer ${token}` } })
    expect(answer.status).toBe(200)
  }
})

test('a file that cannot be used refuses the start with a sentence, and the exit code of settings', async () => {
  const env = { ...HTPASSWD, REGISTRY_AUTH_HTPASSWD_PATH: scratch }
  await using berth = await launchBerth({ env })
  expect(await berth.exited).toBe(3)
  expect(berth.log()).toContain(`The htpasswd file ${scratch} (auth.htpasswd.path) cannot be used`)
})
