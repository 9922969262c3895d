/** PostgreSQL as migrate.ts sees it: an advisory lock lets one replica migrate at a time, however long it takes. */
import type { MigrationTarget } from '../migrate.ts'
import { type Connection, execute } from './connection.ts'

const BEGIN = `BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
  SELECT pg_advisory_xact_lock(hashtextextended('berth migrations', 0))`

export function postgresMigrationTarget(connection: Connection): MigrationTarget {
  return {
    dialect: 'postgres',
    async transaction(work) {
      await connection.unsafe(BEGIN)
      try {
        const result = await work()
        await execute(connection, 'COMMIT')
        return result
      } catch (error) {
        await execute(connection, 'ROLLBACK').catch(() => undefined)
        throw error
      }
    },
    async execute(statement) {
      await connection.unsafe(statement)
    },
    query: (statement) => execute(connection, statement),
  }
}
