/**
 * The OCI conformance suite against Berth on every storage driver and database: nothing failed, nothing
 * skipped, and exactly as many results as the pinned suite has. What the suite turns off by itself for an
 * older version of the specification is named here, test by test.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBerth } from '../berth-server.ts'
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
