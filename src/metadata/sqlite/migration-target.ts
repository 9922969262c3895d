/** SQLite as migrate.ts sees it: whoever holds the write lock of the file migrates alone. */
import type { MigrationTarget } from '../migrate.ts'
import type { Statements } from './statements.ts'

export function sqliteMigrationTarget(statements: Statements): MigrationTarget {
  return {
    dialect: 'sqlite',
    async transaction(work) {
      statements.run('BEGIN IMMEDIATE')
      try {
        const result = await work()
        statements.run('COMMIT')
        return result
      } catch (error) {
        if (statements.inTransaction) statements.run('ROLLBACK')
        throw error
      }
    },
    async execute(statement) {
      statements.execute(statement)
    },
    async query(statement) {
      return statements.all(statement, [])
    },
  }
}
