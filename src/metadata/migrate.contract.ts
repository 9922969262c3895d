/** What migrating must do on every database. A driver's test calls it with a way to connect to an empty one. */
import { describe, expect, test } from 'bun:test'
import { failureOf } from './database.contract.ts'
import { type MigrationTarget, migrate } from './migrate.ts'
import { text } from './row.ts'
import { SchemaTooNew } from './unavailable.ts'

export const FIRST = {
  version: 1,
  name: 'first',
  statements: [
    'CREATE TABLE firsts (id {{id}}, name {{text}} NOT NULL, number {{integer}}, data {{bytes}}) {{table}}',
    `INSERT INTO firsts (name) VALUES ('made by the first')`,
  ],
}
export const SECOND = {
  version: 2,
  name: 'second',
  statements: ['CREATE TABLE seconds (name {{text}} NOT NULL PRIMARY KEY) {{clustered}}'],
}
const FAILING = {
  version: 2,
  name: 'failing',
  statements: ['CREATE TABLE half (id {{id}}) {{table}}', 'INSERT INTO nowhere VALUES (1)'],
}

/** `open` connects to a new, empty database. */
export function testMigrations(driver: string, open: () => Promise<MigrationTarget>): void {
  describe(`${driver} migrations`, () => {
    test('run in order, and once', async () => {
      const target = await open()
      expect(await migrate(target, [FIRST])).toEqual(['first'])
      expect(await migrate(target, [FIRST, SECOND])).toEqual(['second'])
      expect(await migrate(target, [FIRST, SECOND])).toEqual([])
      expect(await names(target, 'SELECT name FROM migrations ORDER BY version')).toEqual(['first', 'second'])
      expect(await names(target, 'SELECT name FROM firsts')).toEqual(['made by the first'])
    })

    test('that fail leave nothing of themselves, and all before them', async () => {
      const target = await open()
      expect((await failureOf(migrate(target, [FIRST, FAILING]))).message).toContain('nowhere')
      expect(await names(target, 'SELECT name FROM migrations')).toEqual(['first'])
      expect((await failureOf(target.query('SELECT id AS name FROM half'))).message).toContain('half')
      expect(await migrate(target, [FIRST, SECOND])).toEqual(['second'])
    })

    test('of a newer program are not touched', async () => {
      const target = await open()
      await migrate(target, [FIRST, SECOND])
      const error = await failureOf(migrate(target, [FIRST]))
      expect(error).toBeInstanceOf(SchemaTooNew)
      expect(error.message).toContain('its schema is version 2, "second"; this program knows up to 1')
    })

    test('must be numbered without gaps and named plainly, and use known macros', async () => {
      const target = await open()
      expect((await failureOf(migrate(target, [SECOND]))).message).toContain('must be version 1')
      expect((await failureOf(migrate(target, [{ ...FIRST, name: `it's` }]))).message).toContain(
        'plain words',
      )
      const unknown = { ...FIRST, statements: ['CREATE TABLE a (b {{uuid}})'] }
      expect((await failureOf(migrate(target, [unknown]))).message).toContain('{{uuid}}, which is no macro')
    })
  })
}

async function names(target: MigrationTarget, query: string): Promise<string[]> {
  return (await target.query(query)).map((row) => text(row, 'name'))
}
