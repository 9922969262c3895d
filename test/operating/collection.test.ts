/**
 * Collection as an operator meets it: what nothing needs goes by itself beside a server, `berth gc run` does not wait,
 * and `berth gc status` says how it stands.
 */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseMediaType } from '../../src/oci/media-type.ts'
import { type BerthServer, FROM_SOURCE, findFreePort, startBerth } from '../berth-server.ts'
import { pushBlob, pushImage } from '../clients/push.ts'
import { smallImage } from '../clients/sample-images.ts'
import { startPostgres } from '../postgres-server.ts'
import { sample } from '../sample-content.ts'
import { tryCommand } from '../tools/command.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'

setDefaultTimeout(60_000)

const scratch = mkdtempSync(join(tmpdir(), 'berth-collection-test-'))
afterAll(() => rmSync(scratch, { recursive: true }))

const image = smallImage('collection')
const orphan = sample(parseMediaType('application/octet-stream'), 'a blob that no manifest refers to')
const AT_ONCE = {
  BERTH_UNSAFESHORTGRACE: 'true',
  BERTH_COLLECTION_GRACE: '1s',
  BERTH_COLLECTION_LEASE: '1s',
  BERTH_COLLECTION_CONDEMNEDFOR: '200ms',
  BERTH_COLLECTION_UNLINKAFTER: '200ms',
}
/** What was pushed is left alone for a moment only, but the grace is long. */
const ONLY_IF_ASKED = { ...AT_ONCE, BERTH_COLLECTION_GRACE: '1h' }

function dataOf(data: string, digest: string): string {
  const hex = digest.slice('sha256:'.length)
  return join(data, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data')
}

async function gc(command: 'run' | 'status', data: string, env: Record<string, string>): Promise<Answer> {
  const [program = '', ...args] = FROM_SOURCE
  const flags = ['gc', command, '--format', 'json', '--data', data]
  const { stdout, stderr, exitCode } = await tryCommand(program, [...args, ...flags], { env })
  if (exitCode !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Answer
}

interface Answer {
  readonly [key: string]: unknown
  readonly heldBy?: string | null
}

async function pidOf({ data }: BerthServer, worker: string): Promise<number> {
  const unix = join(data, 'berth/control.sock')
  const status = await (await fetch('http://localhost/api/v1/status', { unix })).json()
  return (status as { processes: Record<string, number> }).processes[worker] ?? 0
}

async function push({ url }: BerthServer): Promise<void> {
  await pushImage(url, 'team/app', '1', image)
  await pushBlob(url, 'team/app', orphan)
}

async function expectImage({ url }: BerthServer): Promise<void> {
  for (const { digest } of image.blobs) {
    expect((await fetch(`${url}/v2/team/app/blobs/${digest}`)).status).toBe(200)
  }
}

test.each(['1', '2'])(
  'beside a server with %s workers, what nothing needs goes by itself',
  async (workers) => {
    const debug = `127.0.0.1:${await findFreePort()}`
    const listener = { REGISTRY_HTTP_DEBUG_ADDR: debug, REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'true' }
    await using berth = await startBerth({ env: { ...AT_ONCE, ...listener, BERTH_WORKERS: workers } })
    await push(berth)
    // Who does the jobs dies; its successor goes on.
    if (workers === '2') process.kill(await pidOf(berth, 'worker-1'), 'SIGKILL')
    const path = dataOf(berth.data, orphan.digest)
    await until('its bytes are gone', () => !existsSync(path), { withinMilliseconds: 30_000 })
    const isFree = async () => {
      const { aside, deleting } = await gc('status', berth.data, AT_ONCE)
      return [aside, deleting].every((counts) => (counts as { blobs: number }).blobs === 0)
    }
    await until('its space is free', isFree, { withinMilliseconds: 30_000 })
    await expectImage(berth)
    expect((await fetch(`${berth.url}/v2/team/app/blobs/${orphan.digest}`)).status).toBe(404)
    expect(berth.log()).toContain('what no image needs any more was deleted')
    const metrics = await (await fetch(`http://${debug}/metrics`)).text()
    expect(metrics).toMatch(/\nberth_gc_deleted_blobs_total 1\n/)
    expect(metrics).toContain(`\nberth_gc_freed_bytes_total ${orphan.bytes.length}\n`)
    expect(metrics).toMatch(/\nberth_gc_held 0\n/)
  },
)

async function expectRun(data: string, env: Record<string, string>): Promise<void> {
  const path = dataOf(data, orphan.digest)
  await using berth = await startBerth({ data, env })
  await push(berth)
  await until('nothing holds it up', async () => (await gc('status', data, env)).heldBy === null)
  const collect = async () => {
    await gc('run', data, env)
    return !existsSync(path)
  }
  await until('the lease is over, and it has gone', collect)
  await expectImage(berth)
}

test('asked to, it waits for no grace', async () => {
  await expectRun(join(scratch, 'asked'), ONLY_IF_ASKED)
})

describeWith('on PostgreSQL', ['initdb', 'postgres'], () => {
  test('asked to, it waits for no grace', async () => {
    const postgres = await startPostgres()
    await expectRun(join(scratch, 'postgres'), {
      ...ONLY_IF_ASKED,
      BERTH_DATABASE_URL: await postgres.createDatabase(),
    })
    await postgres.stop()
  })
})

test('without a server the space is free at once', async () => {
  const data = join(scratch, 'alone')
  const env = { ...ONLY_IF_ASKED, BERTH_COLLECTION_UNLINKAFTER: '1h' }
  {
    await using berth = await startBerth({ data, env })
    await push(berth)
    await berth.stop()
  }
  let deleted = 0
  await until('the lease is over, and it has gone', async () => {
    const collected = await gc('run', data, env)
    deleted += Number(collected['deleted'])
    return deleted > 0
  })
  expect(await gc('status', data, env)).toMatchObject({ aside: { blobs: 0 }, deleting: { blobs: 0 } })
  await using berth = await startBerth({ data, env })
  await expectImage(berth)
})

test('switched off, nothing goes, and status says so', async () => {
  const env = { ...AT_ONCE, BERTH_COLLECTION_ENABLED: 'false' }
  await using berth = await startBerth({ env })
  await push(berth)
  expect((await gc('status', berth.data, env)).heldBy).toContain('berth.collection.enabled')
  const { jobs } = await gc('status', berth.data, env)
  expect((jobs as { name: string }[]).map(({ name }) => name)).not.toContain('collection')
})

test('in read-only mode nothing is collected, by nobody', async () => {
  const data = join(scratch, 'read-only')
  {
    await using berth = await startBerth({ data, env: ONLY_IF_ASKED })
    await push(berth)
    await berth.stop()
  }
  const env = { ...AT_ONCE, REGISTRY_STORAGE_MAINTENANCE_READONLY: '{"enabled": true}' }
  await using berth = await startBerth({ data, env })
  expect((await gc('status', data, env)).heldBy).toContain('read-only mode')
  await expect(gc('run', data, env)).rejects.toThrow('read-only mode')
  expect(existsSync(dataOf(data, orphan.digest))).toBe(true)
  await expectImage(berth)
})
