/** PostgreSQL as every database, and where it is unlike SQLite: a server that goes away, and other replicas. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SQL } from 'bun'
import { type PostgresServer, startPostgres } from '../../../test/postgres-server.ts'
import { describeWith } from '../../../test/tools/describe-with.ts'
import { failureOf, testDatabase } from '../database.contract.ts'
import { command, type Transaction, WriterUnavailable } from '../database.ts'
import {
  findNote,
  NOTES_MIGRATIONS,
  type Note,
  putMarkedNote,
  putNote,
  settledIn,
  settleInto,
  until,
} from '../notes.contract.ts'
import { text } from '../row.ts'
import { DatabaseFull, DatabaseReadOnly, DatabaseUnavailable } from '../unavailable.ts'
import { openPostgresDatabase, type PostgresDatabase, type PostgresOptions } from './database.ts'

describeWith('PostgreSQL', ['initdb', 'postgres'], () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
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

  let folder: string
  let url: string
  let database: PostgresDatabase
  let opened: PostgresDatabase[]
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'berth-postgres-test-'))
    url = await server.createDatabase()
    opened = []
    database = await open()
  })
  afterEach(async () => {
    writeFileSync(join(folder, 'gate'), '')
    await Promise.all(opened.map((database) => database.close()))
    rmSync(folder, { recursive: true })
  })

  async function open(options: Partial<PostgresOptions> = {}): Promise<PostgresDatabase> {
    const settle = settleInto(folder)
    const database = await openPostgresDatabase({ url, migrations: NOTES_MIGRATIONS, settle, ...options })
    opened.push(database)
    return database
  }

  /** A second connection, as an operator has. */
  async function asOperator<T>(work: (sql: SQL) => Promise<T>): Promise<T> {
    const sql = new SQL(url, { max: 1 })
    try {
      return await work(sql)
    } finally {
      await sql.close()
    }
  }

  describe('a server that goes away', () => {
    test('and comes back is found again, by reads and writes', async () => {
      await database.write(putNote, { name: 'before', value: 'x' })
      await server.restart()
      expect(await findNote(database, 'before')).toBe('x')
      await server.restart()
      expect(await database.write(putNote, { name: 'before', value: 'y' })).toMatchObject({ writes: 2 })
    })

    test('is waited for by writes', async () => {
      await server.halt()
      const writing = database.write(putNote, { name: 'patient', value: 'x' })
      await server.resume()
      expect(await writing).toMatchObject({ writes: 1 })
    })

    test('for longer fails reads at once and writes after a while, with what to do', async () => {
      const hasty = await open({ patienceMs: 100 })
      await server.halt()
      const errors = [
        await failureOf(findNote(hasty, 'gone')),
        await failureOf(hasty.write(putNote, { name: 'gone', value: '' })),
      ]
      await server.resume()
      for (const error of errors) {
        expect(error).toBeInstanceOf(DatabaseUnavailable)
        expect(error.message).toContain('PostgreSQL cannot be reached')
      }
      expect(await findNote(hasty, 'gone')).toBeNull()
    })

    test('in the middle of a command has the command run again, once', async () => {
      let runs = 0
      const cut = command('cut', async (tx, note: Note) => {
        const written = await putNote.run(tx, note)
        if (++runs === 1) await killBackend(await backendOf(tx))
        await tx.one('SELECT 1 AS one', [], String)
        return written
      })
      expect(await database.write(cut, { name: 'cut', value: 'x' })).toMatchObject({ writes: 1 })
      expect(runs).toBe(2)
    })

    test('during a commit leaves the caller in doubt', async () => {
      await asOperator((sql) => sql.unsafe(SLOW_COMMIT))
      let backend = 0
      const slow = command('slow', async (tx, note: Note) => {
        backend = await backendOf(tx)
        await putNote.run(tx, note)
      })
      const failing = failureOf(database.write(slow, { name: 'slow', value: 'x' }))
      await until(() => isCommitting(backend))
      await killBackend(backend)
      const error = await failing
      expect(error).toBeInstanceOf(WriterUnavailable)
      expect(error.message).toContain('may or may not have been made')
    })

    test('while a commit is settled leaves the caller in doubt', async () => {
      const failing = failureOf(database.write(putMarkedNote, { name: 'held', value: 'x' }))
      await until(() => settledIn(folder).includes('enter held=x'))
      await asOperator((sql) => sql.unsafe(TERMINATE_LOCK_HOLDERS))
      writeFileSync(join(folder, 'gate'), '')
      const error = await failing
      expect(error).toBeInstanceOf(WriterUnavailable)
      expect(error.message).toContain('The change was stored')
    })

    test('without a word fails reads and writes after a while, and is found again', async () => {
      const hasty = await open({ connections: 2, patienceMs: 100, readLimitMs: 300, statementLimitMs: 300 })
      const backends = await backendsOf(hasty)
      for (const backend of backends) process.kill(backend, 'SIGSTOP')
      const errors = await Promise.all([
        failureOf(findNote(hasty, 'silent')),
        failureOf(findNote(hasty, 'queued behind it')),
        failureOf(hasty.write(putNote, { name: 'silent', value: '' })),
      ]).finally(() => backends.map((backend) => process.kill(backend, 'SIGCONT')))
      expect(errors.map(({ name }) => name)).toEqual(Array(3).fill('DatabaseUnavailable'))
      expect(errors[0]?.message).toBe('PostgreSQL does not answer. Please try again in a moment.')
      expect(await findNote(hasty, 'silent')).toBeNull()
      expect(await hasty.write(putNote, { name: 'silent', value: '' })).toMatchObject({ writes: 1 })
    })

    test('takes long for a read has it ended by the server', async () => {
      const hasty = await open({ readLimitMs: 500 })
      const error = await failureOf(hasty.one('SELECT pg_sleep(30)', [], String))
      expect(error).toBeInstanceOf(DatabaseUnavailable)
      expect(error.message).toContain('PostgreSQL took too long to answer')
    })

    /** The server's processes for the one reading and the one writing connection. */
    async function backendsOf(narrow: PostgresDatabase): Promise<number[]> {
      const reading = await narrow.one('SELECT pg_backend_pid() AS pid', [], (row) => Number(row['pid']))
      return [reading ?? 0, await narrow.write(command('backend', backendOf), null as never)]
    }

    function killBackend(backend: number): Promise<unknown> {
      return asOperator((sql) => sql.unsafe('SELECT pg_terminate_backend($1)', [backend]))
    }

    async function isCommitting(backend: number): Promise<boolean> {
      const sql = `SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'`
      return (await asOperator((operator) => operator.unsafe(sql, [backend]))).length > 0
    }
  })

  describe('a server that takes nothing more', () => {
    test('for its disk is full says so by its class', async () => {
      const full = command('full', (tx) =>
        tx.run(`DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$`, []),
      )
      const error = await failureOf(database.write(full, undefined))
      expect(error).toBeInstanceOf(DatabaseFull)
      expect(error.message).toBe('PostgreSQL has no room left on its disk.')
    })

    test('for it is read-only says so by its class, and what to do', async () => {
      const asOnStandby = command('as-on-standby', async (tx, note: Note) => {
        await tx.run('SET TRANSACTION READ ONLY', [])
        await putNote.run(tx, note)
      })
      const error = await failureOf(database.write(asOnStandby, { name: 'standby', value: '' }))
      expect(error).toBeInstanceOf(DatabaseReadOnly)
      expect(error.message).toContain('point database.url at the primary')
    })
  })

  describe('transactions that meet', () => {
    test('in a deadlock are run again until both are done', async () => {
      const names = ['left', 'right']
      for (const name of names) await database.write(putNote, { name, value: '' })
      const both = command('both', async (tx, order: readonly string[]) => {
        for (const name of order) await putNote.run(tx, { name, value: order.join() })
      })
      for (let round = 0; round < 2; round++) {
        await Promise.all([database.write(both, names), database.write(both, [...names].reverse())])
      }
      const writes = names.map((name) => database.write(putNote, { name, value: '' }))
      expect(await Promise.all(writes)).toMatchObject([{ writes: 6 }, { writes: 6 }])
    })

    test('in a conflict are run again, but not for ever', async () => {
      let runs = 0
      const conflicting = command('conflicting', async (tx, until: number) => {
        if (++runs < until) await tx.run(`DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$`, [])
        return runs
      })
      expect(await database.write(conflicting, 4)).toBe(4)
      runs = 0
      const error = await failureOf(database.write(conflicting, Number.POSITIVE_INFINITY))
      expect(error).toBeInstanceOf(DatabaseUnavailable)
      expect(error.message).toContain('Too many others change the same thing')
      expect(runs).toBe(10)
    })
  })

  describe('a path', () => {
    test('is held against other replicas', async () => {
      const replica = await open()
      const writes = Array.from({ length: 40 }, (_, index) =>
        (index % 2 ? database : replica).write(putMarkedNote, { name: 'shared', value: `${index}` }),
      )
      await Promise.all(writes)
      const lines = settledIn(folder)
      expect(lines).toHaveLength(80)
      expect(lines.filter((_, index) => index % 2 === 1)).toEqual(Array(40).fill('leave shared'))
      expect(lines.at(-2)).toBe(`enter shared=${await findNote(database, 'shared')}`)
    })

    test('is free again for others after work that failed', async () => {
      const replica = await open()
      const failed = database.inSession((session) =>
        session.exclusively('path', () => Promise.reject(new Error('failed'))),
      )
      expect((await failureOf(failed)).message).toBe('failed')
      expect(await replica.inSession((session) => session.exclusively('path', async () => 'free'))).toBe(
        'free',
      )
    })

    test('of one session is held one at a time', async () => {
      const seen: string[] = []
      await database.inSession((session) =>
        Promise.all(
          ['a', 'b'].map((path) =>
            session.exclusively(path, async () => {
              seen.push(`enter ${path}`)
              await findNote(session, path)
              seen.push(`leave ${path}`)
            }),
          ),
        ),
      )
      expect(seen).toEqual(['enter a', 'leave a', 'enter b', 'leave b'])
    })
  })

  test('a read does not wait for writes, however many are held up', async () => {
    const narrow = await open({ connections: 2, patienceMs: 100 })
    const held = narrow.write(putMarkedNote, { name: 'held', value: 'x' })
    await until(() => settledIn(folder).includes('enter held=x'))
    const queued = narrow.write(putNote, { name: 'queued', value: 'x' })
    expect(await findNote(narrow, 'held')).toBe('x')
    const error = await failureOf(queued)
    expect(error).toBeInstanceOf(DatabaseUnavailable)
    expect(error.message).toContain('All connections to PostgreSQL are busy')
    writeFileSync(join(folder, 'gate'), '')
    await held
  })

  test('only what must survive a power loss waits for the disk', async () => {
    const ask = async (tx: Transaction) =>
      tx.one('SHOW synchronous_commit', [], (row) => text(row, 'synchronous_commit'))
    expect(await database.write(command('durable', ask), undefined)).toBe('on')
    expect(await database.write(command('in-passing', ask, { durable: false }), undefined)).toBe('off')
  })

  test('the time of a transaction is the server’s', async () => {
    const { now } = await database.write(putNote, { name: 'time', value: '' })
    const [row] = await asOperator((sql) =>
      sql.unsafe('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now'),
    )
    expect(Math.abs(Number(row.now) - now)).toBeLessThan(5000)
  })

  describe('opening', () => {
    test('the environment does not choose another database than the URL', async () => {
      process.env['PGDATABASE'] = 'another'
      const other = await open().finally(() => delete process.env['PGDATABASE'])
      await database.write(putNote, { name: 'mine', value: 'x' })
      expect(await findNote(other, 'mine')).toBe('x')
    })

    test.each([
      [
        'a database that is not there',
        (url: string) => url.replace(/test_\d+/, 'absent'),
        'has no such database',
      ],
      [
        'a user that is not there',
        (url: string) => url.replace('berth@', 'nobody:secret@'),
        'refuses the login',
      ],
      ['a server that is not there', () => 'postgres://berth:secret@127.0.0.1:1/berth', 'cannot be reached'],
      ['an address that is none', () => 'postgres//berth:secret', 'database.url is not a URL'],
    ])('says what is wrong with %s, and no password', async (_, wrong, sentence) => {
      const error = await failureOf(open({ url: wrong(url), patienceMs: 50 }))
      expect(error).toBeInstanceOf(DatabaseUnavailable)
      expect(error.message).toContain(sentence)
      expect(Bun.inspect(error)).not.toContain('secret')
    })

    test('refuses a database that cannot keep all text', async () => {
      await asOperator((sql) => sql.unsafe(`CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0`))
      const error = await failureOf(open({ url: url.replace(/test_\d+/, 'latin') }))
      expect(error.message).toContain('keeps text as LATIN1')
    })
  })
})

async function backendOf(tx: Transaction): Promise<number> {
  return (await tx.one('SELECT pg_backend_pid() AS pid', [], (row) => Number(row['pid']))) ?? 0
}

/** Has each commit that touched a note sleep before it is done. */
const SLOW_COMMIT = `
  CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$;
  CREATE CONSTRAINT TRIGGER doze AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION doze();
`

const TERMINATE_LOCK_HOLDERS = `
  SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
`
