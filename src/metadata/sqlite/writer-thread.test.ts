/** What happens when the writer's thread dies, cannot start, or is asked to stop. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failureOf } from '../database.contract.ts'
import { type Database, WriterUnavailable } from '../database.ts'
import { findNote, NOTES_MIGRATIONS, putNote } from '../notes.contract.ts'
import { SchemaTooNew } from '../unavailable.ts'
import { openSqliteDatabase } from './database.ts'
import { openSqliteWriter } from './writer.ts'
import { die, startThread } from './writer-program.contract.ts'
import type { ThreadDeath, WriterThread } from './writer-thread.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-thread-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('a thread that dies', () => {
  let deaths: ThreadDeath[]
  let writer: WriterThread
  let database: Database
  beforeEach(async () => {
    deaths = []
    writer = await startThread(folder, { onDeath: (death) => deaths.push(death) })
    database = openSqliteDatabase(join(folder, 'berth.db'), writer)
  })
  afterEach(() => database.close())

  test('leaves its callers in doubt, nothing half done, and is started again', async () => {
    const error = await failureOf(database.write(die, { name: 'dying', value: 'x' }))
    expect(error).toBeInstanceOf(WriterUnavailable)
    expect(error.message).toBe('The writer of the database died (its thread ended). Please try again.')
    expect(await database.write(putNote, { name: 'after', value: 'x' })).toMatchObject({ writes: 1 })
    expect(await findNote(database, 'dying')).toBeNull()
    expect(deaths.map(({ givenUp }) => givenUp)).toEqual([null])
  })

  test('keeps what it had answered', async () => {
    await database.write(putNote, { name: 'answered', value: 'x' })
    await failureOf(database.write(die, { name: 'dying', value: 'x' }))
    expect((await database.write(putNote, { name: 'answered', value: 'y' })).writes).toBe(2)
  })

  test('again and again is given up, and says so', async () => {
    const errors: Error[] = []
    while (deaths.length < 5) errors.push(await failureOf(database.write(die, { name: 'dying', value: 'x' })))
    expect(errors).toHaveLength(5)
    const error = await failureOf(database.write(putNote, { name: 'after', value: 'x' }))
    expect(deaths.map(({ givenUp }) => givenUp as Error | null)).toEqual([null, null, null, null, error])
    expect(error).toBeInstanceOf(WriterUnavailable)
    expect(error.message).toContain('died 5 times within a minute and was not started again')
  })

  test('may be closed while it is dead', async () => {
    await failureOf(database.write(die, { name: 'dying', value: 'x' }))
    await database.close()
    expect((await failureOf(database.write(putNote, { name: 'late', value: '' }))).message).toBe(
      'The database is closed.',
    )
  })
})

test('a thread that cannot open the database says why, with the same class of error', async () => {
  const newer = [...NOTES_MIGRATIONS, { version: 3, name: 'of tomorrow', statements: [] }]
  const path = join(folder, 'berth.db')
  const writer = await openSqliteWriter({ path, migrations: newer, settle: async () => new Map() })
  await writer.close()
  const error = await failureOf(startThread(folder))
  expect(error).toBeInstanceOf(SchemaTooNew)
  expect(error.message).toContain('"of tomorrow"')
})

test('a thread whose program fails says why', async () => {
  const spawn = () => new Worker('data:text/javascript,throw new Error("no such luck")')
  expect((await failureOf(startThread(folder, { spawn }))).message).toBe('no such luck')
})
