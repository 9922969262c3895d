/**
 * The debug server: metrics under the names and labels that docker-registry (2.8) and distribution 3.1 give after the
 * same requests, summed over all workers, and health.
 */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFreePort, launchBerth, startBerth } from '../berth-server.ts'
import { smallImage } from '../clients/sample-images.ts'
import { startPostgres } from '../postgres-server.ts'
import { describeWith } from '../tools/describe-with.ts'
import { until } from '../until.ts'
import { exercise, type Running, startServer } from './running.ts'

setDefaultTimeout(60_000)

const image = smallImage('metrics')

/** The samples of such names, each with its name and labels as one text. */
async function samplesOf({ debug }: Running, prefix = 'registry_http_'): Promise<Map<string, number>> {
  const text = await (await fetch(`${debug}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line.startsWith(prefix))
  return new Map(
    lines.map((line) => [
      sorted(line.slice(0, line.lastIndexOf(' '))),
      Number(line.slice(line.lastIndexOf(' ') + 1)),
    ]),
  )
}

/** The labels in the order of their names, and bounds as JavaScript writes them. */
function sorted(sample: string): string {
  const [, name = '', labels = ''] = /^([a-z_]+)(?:\{(.*)\})?$/.exec(sample) ?? []
  const each = labels
    .split(',')
    .map((label) => label.replace(/le="([\d.e+]+)"/, (_, bound) => `le="${Number(bound)}"`))
  return `${name}{${each.toSorted().join()}}`
}

function isExact(sample: string): boolean {
  return sample.startsWith('registry_http_requests_total') || sample.startsWith('registry_http_in_flight')
}

/** Berth has a kind of its own. */
function isReferrers(sample: string): boolean {
  return sample.includes('"referrers"')
}

/** What dashboards ask for beside requests: the actions are the storage's own. */
async function othersOf(server: Running): Promise<string[]> {
  const samples = [
    ...(await samplesOf(server, 'registry_storage_')),
    ...(await samplesOf(server, 'process_')),
  ]
  return [...new Set(samples.map(([sample]) => sample.replace(/action="\w+"/, 'action')))]
}

/** What no alert divides by: the machine's and the network's. */
const NOT_OURS = /^process_(?:virtual_memory_max_bytes|network_\w+_bytes_total)\{/

for (const program of ['docker-registry', 'registry'] as const) {
  describeWith(`beside ${program}`, [program], (programs) => {
    test('names, labels, bounds and counts of requests are the same', async () => {
      await using own = await startServer()
      await using other = await startServer(
        { storage: { cache: { blobdescriptor: 'inmemory' } } },
        programs[program],
      )
      for (const server of [own, other]) {
        await exercise(server, image)
        await fetch(`${server.url}/v2/team/app/tags/list`, { method: 'PUT' })
      }
      const [ours, theirs] = [await samplesOf(own), await samplesOf(other)]
      expect([...ours.keys()].filter((each) => !isReferrers(each)).toSorted()).toEqual(
        [...theirs.keys()].toSorted(),
      )
      for (const [sample, value] of theirs) {
        if (isExact(sample)) expect(`${sample} ${ours.get(sample)}`).toBe(`${sample} ${value}`)
      }
      const expected = (await othersOf(other)).filter((each) => !NOT_OURS.test(each))
      expect(await othersOf(own)).toEqual(expect.arrayContaining(expected))
      expect(expected.filter((each) => each.startsWith('registry_storage_'))).not.toEqual([])
    })
  })
}

test('several workers are one to whoever looks', async () => {
  await using server = await startServer({ environment: { BERTH_WORKERS: '3' } })
  for (let times = 0; times < 30; times++) {
    await fetch(`${server.url}/v2/`, { headers: { connection: 'close' } })
  }
  const samples = await samplesOf(server)
  const asked = [...samples].filter(
    ([sample]) => sample === 'registry_http_requests_total{code="200",handler="base",method="get"}',
  )
  expect(asked.map(([, value]) => value)).toEqual([30])
  const all = await (await fetch(`${server.debug}/metrics`)).text()
  expect(all).toContain('\nregistry_storage_cache_hits_total 0\n')
  expect(all).toMatch(/\nberth_write_seconds_count\{command="[a-z.-]+"\} \d+\n/)
  expect(all).toMatch(/\nberth_tree_known [01]\n/)
  expect(all).toMatch(/\nprocess_resident_memory_bytes \d+\n/)
})

test('uploads in progress and what the jobs do are told', async () => {
  await using server = await startServer()
  for (const _ of [1, 2]) await fetch(`${server.url}/v2/team/app/blobs/uploads/`, { method: 'POST' })
  const all = await (await fetch(`${server.debug}/metrics`)).text()
  expect(all).toMatch(/\nberth_uploads_open 2\n/)
  expect(all).toMatch(/\nberth_uploads_expired_total 0\n/)
  expect(all).toMatch(/\nberth_obstacle\{place="storage",reason="full"\} 0\n/)
  await until('a job has run', async () =>
    /\nberth_job_last_success_timestamp_seconds\{job="uploads"\} [\d.]+\n/.test(
      await (await fetch(`${server.debug}/metrics`)).text(),
    ),
  )
})

describeWith('where the database is PostgreSQL', ['initdb', 'postgres'], () => {
  test('there are metrics while it is away too, of all that does not stand in it', async () => {
    const postgres = await startPostgres()
    {
      const environment = { BERTH_DATABASE_URL: await postgres.createDatabase() }
      await using server = await startServer({ environment })
      await postgres.halt()
      const answer = await fetch(`${server.debug}/metrics`)
      expect([answer.status, await answer.text()]).toEqual([
        200,
        expect.stringContaining('berth_writes_waiting'),
      ])
    }
    await postgres.stop()
  })
})

test.each(['1', '2'])(
  'a failing health check turns everybody away until it succeeds, with %s workers',
  async (workers) => {
    const folder = mkdtempSync(join(tmpdir(), 'berth-health-'))
    const file = join(folder, 'maintenance')
    await using server = await startServer({
      health: {
        storagedriver: { enabled: true, interval: '1s', threshold: 1 },
        file: [{ file, interval: '50ms' }],
      },
      environment: { BERTH_WORKERS: workers },
    })
    expect(await (await fetch(`${server.debug}/debug/health`)).json()).toEqual({})
    writeFileSync(file, '')
    await until('it is unhealthy', async () => (await fetch(`${server.url}/v2/`)).status === 503)
    const health = await fetch(`${server.debug}/debug/health`)
    expect([health.status, await health.json()]).toEqual([503, { [file]: 'file exists' }])
    const refused = await fetch(`${server.url}/v2/`)
    expect(await refused.json()).toEqual({
      errors: [
        {
          code: 'UNAVAILABLE',
          message: expect.stringContaining('out of service'),
          detail: 'health check failed: please see /debug/health',
        },
      ],
    })
    rmSync(folder, { recursive: true })
    await until('it is well again', async () => (await fetch(`${server.url}/v2/`)).status === 200)
  },
)

test('a debug server that everybody can reach says so', async () => {
  await using server = await startServer({ environment: { REGISTRY_HTTP_DEBUG_ADDR: ':0' } })
  await until('it says so', () =>
    /debug server listening \S+, for everybody who reaches this machine/.test(server.stderr()),
  )
})

test('where the registry has been given its address, there is no debug server, and a line says so', async () => {
  const port = await findFreePort()
  await using berth = await startBerth({ port, env: { REGISTRY_HTTP_DEBUG_ADDR: `:${port}` } })
  expect((await fetch(`${berth.url}/v2/`)).status).toBe(200)
  expect(berth.log()).toContain('so there is no debug server')
})

test.each(['1', '2'])(
  'one that cannot listen stops the start, and the setting is named, with %s workers',
  async (workers) => {
    await using other = await startBerth()
    const env = { REGISTRY_HTTP_DEBUG_ADDR: other.host, BERTH_WORKERS: workers }
    await using berth = await launchBerth({ env })
    expect(await berth.exited).toBe(1)
    expect(berth.log()).toContain(
      `Cannot start the debug server (http.debug.addr): cannot listen on ${other.host}`,
    )
  },
)
