/** What is the writer's own affair: order, the session beside the batches, opening and closing. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failureOf } from '../database.contract.ts'
import type { AnyCommand } from '../database.ts'
import {
  findNote,
  NOTES_MIGRATIONS,
  putMarkedNote,
  putNote,
  refuseNote,
  settledIn,
  settleInto,
  until,
} from '../notes.contract.ts'
import { DatabaseUnavailable, SchemaTooNew } from '../unavailable.ts'
import { SqliteReader } from './reader.ts'
import { withNumberedParameters } from './statements.ts'
import { openSqliteWriter, type SqliteWriter } from './writer.ts'

let folder: string
let path: string
let writer: SqliteWriter
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-writer-'))
  path = join(folder, 'berth.db')
  writer = await open()
})
afterEach(async () => {
  await writer.close()
  rmSync(folder, { recursive: true })
})

function open(migrations = NOTES_MIGRATIONS): Promise<SqliteWriter> {
  return openSqliteWriter({ path, migrations, settle: settleInto(folder) })
}

function submit(command: unknown, name: string): Promise<unknown> {
  return writer.submit(command as AnyCommand, { name, value: name })
}

test('a new database is for its owner alone, with what SQLite puts beside it; one that is there keeps its mode', async () => {
  await submit(putNote, 'somebody')
  const modes = () =>
    readdirSync(folder)
      .filter((name) => name.startsWith('berth.db'))
      .map((name) => (statSync(join(folder, name)).mode & 0o777).toString(8))
  expect(modes()).toEqual(['600', '600', '600'])
  await writer.close()
  chmodSync(path, 0o640)
  writer = await open()
  await submit(putNote, 'another')
  expect(modes()).toEqual(['640', '640', '640'])
})

test('marks are settled in commit order, those of a refused command not at all', async () => {
  const commands = [putMarkedNote, refuseNote, putMarkedNote, putNote, putMarkedNote]
  await Promise.allSettled(commands.map((command, index) => submit(command, `${index}`)))
  expect(settledIn(folder).filter((line) => line.startsWith('enter'))).toEqual([
    'enter 0=0',
    'enter 2=2',
    'enter 4=4',
  ])
})

test('a command without marks does not wait for the settling of others', async () => {
  const held = submit(putMarkedNote, 'held')
  await submit(putNote, 'beside')
  expect(settledIn(folder)).not.toContain('leave held')
  writeFileSync(join(folder, 'gate'), '')
  await held
})

test('a session beside the batches waits for a path that is being settled', async () => {
  const reader = new SqliteReader(path)
  const session = writer.sessionOver(reader)
  const held = submit(putMarkedNote, 'held')
  await until(() => settledIn(folder).includes('enter held=held'))
  let entered = false
  const beside = session.exclusively('held', async () => {
    entered = true
    return findNote(session, 'held')
  })
  expect(await session.exclusively('another', () => findNote(session, 'held'))).toBe('held')
  expect(entered).toBe(false)
  writeFileSync(join(folder, 'gate'), '')
  await held
  expect(await beside).toBe('held')
  reader.close()
})

test('a path is free again after work that failed', async () => {
  const session = writer.sessionOver(new SqliteReader(path))
  const failed = session.exclusively('path', () => Promise.reject(new Error('failed')))
  expect(await session.exclusively('path', async () => 'free')).toBe('free')
  expect((await failureOf(failed)).message).toBe('failed')
})

describe('opening', () => {
  test('refuses a database of a newer program, with what to do', async () => {
    await writer.close()
    const error = await failureOf(open(NOTES_MIGRATIONS.slice(0, 1)))
    expect(error).toBeInstanceOf(SchemaTooNew)
    expect(error.message).toBe(
      'The database was changed by a newer Berth (its schema is version 2, "things by number"; this program knows up to 1). ' +
        'Start that newer Berth, or restore a backup from before the upgrade.',
    )
  })

  test('says that the folder is missing', async () => {
    const missing = join(folder, 'missing', 'berth.db')
    const opening = openSqliteWriter({
      path: missing,
      migrations: NOTES_MIGRATIONS,
      settle: settleInto(folder),
    })
    const error = await failureOf(opening)
    expect(error).toBeInstanceOf(DatabaseUnavailable)
    expect(error.message).toContain('check that its folder exists')
  })

  test('says that the file is not a database', async () => {
    const other = join(folder, 'other.db')
    writeFileSync(other, 'plain text, and far longer than the header of a database would be: '.repeat(20))
    const opening = openSqliteWriter({
      path: other,
      migrations: NOTES_MIGRATIONS,
      settle: settleInto(folder),
    })
    expect((await failureOf(opening)).message).toContain('is not a database')
  })
})

describe('closing', () => {
  test('leaves one file, with everything in it', async () => {
    await submit(putNote, 'kept')
    expect(existsSync(`${path}-wal`)).toBe(true)
    await writer.close()
    expect(existsSync(`${path}-wal`)).toBe(false)
    writer = await open()
    const reader = new SqliteReader(path)
    expect(await findNote(reader, 'kept')).toBe('kept')
    reader.close()
  })
})

test.each([
  ['SELECT $1, $2, $1', 'SELECT ?1, ?2, ?1'],
  [`SELECT '$1', "$2", $12`, `SELECT '$1', "$2", ?12`],
  [`SELECT 'it''s $1', $1`, `SELECT 'it''s $1', ?1`],
])('%s becomes %s', (common, own) => {
  expect(withNumberedParameters(common)).toBe(own)
})
