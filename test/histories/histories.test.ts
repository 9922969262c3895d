/**
 * A folder goes to and fro between Berth, registry:2 and registry:3 under histories that chance decides: pushes,
 * moved tags, deletions, mounts, left uploads, nested names, kills in the middle of the index and of a step, and
 * the others' collections. After every start, at once and after the index, each shows what was acknowledged and nothing
 * that was deleted. FAULT_SEED chooses other histories, HISTORIES how many there are.
 */
import { afterAll, beforeAll, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PostgresServer, startPostgres } from '../postgres-server.ts'
import { describeWith } from '../tools/describe-with.ts'
import { liveThrough } from './history.ts'
import type { History } from './telling.ts'

setDefaultTimeout(120_000)

const firstSeed = Number(process.env['FAULT_SEED'] ?? '1')
const histories = Number(process.env['HISTORIES'] ?? '2')
const seeds = Array.from({ length: histories }, (_, at) => firstSeed + at)

async function liveInOwnFolder(seed: number, ways: History['ways']): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), 'history-test-'))
  await liveThrough({ data, seed, ways }).finally(() => rmSync(data, { recursive: true, force: true }))
}

describeWith('a folder of many histories', ['docker-registry', 'registry'], () => {
  const ways = [{}, {}, { BERTH_WORKERS: '2' }]
  test.each(seeds)('shows what was acknowledged, FAULT_SEED=%d', (seed) => liveInOwnFolder(seed, ways))
})

describeWith('with PostgreSQL, a folder', ['docker-registry', 'registry', 'initdb', 'postgres'], () => {
  let postgres: PostgresServer
  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(() => postgres.stop())

  test.each(seeds.filter((_, at) => at % 2 === 0))(
    'shows what was acknowledged, FAULT_SEED=%d',
    async (seed) => {
      const env = { BERTH_DATABASE_URL: await postgres.createDatabase() }
      await liveInOwnFolder(seed, [env, { ...env, BERTH_WORKERS: '2' }])
    },
  )
})
