import { afterAll } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testMigrations } from '../migrate.contract.ts'
import { sqliteMigrationTarget } from './migration-target.ts'
import { Statements } from './statements.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-migrations-'))
afterAll(() => rmSync(folder, { recursive: true }))

testMigrations('SQLite', async () => {
  return sqliteMigrationTarget(new Statements(join(folder, `${crypto.randomUUID()}.db`), 'write'))
})
