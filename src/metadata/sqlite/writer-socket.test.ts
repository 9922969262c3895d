/** What happens on the way to a writer in another process: it dies, it is late, it is not the writer. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failureOf } from '../database.contract.ts'
import { type Database, WriterUnavailable } from '../database.ts'
import { echo, findNote, putMarkedNote, putNote, settledIn, until } from '../notes.contract.ts'
import { openSqliteDatabase } from './database.ts'
import { COMMANDS, openWriterIn, startProcess } from './writer-program.contract.ts'
import { serveSocket, WriterSocket } from './writer-socket.ts'

let folder: string
let socket: string
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-socket-'))
  socket = join(folder, 'writer.sock')
  await (await openWriterIn(folder)).close()
})
afterEach(() => rmSync(folder, { recursive: true }))

function openDatabase(patienceMs = 5000): Database {
  return openSqliteDatabase(join(folder, 'berth.db'), new WriterSocket(socket, { patienceMs }))
}

test('writes wait for a writer that is not there yet', async () => {
  const database = openDatabase()
  const early = database.write(putNote, { name: 'early', value: 'x' })
  const writer = startProcess(folder)
  expect(await early).toMatchObject({ writes: 1 })
  await database.close()
  writer.kill()
  await writer.exited
})

test('writes do not wait for ever', async () => {
  const database = openDatabase(40)
  const error = await failureOf(database.write(putNote, { name: 'never', value: 'x' }))
  expect(error).toBeInstanceOf(WriterUnavailable)
  expect(error.message).toBe('The writer of the database is not running. Please try again in a moment.')
  await database.close()
})

test('a writer that is killed leaves its callers in doubt, and the next one goes on', async () => {
  const first = startProcess(folder)
  const database = openDatabase()
  const held = failureOf(database.write(putMarkedNote, { name: 'held', value: 'x' }))
  await until(() => settledIn(folder).includes('enter held=x'))
  first.kill('SIGKILL')
  const error = await held
  expect(error).toBeInstanceOf(WriterUnavailable)
  expect(error.message).toBe('The writer of the database went away. Please try again.')
  const waiting = database.write(putNote, { name: 'waiting', value: 'x' })
  await first.exited
  const second = startProcess(folder)
  expect(await waiting).toMatchObject({ writes: 1 })
  expect(await findNote(database, 'held')).toBe('x')
  await database.close()
  second.kill()
  await second.exited
})

test('large messages pass whole, both ways, many at once, from several workers', async () => {
  const writer = await openWriterIn(folder)
  const server = serveSocket(socket, writer, COMMANDS)
  const databases = [openDatabase(), openDatabase()]
  const data = new Uint8Array(4 * 1024 * 1024).map((_, index) => index * 31 + (index >> 8))
  const echoes = databases.flatMap((database) =>
    Array.from(
      { length: 5 },
      (_, index) => database.write(echo, { index, data }) as Promise<{ data: Uint8Array }>,
    ),
  )
  const hashes = (await Promise.all(echoes)).map((answer) => Bun.hash(answer.data))
  expect(hashes).toEqual(Array(10).fill(Bun.hash(data)))
  for (const database of databases) await database.close()
  server.stop()
  await writer.close()
})

test('the socket belongs to its owner alone, and replaces one that a dead writer left', async () => {
  writeFileSync(socket, '')
  const writer = await openWriterIn(folder)
  const server = serveSocket(socket, writer, COMMANDS)
  expect(statSync(socket).isSocket()).toBe(true)
  expect(statSync(socket).mode & 0o777).toBe(0o600)
  server.stop()
  await writer.close()
})

test('what is no Berth is hung up on, and harms nobody', async () => {
  const writer = await openWriterIn(folder)
  const server = serveSocket(socket, writer, COMMANDS)
  const ended = Promise.withResolvers<void>()
  const stranger = await Bun.connect({ unix: socket, socket: { data() {}, close: () => ended.resolve() } })
  stranger.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await ended.promise
  const database = openDatabase()
  expect(await database.write(putNote, { name: 'fine', value: 'x' })).toMatchObject({ writes: 1 })
  await database.close()
  server.stop()
  await writer.close()
})

test('a path that is too long for a socket is named', () => {
  const long = join(folder, 'x'.repeat(100))
  expect(() => new WriterSocket(long)).toThrow('is too long for a socket')
  expect(existsSync(long)).toBe(false)
})
