/** What one connection says where its database takes nothing more, brought about by SQLite itself. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseFull, DatabaseReadOnly } from '../unavailable.ts'
import { Statements } from './statements.ts'

let folder: string
let statements: Statements
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-statements-'))
  statements = new Statements(join(folder, 'berth.db'), 'write')
  statements.run('CREATE TABLE notes (body TEXT)')
})
afterEach(() => {
  statements.close()
  rmSync(folder, { recursive: true })
})

function refusal(bytes: number): unknown {
  try {
    return statements.run('INSERT INTO notes VALUES ($1)', ['x'.repeat(bytes)])
  } catch (error) {
    return error
  }
}

test('a database that has no room left says so by its class, and that space must be freed', () => {
  statements.execute('PRAGMA max_page_count = 3')
  const error = refusal(100_000)
  expect(error).toBeInstanceOf(DatabaseFull)
  expect(String(error)).toEndWith(`${folder}/berth.db cannot be used now: the disk is full: free some space.`)
})

test('a database that may not be written says so by its class, and what to check', () => {
  statements.execute('PRAGMA query_only = ON')
  const error = refusal(1)
  expect(error).toBeInstanceOf(DatabaseReadOnly)
  expect(String(error)).toContain('check its owner and mode, and that the volume is not read-only')
})
