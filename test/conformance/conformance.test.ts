/**
 * The OCI conformance suite against Berth on every storage driver and database: nothing failed, nothing
 * skipped, and exactly as many results as the pinned suite has. What the suite turns off by itself for an
 * older version of the specification is named here, test by test.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { putPassword } from '../../src/access/htpasswd/edit.ts'
import { startTokenServer } from '../auth/token-server.ts'
import { startBerth } from '../berth-server.ts'
import { makeCertificate } from '../certificates.ts'
import { type PostgresServer, startPostgres } from '../postgres-server.ts'
import { describeWith } from '../tools/describe-with.ts'
import {
  type ConformanceResult,
  type ConformanceRun,
  runConformance,
  type SpecificationVersion,
} from './program.ts'

setDefaultTimeout(120_000)

interface Expected {
  /** Results of the pinned suite that pass. */
  readonly passed: number
  /** What the suite turns off by itself. */
  readonly disabled: readonly string[]
}

const NO_CANCEL = ['sha256', 'sha512'].map((each) => `${each} blobs/post cancel/blob-post-cancel`)
const NO_ANONYMOUS_MOUNT = ['sha256', 'sha512'].map(
  (each) => `${each} blobs/mount anonymous/blob-mount-anonymous`,
)
const NOT_MOUNTED = ['sha256', 'sha512'].flatMap((each) => [
  `${each} blobs/mount/blob-mount`,
  `${each} blobs/mount anonymous/blob-mount-anonymous`,
])
/** So many passes has the suite for a mount that is done; one that is skipped has none of them. */
const RESULTS_OF_A_MOUNT = 3
const NO_REFERRERS = ['empty', 'artifacts-with-subject', 'index-with-subject', 'missing-subject'].map(
  (each) => `${each}/referrers`,
)

const WITH_SPARSE: Record<SpecificationVersion, Expected> = {
  dev: { passed: 1032, disabled: [] },
  '1.1': { passed: 906, disabled: NO_CANCEL },
  '1.0': { passed: 896, disabled: [...NO_CANCEL, ...NO_ANONYMOUS_MOUNT, ...NO_REFERRERS] },
}
const ON_DEFAULTS: Expected = { passed: 986, disabled: [] }

/** Both sets of runs on one backend, whose settings are made before the first. */
function describeBackend(
  name: string,
  program: string,
  environment: () => Promise<Record<string, string>>,
): void {
  describe(name, () => {
    const scratch = mkdtempSync(join(tmpdir(), 'conformance-'))
    afterAll(() => rmSync(scratch, { recursive: true, force: true }))

    test('passes at dev on the defaults, with sparse manifests left out', async () => {
      await using berth = await startBerth({ env: await environment() })
      const run: ConformanceRun = {
        host: berth.host,
        version: 'dev',
        sparse: false,
        results: join(scratch, 'plain'),
      }
      expectConformance(await runConformance(program, run), ON_DEFAULTS)
    })

    test('passes at dev, 1.1 and 1.0 with sparse manifests allowed', async () => {
      const env = { ...(await environment()), BERTH_MANIFESTS_ALLOWMISSING: 'true' }
      await using berth = await startBerth({ env })
      for (const version of ['dev', '1.1', '1.0'] as const) {
        const run: ConformanceRun = {
          host: berth.host,
          version,
          sparse: true,
          results: join(scratch, version),
        }
        expectConformance(await runConformance(program, run), WITH_SPARSE[version])
      }
    })
  })
}

function expectConformance(found: ConformanceResult, expected: Expected): void {
  expect(found.complaints.join('\n')).toBe('')
  expect(found).toMatchObject({ failed: 0, errors: 0, skipped: 0, disabled: expected.disabled.length })
  const disabled = found.disabledTests.map((name) => name.replace('OCI Conformance Test/', ''))
  expect(disabled.sort()).toEqual([...expected.disabled].sort())
  expect(found.passed).toBe(expected.passed)
}

describeWith('OCI conformance', ['conformance'], ({ conformance }) => {
  describeBackend('on a filesystem with SQLite', conformance, async () => ({}))
  describeBackend('with two workers', conformance, async () => ({ BERTH_WORKERS: '2' }))
  describeBackend('in memory with SQLite', conformance, async () => ({ REGISTRY_STORAGE: 'inmemory' }))
})

describeWith('OCI conformance with a login', ['conformance'], ({ conformance }) => {
  const scratch = mkdtempSync(join(tmpdir(), 'conformance-login-'))
  afterAll(() => rmSync(scratch, { recursive: true, force: true }))
  const login = { user: 'alice', password: 'secret' }

  async function run(name: string, env: Record<string, string>): Promise<ConformanceResult> {
    await using berth = await startBerth({ env })
    const results = join(scratch, name)
    return await runConformance(conformance, {
      host: berth.host,
      version: 'dev',
      sparse: false,
      results,
      login,
    })
  }

  test('from an htpasswd file passes as without one', async () => {
    const path = join(scratch, 'htpasswd')
    await putPassword(path, login.user, login.password)
    const found = await run('basic', { REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD_PATH: path })
    expectConformance(found, ON_DEFAULTS)
  })

  /** The suite asks for a token for the target alone: what that token may not read is uploaded instead of mounted. */
  test('from a token server passes, but for mounts from where its tokens may not read', async () => {
    const root = await makeCertificate({ name: 'root', isAuthority: true })
    const bundle = join(scratch, 'root.pem')
    writeFileSync(bundle, root.pem)
    const server = startTokenServer({
      issuer: 'auth.example',
      service: 'registry.example',
      signing: () => ({ key: root.keys.privateKey, header: { alg: 'ES256', x5c: [root.base64] } }),
      users: { [login.user]: login.password },
      allowed: () => ['*'],
    })
    await using _ = server
    const found = await run('token', {
      REGISTRY_AUTH: 'token',
      REGISTRY_AUTH_TOKEN_REALM: server.realm,
      REGISTRY_AUTH_TOKEN_SERVICE: 'registry.example',
      REGISTRY_AUTH_TOKEN_ISSUER: 'auth.example',
      REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: bundle,
    })
    expect({ ...found, complaints: found.complaints.map((each) => each.split('\n', 2)) }).toEqual({
      passed: ON_DEFAULTS.passed - RESULTS_OF_A_MOUNT * NOT_MOUNTED.length,
      failed: 0,
      errors: 0,
      skipped: NOT_MOUNTED.length,
      disabled: 0,
      disabledTests: [],
      complaints: NOT_MOUNTED.map((name) => [
        `skipped: OCI Conformance Test/${name}`,
        'registry returned status 202, fell back to blob POST+PUT',
      ]),
    })
  })
})

describeWith('OCI conformance with PostgreSQL', ['conformance', 'initdb', 'postgres'], ({ conformance }) => {
  let postgres: PostgresServer | undefined

  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(() => postgres?.stop())

  async function database(): Promise<Record<string, string>> {
    if (postgres === undefined) throw new Error('PostgreSQL is started before the first test.')
    return { BERTH_DATABASE_URL: await postgres.createDatabase() }
  }

  describeBackend('on a filesystem with PostgreSQL', conformance, database)
  describeBackend('in memory with PostgreSQL', conformance, async () => ({
    REGISTRY_STORAGE: 'inmemory',
    ...(await database()),
  }))
})
