import { afterAll, beforeAll, expect, test } from 'bun:test'
import { SQL } from 'bun'
import { type PostgresServer, startPostgres } from '../../../test/postgres-server.ts'
import { describeWith } from '../../../test/tools/describe-with.ts'
import { FIRST, SECOND, testMigrations } from '../migrate.contract.ts'
import { migrate } from '../migrate.ts'
import { postgresMigrationTarget } from './migration-target.ts'

describeWith('migrating', ['initdb', 'postgres'], () => {
  let server: PostgresServer
  const pools: SQL[] = []
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(async () => {
    await Promise.all(pools.map((pool) => pool.close({ timeout: 0 })))
    await server.stop()
  })

  async function connect(url: string) {
    const pool = new SQL(url, { max: 1 })
    pools.push(pool)
    return postgresMigrationTarget(await pool.reserve())
  }

  testMigrations('PostgreSQL', async () => connect(await server.createDatabase()))

  test('replicas that start together migrate once', async () => {
    const url = await server.createDatabase()
    const targets = await Promise.all(Array.from({ length: 4 }, () => connect(url)))
    const applied = await Promise.all(targets.map((target) => migrate(target, [FIRST, SECOND])))
    expect(applied.flat().sort()).toEqual(['first', 'second'])
  })
})
