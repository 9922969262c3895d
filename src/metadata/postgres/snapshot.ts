/** A snapshot of PostgreSQL: a REPEATABLE READ transaction on a connection of its own, which may not write. */
import type { SQL } from 'bun'
import type { Read, Row } from '../database.ts'
import { text } from '../row.ts'
import type { TakeSnapshot } from '../snapshot.ts'
import type { Column, TableShape } from '../tables.ts'
import { type Connection, execute, StatementReads } from './connection.ts'
import { asUnavailable } from './failures.ts'
import { answeringWithin, CLOSE_TIMEOUT_S, openPool } from './pool.ts'

const STATEMENT_LIMIT_MS = 60_000
/** Between two statements a page is compressed and written, perhaps to a slow disk. */
const BEGIN = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
  SET LOCAL idle_in_transaction_session_timeout = '10min'; SELECT 1`

export function postgresSnapshots(url: string): TakeSnapshot {
  return async (work) => {
    const pool = openPool(url, 1)
    try {
      return await onConnection(pool, async (connection) => {
        await connection.unsafe(BEGIN)
        const read = new StatementReads((sql, values) => execute(connection, sql, values))
        return await work({
          one: (sql, values, decode) => read.one(sql, values, decode),
          all: (sql, values, decode) => read.all(sql, values, decode),
          listTables: () => listPostgresTables(read),
        })
      })
    } catch (error) {
      throw asUnavailable(error)
    } finally {
      await pool.close({ timeout: CLOSE_TIMEOUT_S })
    }
  }
}

/** The transaction ends with the connection. */
async function onConnection<T>(pool: SQL, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await pool.reserve()
  try {
    return await work(answeringWithin(connection, STATEMENT_LIMIT_MS))
  } finally {
    await execute(connection, 'ROLLBACK').catch(() => undefined)
    await connection.release()
  }
}

const COLUMNS = `SELECT table_name, column_name, data_type FROM information_schema.columns
  WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position`

const KEYS = `SELECT c.relname AS table_name, a.attname AS column_name
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  CROSS JOIN LATERAL unnest(k.conkey) WITH ORDINALITY AS part (number, place)
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = part.number
  WHERE k.contype = 'p' AND c.relnamespace = current_schema()::regnamespace
  ORDER BY c.relname, part.place`

const REFERENCES = `SELECT DISTINCT c.relname AS table_name, target.relname AS column_name
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  JOIN pg_class target ON target.oid = k.confrelid
  WHERE k.contype = 'f' AND c.relnamespace = current_schema()::regnamespace
  ORDER BY 1, 2`

export async function listPostgresTables(read: Read): Promise<TableShape[]> {
  const columns = await read.all(COLUMNS, [], (row) => ({
    table: text(row, 'table_name'),
    column: columnOf(row),
  }))
  const keys = await read.all(KEYS, [], pairOf)
  const references = await read.all(REFERENCES, [], pairOf)
  const of = (pairs: readonly { table: string; name: string }[], table: string) =>
    pairs.filter((each) => each.table === table).map(({ name }) => name)
  return [...new Set(columns.map(({ table }) => table))].map((name) => ({
    name,
    columns: columns.filter(({ table }) => table === name).map(({ column }) => column),
    key: of(keys, name),
    refersTo: of(references, name),
  }))
}

function pairOf(row: Row): { readonly table: string; readonly name: string } {
  return { table: text(row, 'table_name'), name: text(row, 'column_name') }
}

const KINDS: Readonly<Record<string, Column['kind']>> = { bigint: 'integer', text: 'text', bytea: 'bytes' }

function columnOf(row: Row): Column {
  const kind = KINDS[text(row, 'data_type')]
  if (kind === undefined) throw new Error(`the schema has a column of the type ${text(row, 'data_type')}`)
  return { name: text(row, 'column_name'), kind }
}
