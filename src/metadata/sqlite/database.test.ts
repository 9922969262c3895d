/** SQLite with its writer in place, in a thread, and in a process behind a socket, as far as they are alike. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteInPlace } from '../../../test/sqlite-in-place.ts'
import { failureOf, testDatabase } from '../database.contract.ts'
import { command, type Database } from '../database.ts'
import {
  answerFunction,
  echo,
  findNote,
  idle,
  NOTES_MIGRATIONS,
  putNote,
  settleInto,
  TreeBroken,
} from '../notes.contract.ts'
import { openSqliteDatabase } from './database.ts'
import { COMMANDS, openWriterIn, startThread } from './writer-program.contract.ts'
import { serveSocket, WriterSocket } from './writer-socket.ts'

interface Opened {
  readonly database: Database
  stop(): Promise<void>
}

const WRITERS: readonly (readonly [string, (folder: string) => Promise<Opened>])[] = [
  ['in place', openInPlace],
  ['by thread', openByThread],
  ['by socket', openBySocket],
]

describe.each(WRITERS)('SQLite %s', (place, open) => {
  testDatabase(`SQLite ${place}`, open)

  let folder: string
  let opened: Opened
  let database: Database
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'berth-sqlite-'))
    opened = await open(folder)
    database = opened.database
  })
  afterEach(async () => {
    await database.close()
    await opened.stop()
    rmSync(folder, { recursive: true })
  })

  test('a command that waits for something other than SQL is refused, and leaves nothing', async () => {
    const error = await failureOf(database.write(idle, { name: 'idle', value: 'x' }))
    expect(error.message).toBe('the command idle waited for something other than SQL inside its transaction')
    expect(await findNote(database, 'idle')).toBeNull()
    expect(await database.write(putNote, { name: 'idle', value: 'y' })).toMatchObject({ writes: 1 })
  })

  test('input and output must be plain data', async () => {
    expect((await failureOf(database.write(echo, () => 1))).message).toMatch(/can not be cloned/)
    expect((await failureOf(database.write(answerFunction, undefined))).message).toMatch(/can not be cloned/)
    expect(await database.write(echo, 'plain')).toBe('plain')
  })

  test('a reader cannot write', async () => {
    const sneaky = `INSERT INTO notes (name, value) VALUES ('sneaky', '') RETURNING name`
    expect((await failureOf(database.one(sneaky, [], String))).message).toMatch(/cannot be used|readonly/)
  })
})

describe.each(WRITERS.slice(1))('SQLite %s', (_, open) => {
  test('says which command the writer does not know', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'berth-sqlite-'))
    const { database, stop } = await open(folder)
    const unknown = command('note.unheard-of', async () => 1)
    expect((await failureOf(database.write(unknown, undefined))).message).toMatch(/note\.unheard-of/)
    await database.close()
    await stop()
    rmSync(folder, { recursive: true })
  })
})

async function openInPlace(folder: string): Promise<Opened> {
  const path = join(folder, 'berth.db')
  const database = await openSqliteInPlace({
    path,
    migrations: NOTES_MIGRATIONS,
    settle: settleInto(folder),
  })
  return { database, stop: async () => undefined }
}

async function openByThread(folder: string): Promise<Opened> {
  const writer = await startThread(folder, { errors: [TreeBroken] })
  return { database: openSqliteDatabase(join(folder, 'berth.db'), writer), stop: async () => undefined }
}

async function openBySocket(folder: string): Promise<Opened> {
  const socket = join(folder, 'writer.sock')
  const writer = await openWriterIn(folder)
  const server = serveSocket(socket, writer, COMMANDS)
  const link = new WriterSocket(socket, { errors: [TreeBroken] })
  return {
    database: openSqliteDatabase(join(folder, 'berth.db'), link),
    async stop() {
      server.stop()
      await writer.close()
    },
  }
}
