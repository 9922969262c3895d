import { afterAll } from 'bun:test'
import { startPostgres } from '../../../test/postgres-server.ts'
import { testDatabase } from '../database.contract.ts'
import { NOTES_MIGRATIONS, settleInto } from '../notes.contract.ts'
import { openPostgresDatabase } from './database.ts'

const server = await startPostgres()
afterAll(() => server.stop())

testDatabase('PostgreSQL', async (folder) => {
  const url = await server.createDatabase()
  const database = await openPostgresDatabase({
    url,
    migrations: NOTES_MIGRATIONS,
    settle: settleInto(folder),
  })
  return { database, stop: async () => undefined }
})
