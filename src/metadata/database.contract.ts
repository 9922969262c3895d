/**
 * What every database must do, wherever its writer runs. A driver's test calls `testDatabase` with a way to
 * open an empty database with the schema and commands of notes.contract.ts, which settles into the folder.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { RegistryError } from '../oci/errors.ts'
import type { Database } from './database.ts'
import {
  deleteNotes,
  echo,
  findNote,
  findThing,
  insertNote,
  insertNoteCarelessly,
  putMarkedNote,
  putNote,
  putNoteInPassing,
  refuseNote,
  settledIn,
  storeThing,
  type Thing,
  TreeBroken,
  until,
} from './notes.contract.ts'
import { integer, text } from './row.ts'

export interface OpenedDatabase {
  readonly database: Database
  /** Ends whatever the database needed. The database is closed by then. */
  stop(): Promise<void>
}

/** `open` makes an empty database that settles by `settleInto(folder)`. */
export function testDatabase(driver: string, open: (folder: string) => Promise<OpenedDatabase>): void {
  describe(`${driver} database`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'berth-database-'))
    let opened: OpenedDatabase
    let database: Database
    beforeAll(async () => {
      opened = await open(folder)
      database = opened.database
    })
    afterAll(async () => {
      await database.close()
      await opened.stop()
      rmSync(folder, { recursive: true, force: true })
    })

    describe('a read', () => {
      test('gives null where there is no row, and no rows where there are none', async () => {
        expect(await findNote(database, 'nobody')).toBeNull()
        expect(await database.all('SELECT name FROM notes WHERE name = $1', ['nobody'], String)).toEqual([])
      })

      test('gives the first row, and every row, in the order asked for', async () => {
        for (const name of ['order/1', 'order/2', 'order/3'])
          await database.write(putNote, { name, value: name })
        const sql = 'SELECT name FROM notes WHERE name >= $1 AND name <= $2 ORDER BY name DESC'
        const name = (row: Record<string, unknown>) => text(row, 'name')
        expect(await database.one(sql, ['order/1', 'order/3'], name)).toBe('order/3')
        expect(await database.all(sql, ['order/1', 'order/3'], name)).toEqual([
          'order/3',
          'order/2',
          'order/1',
        ])
      })

      test('takes parameters by their number, repeated and in any order', async () => {
        await database.write(putNote, { name: 'first', value: 'second' })
        const found = await database.one(
          `SELECT name, '$1 "is" no parameter' AS quoted FROM notes WHERE value = $2 AND name = $1 AND (name = $1 OR value = $2)`,
          ['first', 'second'],
          (row) => [text(row, 'name'), text(row, 'quoted')],
        )
        expect(found).toEqual(['first', '$1 "is" no parameter'])
      })

      test('without parameters gives the same types as with', async () => {
        const data = new Uint8Array([0, 255, 92, 120])
        await database.write(storeThing, { label: 'bare', number: 5_000_000_000, data })
        const sql = `SELECT data, number FROM things WHERE label = 'bare'`
        for (const _ of ['unprepared', 'prepared']) {
          const found = await database.one(sql, [], (row) => [row['data'], integer(row, 'number')])
          expect(found?.[0]).toBeInstanceOf(Uint8Array)
          expect(new Uint8Array(found?.[0] as Uint8Array)).toEqual(data)
          expect(found?.[1]).toBe(5_000_000_000)
        }
      })

      test('counts as integers', async () => {
        const sql = 'SELECT count(*) AS count, sum(number) AS sum FROM things WHERE number = $1'
        await database.write(storeThing, { label: null, number: 77, data: null })
        await database.write(storeThing, { label: null, number: 77, data: null })
        const counted = await database.one(sql, [77], (row) => [integer(row, 'count'), integer(row, 'sum')])
        expect(counted).toEqual([2, 154])
      })

      test('sorts text by its bytes', async () => {
        const sorted = ['-', '0', 'B', '_', 'a', 'b', 'é', 'ﬀ', '😀']
        for (const letter of [...sorted].reverse())
          await database.write(putNote, { name: `sort/${letter}`, value: letter })
        const sql = 'SELECT value FROM notes WHERE name >= $1 AND name < $2 ORDER BY name'
        expect(await database.all(sql, ['sort/', 'sort0'], (row) => text(row, 'value'))).toEqual(sorted)
      })

      test('of a wrong statement, or with the wrong number of values, is an error', async () => {
        expect((await failureOf(database.one('SELECT name FROM nowhere', [], String))).message).toMatch(
          'nowhere',
        )
        expect(
          await failureOf(database.one('SELECT name FROM notes WHERE name = $1', [], String)),
        ).toBeInstanceOf(Error)
        expect(
          await failureOf(database.one('SELECT name FROM notes WHERE name = $1', ['a', 'b'], String)),
        ).toBeInstanceOf(Error)
        expect(await findNote(database, 'nobody')).toBeNull()
      })
    })

    describe('a value', () => {
      test('comes back as it was, whatever it is', async () => {
        await fc.assert(
          fc.asyncProperty(things, async (thing) => {
            const id = await database.write(storeThing, thing)
            expect(await findThing(database, id ?? 0)).toEqual(thing)
          }),
          { numRuns: 100 },
        )
      })

      test.each([Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 31, -(2 ** 31) - 1, 0])(
        '%d is exact',
        async (number) => {
          const id = await database.write(storeThing, { label: null, number, data: null })
          expect((await findThing(database, id ?? 0))?.number).toBe(number)
        },
      )

      test('of every byte, and of the size of the largest manifest, is exact', async () => {
        const data = new Uint8Array(4 * 1024 * 1024).map((_, index) => index * 31 + (index >> 8))
        const id = await database.write(storeThing, { label: null, number: null, data })
        const found = await findThing(database, id ?? 0)
        expect(Bun.hash(found?.data ?? '')).toBe(Bun.hash(data))
      })
    })

    describe('a write', () => {
      test('is seen by the next read', async () => {
        for (let index = 0; index < 50; index++) {
          await database.write(putNote, { name: 'seen', value: `${index}` })
          expect(await findNote(database, 'seen')).toBe(`${index}`)
        }
      })

      test('that need not survive a power loss is seen as well', async () => {
        await database.write(putNoteInPassing, { name: 'in passing', value: 'x' })
        expect(await findNote(database, 'in passing')).toBe('x')
      })

      test('knows the time, in milliseconds', async () => {
        const { now } = await database.write(putNote, { name: 'time', value: '' })
        expect(Number.isSafeInteger(now)).toBe(true)
        expect(Math.abs(now - Date.now())).toBeLessThan(60_000)
      })

      test('says how many rows it changed', async () => {
        for (const name of ['many/1', 'many/2', 'many/3']) await database.write(putNote, { name, value: '' })
        expect(await database.write(deleteNotes, { prefix: 'many/' })).toBe(3)
        expect(await database.write(deleteNotes, { prefix: 'many/' })).toBe(0)
      })

      test('takes plain data and gives it back', async () => {
        const plain = {
          text: 'é',
          list: [1, null, { deep: true }],
          data: new Uint8Array([1, 2]),
          none: undefined,
        }
        expect(await database.write(echo, plain)).toEqual(plain)
        expect(await database.write(echo, undefined)).toBeUndefined()
      })

      test('applies each of 200 at once exactly once', async () => {
        const writes = Array.from({ length: 200 }, (_, index) =>
          database.write(putNote, { name: `many at once/${index % 20}`, value: '' }),
        )
        const answers = await Promise.all(writes)
        const sql = 'SELECT writes FROM notes WHERE name >= $1 AND name < $2'
        const counts = await database.all(sql, ['many at once/', 'many at once0'], (row) =>
          integer(row, 'writes'),
        )
        expect(counts).toEqual(Array(20).fill(10))
        expect(answers.map(({ writes }) => writes).sort(byNumber)).toEqual(
          Array.from({ length: 200 }, (_, index) => 1 + Math.floor(index / 20)),
        )
      })

      test('may be run twice', async () => {
        const note = { name: 'twice', value: 'x' }
        await database.write(putNote, note)
        expect((await database.write(putNote, note)).writes).toBe(2)
        expect(await findNote(database, 'twice')).toBe('x')
      })
    })

    describe('a refused write', () => {
      test('leaves nothing, and tells every problem', async () => {
        const error = await database
          .write(refuseNote, { name: 'refused', value: 'x' })
          .catch((error) => error)
        expect(error).toBeInstanceOf(RegistryError)
        expect(error).toHaveProperty('code', 'MANIFEST_BLOB_UNKNOWN')
        expect(error).toHaveProperty('problems', [
          { code: 'MANIFEST_BLOB_UNKNOWN', message: 'one is missing', detail: { digest: 'a' } },
          { code: 'MANIFEST_BLOB_UNKNOWN', message: 'another is missing', detail: { digest: 'b' } },
        ])
        expect(await findNote(database, 'refused')).toBeNull()
      })

      test('does not touch those in flight with it', async () => {
        const outcomes = await Promise.allSettled([
          database.write(putNote, { name: 'neighbour 1', value: 'kept' }),
          database.write(refuseNote, { name: 'neighbour 1', value: 'refused' }),
          database.write(insertNote, { name: 'neighbour 2', value: 'kept' }),
        ])
        expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
        expect(await findNote(database, 'neighbour 1')).toBe('kept')
        expect(await findNote(database, 'neighbour 2')).toBe('kept')
      })

      test('by a failed statement leaves nothing, and the next one works', async () => {
        await database.write(insertNote, { name: 'only once', value: '1' })
        expect(
          (await failureOf(database.write(insertNote, { name: 'only once', value: '2' }))).message,
        ).toMatch(/unique/i)
        expect(await findNote(database, 'only once')).toBe('1')
        expect((await database.write(putNote, { name: 'only once', value: '3' })).writes).toBe(2)
      })

      test('stays refused when the command overlooks the failed statement', async () => {
        const note = { name: 'overlooked', value: '' }
        await database.write(insertNote, note)
        expect((await failureOf(database.write(insertNoteCarelessly, note))).message).toMatch(/unique/i)
        expect(await findNote(database, 'overlooked before')).toBeNull()
      })

      test('has no marks settled', async () => {
        await database.write(refuseNote, { name: 'unmarked', value: 'x' }).catch(() => undefined)
        await database.write(putMarkedNote, { name: 'marked after', value: 'x' })
        expect(settledIn(folder)).not.toContain('enter unmarked=x')
        expect(settledIn(folder)).toContain('enter marked after=x')
      })
    })

    describe('settling', () => {
      test('sees what was committed, and comes before the answer', async () => {
        let answered = false
        const writing = database.write(putMarkedNote, { name: 'held', value: 'committed' }).then(() => {
          answered = true
        })
        await until(() => settledIn(folder).includes('enter held=committed'))
        expect(await findNote(database, 'held')).toBe('committed')
        expect(answered).toBe(false)
        writeFileSync(join(folder, 'gate'), '')
        await writing
        expect(settledIn(folder)).toContain('leave held')
      })

      test('that fails fails the write, which is committed all the same', async () => {
        const error = await database
          .write(putMarkedNote, { name: 'broken', value: 'x' })
          .catch((error) => error)
        expect(error).toBeInstanceOf(TreeBroken)
        expect(error.message).toBe('the disk is full: free some space')
        expect(await findNote(database, 'broken')).toBe('x')
        expect(await database.write(putMarkedNote, { name: 'mended', value: 'x' })).toMatchObject({
          writes: 1,
        })
      })

      test('that fails does not fail those in flight without marks', async () => {
        const outcomes = await Promise.allSettled([
          database.write(putNote, { name: 'without marks 1', value: 'x' }),
          database.write(putMarkedNote, { name: 'broken', value: 'x' }),
          database.write(putNote, { name: 'without marks 2', value: 'x' }),
        ])
        expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      })

      test('has a path to itself', async () => {
        const writes = Array.from({ length: 40 }, (_, index) =>
          database.write(putMarkedNote, { name: `path ${index % 2}`, value: `${index}` }),
        )
        await Promise.all(writes)
        for (const path of ['path 0', 'path 1']) {
          const lines = settledIn(folder).filter((line) => line.includes(path))
          expect(lines).toHaveLength(40)
          expect(lines.filter((line) => line.startsWith('enter'))).toEqual(
            lines.filter((_, index) => index % 2 === 0),
          )
          const last = lines.at(-2)
          expect(last).toBe(`enter ${path}=${await findNote(database, path)}`)
        }
      })
    })

    test('closing lets the writes in flight end, and takes no more', async () => {
      const own = mkdtempSync(join(tmpdir(), 'berth-database-'))
      const { database, stop } = await open(own)
      const writes = Array.from({ length: 20 }, (_, index) =>
        database.write(putMarkedNote, { name: `last ${index}`, value: '' }),
      )
      const closing = database.close()
      expect(await failureOf(database.write(putNote, { name: 'too late', value: '' }))).toBeInstanceOf(Error)
      expect(await Promise.all(writes)).toHaveLength(20)
      await closing
      await database.close()
      await stop()
      expect(settledIn(own)).toHaveLength(40)
      rmSync(own, { recursive: true })
    })
  })
}

/** PostgreSQL's text holds neither NUL nor half of a surrogate pair. */
const characters = fc.string({ unit: 'grapheme', maxLength: 200 }).filter((text) => !text.includes('\0'))

const things: fc.Arbitrary<Thing> = fc.record({
  label: fc.option(
    fc.oneof(characters, fc.constantFrom('', "'; DROP TABLE notes; --", '\\x00', '$1', '%_\\')),
  ),
  number: fc.option(fc.maxSafeInteger()),
  data: fc.option(fc.uint8Array({ maxLength: 300 })).map((data) => data && new Uint8Array(data)),
})

/** What the promise rejects with. (`expect(…).rejects` stops the event loop that a thread's messages need.) */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    (value) => new Error(`resolved with ${Bun.inspect(value)}`),
    (error: unknown) => ({ error }),
  )
  if ('error' in outcome && outcome.error instanceof Error) return outcome.error
  throw outcome
}

function byNumber(left: number, right: number): number {
  return left - right
}
