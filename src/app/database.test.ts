/** A start that fails leaves nothing open. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SQL } from 'bun'
import { type PostgresServer, startPostgres } from '../../test/postgres-server.ts'
import { describeWith } from '../../test/tools/describe-with.ts'
import { until } from '../../test/until.ts'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { createLog } from '../observability/log.ts'
import { openOwnDatabase } from './database.ts'
import { claimSameIdentity, VolumeRefused } from './volume.ts'

const log = createLog({ level: 'error', format: 'text', write: () => {} })

async function configFor(environment: Record<string, string>): Promise<Config> {
  const flags = { addr: null, data: null }
  return (await loadConfig({ file: null, environment, flags, isTerminal: false })).config
}

describeWith('a database of PostgreSQL', ['initdb', 'postgres'], () => {
  let server: PostgresServer
  let url: string
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())
  beforeEach(async () => {
    url = await server.createDatabase()
  })

  /** How many connections Berth has to the database now. */
  async function connections(): Promise<number> {
    const sql = new SQL(url, { max: 1 })
    const rows = await sql.unsafe(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'berth'`,
    )
    await sql.close()
    return rows.length
  }

  test('that belongs to another folder is let go of', async () => {
    const config = await configFor({ BERTH_DATABASE_URL: url, REGISTRY_STORAGE: 'inmemory' })
    const first = await openOwnDatabase(config, null, log)
    const own = { root: '/srv/own', id: 'own', start: 'this one', hasContent: false, isAdopted: false }
    await claimSameIdentity(first.database, own)
    await first.close()
    const root = mkdtempSync(join(tmpdir(), 'berth-database-test-'))
    const other = { root, id: 'other', start: 'this one', hasContent: false, isAdopted: false }
    const refused = await openOwnDatabase(config, other, log).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(VolumeRefused)
    await until('no connection is left', async () => (await connections()) === 0)
    rmSync(root, { recursive: true })
  })

  test('opens no more connections than this process may have', async () => {
    const environment = { BERTH_DATABASE_URL: url, BERTH_WORKERS: '2', BERTH_DATABASE_CONNECTIONS: '4' }
    const { database, close } = await openOwnDatabase(await configFor(environment), null, log)
    const reads = Array.from({ length: 20 }, () => database.one('SELECT pg_sleep(0.01)', [], () => null))
    await Promise.all(reads)
    expect(await connections()).toBe(2)
    await close()
  })
})
