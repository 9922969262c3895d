/**
 * The same file and the same variables, given to registry:2, registry:3 and Berth: what they make of them is seen from
 * outside, and is the same.
 */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FROM_SOURCE, findFreePort } from '../berth-server.ts'
import { describeWith } from '../tools/describe-with.ts'
import { findTool } from '../tools/find-tool.ts'
import { until } from '../until.ts'

setDefaultTimeout(40_000)

const folder = mkdtempSync(join(tmpdir(), 'as-there-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const users = join(folder, 'htpasswd')
writeFileSync(users, `alice:${await Bun.password.hash('secret', { algorithm: 'bcrypt', cost: 4 })}\n`)

interface Case {
  readonly variables: Readonly<Record<string, string>>
  /** Sections of the file beside version, storage and http. */
  readonly file?: Readonly<Record<string, unknown>>
}

const SILLY = { auth: { silly: { realm: 'r', service: 's' } } }
const HTPASSWD = { REGISTRY_AUTH_HTPASSWD_REALM: 'the attic', REGISTRY_AUTH_HTPASSWD_PATH: users }

const CASES: Readonly<Record<string, Case>> = {
  'no variables': { variables: {} },
  'a value in a section that the file does not have': {
    variables: { REGISTRY_STORAGE_DELETE_ENABLED: 'true' },
  },
  'a section as YAML': { variables: { REGISTRY_STORAGE_DELETE: '{enabled: true}' } },
  'a section, and a value in it': {
    variables: { REGISTRY_STORAGE_DELETE_ENABLED: 'true', REGISTRY_STORAGE_DELETE: '{enabled: false}' },
  },
  'a value in quotes': { variables: { REGISTRY_HTTP_HOST: '"https://registry.example"' } },
  'a header': { variables: { 'REGISTRY_HTTP_HEADERS_X-Cellar': "[a, 'b']" } },
  'all headers': { variables: { REGISTRY_HTTP_HEADERS: '{X-Attic: [c]}' } },
  'a prefix': { variables: { REGISTRY_HTTP_PREFIX: '/images/' } },
  'read-only as YAML': { variables: { REGISTRY_STORAGE_MAINTENANCE_READONLY: '{"enabled":true}' } },
  'the kind of login, and its settings': { variables: { REGISTRY_AUTH: 'htpasswd', ...HTPASSWD } },
  'the settings of a login alone': { variables: HTPASSWD },
  'a login as YAML': { variables: { REGISTRY_AUTH: `{htpasswd: {realm: x, path: ${users}}}` } },
  'another login than the file has': { variables: { REGISTRY_AUTH: 'htpasswd', ...HTPASSWD }, file: SILLY },
  'a login without its settings': { variables: { REGISTRY_AUTH: 'htpasswd' } },
  memory: { variables: { REGISTRY_STORAGE: 'inmemory' } },
  'what Kubernetes sets': {
    variables: { REGISTRY_PORT: 'tcp://10.0.0.1:5000', REGISTRY_SERVICE_HOST: '10.0.0.1' },
  },
  'a variable that sets nothing': { variables: { REGISTRY_HTTP_ADRR: ':1' } },
  'a level that is none': { variables: { REGISTRY_LOG_LEVEL: 'loud' } },
  'a file with a login': { variables: {}, file: SILLY },
  'a file with two': {
    variables: {},
    file: { auth: { ...SILLY.auth, htpasswd: { realm: 'r', path: users } } },
  },
}

/** What is seen of a registry, or that it does not start. */
type Seen = Readonly<Record<string, unknown>> | 'does not start'

async function see(program: readonly string[], { variables, file = {} }: Case): Promise<Seen> {
  const place = mkdtempSync(join(folder, 'x'))
  const [port, log] = [await findFreePort(), openSync(join(place, 'log'), 'a')]
  const config = join(place, 'config.yml')
  const sections = { storage: { filesystem: { rootdirectory: join(place, 'data') } }, ...file }
  const http = { addr: `127.0.0.1:${port}`, headers: { 'X-Attic': ['from the file'] } }
  writeFileSync(config, JSON.stringify({ version: '0.1', ...sections, http }))
  mkdirSync(join(place, 'cwd'))
  const child = Bun.spawn([...program, 'serve', config], {
    cwd: join(place, 'cwd'),
    env: { PATH: '/usr/bin:/bin', OTEL_TRACES_EXPORTER: 'none', ...variables },
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  const url = `http://127.0.0.1:${port}`
  try {
    await until(
      'it answers or ends',
      async () => child.exitCode !== null || (await fetch(url).catch(() => null)) !== null,
      {
        withinMilliseconds: 20_000,
      },
    )
    return child.exitCode === null ? await look(url) : 'does not start'
  } catch (error) {
    throw new Error(`${error}\n${readFileSync(join(place, 'log'), 'utf8')}`)
  } finally {
    child.kill('SIGKILL')
    await child.exited
  }
}

const UNKNOWN = `sha256:${'0'.repeat(64)}`

async function look(url: string): Promise<Seen> {
  const headers = { authorization: `Basic ${btoa('alice:secret')}` }
  const base = await fetch(`${url}/v2/`)
  const below = await fetch(`${url}/images/v2/`)
  const begun = await fetch(`${url}/v2/team/app/blobs/uploads/`, { method: 'POST', headers })
  const deleted = await fetch(`${url}/v2/team/app/blobs/${UNKNOWN}`, { method: 'DELETE', headers })
  const location = begun.headers.get('location')
  return {
    base: [base.status, base.headers.get('www-authenticate')],
    // Berth's are on every reply, also on those that no route makes.
    headers: base.status === 404 ? null : ['x-attic', 'x-cellar'].map((name) => base.headers.get(name)),
    below: below.status,
    begun: begun.status,
    // Without a host of its own, Berth gives a path: docs/protocols/differences.md.
    host:
      location === null || location.startsWith('/')
        ? null
        : new URL(location).origin.replace(url, '') || null,
    deletes: deleted.status,
  }
}

for (const peer of ['docker-registry', 'registry'] as const) {
  describeWith(`as ${peer} takes them`, [peer], () => {
    test.each(Object.entries(CASES))('%s', async (_, each) => {
      const [there, here] = await Promise.all([see([findTool(peer) ?? peer], each), see(FROM_SOURCE, each)])
      expect(here).toEqual(there)
    })
  })
}
