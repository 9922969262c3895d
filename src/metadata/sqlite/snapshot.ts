/** A snapshot of SQLite: a read transaction on a connection that cannot write. Safe beside any number of others (WAL). */
import type { Read, Row } from '../database.ts'
import { integer, text } from '../row.ts'
import type { Snapshot, TakeSnapshot } from '../snapshot.ts'
import type { Column, TableShape } from '../tables.ts'
import { Statements } from './statements.ts'

/** The file must exist, as a writer leaves it. */
export function sqliteSnapshots(path: string): TakeSnapshot {
  return async (work) => {
    const statements = new Statements(path, 'read')
    try {
      statements.run('BEGIN')
      // The state is that of the first statement that reads.
      statements.one('SELECT count(*) FROM sqlite_schema', [])
      return await work(snapshotOver(statements))
    } finally {
      if (statements.inTransaction) statements.run('ROLLBACK')
      statements.close()
    }
  }
}

function snapshotOver(statements: Statements): Snapshot {
  const read: Read = {
    async one(sql, values, decode) {
      const row = statements.one(sql, values)
      return row === null ? null : decode(row)
    },
    all: async (sql, values, decode) => statements.all(sql, values).map(decode),
  }
  return { ...read, listTables: () => listSqliteTables(read) }
}

export async function listSqliteTables(read: Read): Promise<TableShape[]> {
  const names = await read.all(
    `SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name`,
    [],
    (row) => text(row, 'name'),
  )
  return await Promise.all(names.map((name) => shapeOf(read, name)))
}

async function shapeOf(read: Read, name: string): Promise<TableShape> {
  const columns = await read.all(
    'SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid',
    [name],
    (row) => ({ column: columnOf(row), place: integer(row, 'pk') }),
  )
  const refersTo = await read.all(
    'SELECT DISTINCT "table" AS target FROM pragma_foreign_key_list($1) ORDER BY target',
    [name],
    (row) => text(row, 'target'),
  )
  const key = columns.filter(({ place }) => place > 0).toSorted((one, other) => one.place - other.place)
  return {
    name,
    columns: columns.map(({ column }) => column),
    key: key.map(({ column }) => column.name),
    refersTo,
  }
}

const KINDS: Readonly<Record<string, Column['kind']>> = { INTEGER: 'integer', TEXT: 'text', BLOB: 'bytes' }

function columnOf(row: Row): Column {
  const kind = KINDS[text(row, 'type')]
  if (kind === undefined) throw new Error(`the schema has a column of the type ${text(row, 'type')}`)
  return { name: text(row, 'name'), kind }
}
