/**
 * Whole tables as plain rows, for backups: which there are, by what their rows are told apart, and statements that
 * read and write them a page at a time. The shapes come from the database itself, so a table that a migration adds is
 * in the next backup without anybody thinking of it. What is only of the moment stays out.
 */
import type { Read, Row, SqlValue, Transaction } from './database.ts'
import { insertRows } from './many-rows.ts'
import { bytes, integer, text } from './row.ts'

export type ColumnKind = 'integer' | 'text' | 'bytes'

export interface Column {
  readonly name: string
  readonly kind: ColumnKind
}

export interface TableShape {
  readonly name: string
  readonly columns: readonly Column[]
  /** Columns of the primary key, in its order. */
  readonly key: readonly string[]
  /** Tables that rows of this one refer to. */
  readonly refersTo: readonly string[]
}

/**
 * Of the moment and of one machine: uploads in progress (their bytes are in no backup), what the link tree has still to
 * show, whose turn a job is. `migrations` says what the database is made of, and is made with it.
 */
const OF_THE_MOMENT: ReadonlySet<string> = new Set([
  'migrations',
  'uploads',
  'tree_dirty',
  'torn_files',
  'jobs',
])

/** What belongs into a backup, a table after those that it refers to, else by name. */
export function lastingTables(shapes: readonly TableShape[]): TableShape[] {
  const left = shapes
    .filter(({ name }) => !OF_THE_MOMENT.has(name))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
  const ordered: TableShape[] = []
  while (left.length > 0) {
    const next = left.findIndex(({ name, refersTo }) =>
      refersTo.every((each) => each === name || !left.some((waiting) => waiting.name === each)),
    )
    if (next < 0) throw new Error(`tables refer to each other in a circle: ${left.map(({ name }) => name)}`)
    ordered.push(...left.splice(next, 1))
  }
  return ordered
}

/** One row, with a value for each column of the shape. */
export type TableRow = readonly SqlValue[]

export interface PageLimits {
  readonly rows: number
  /** Of their large columns together; one row may have more. */
  readonly bytes: number
}

/** Rows after this one in the order of the key, null for the first. None: the table has ended. */
export async function listTableRows(
  read: Read,
  shape: TableShape,
  after: TableRow | null,
  limits: PageLimits,
): Promise<TableRow[]> {
  const { where, values } = behind(shape, after)
  const order = shape.key.map(quoted).join(', ')
  const rows = await rowsThatFit(read, shape, { where, values, order }, limits)
  const columns = shape.columns.map(({ name }) => quoted(name)).join(', ')
  return await read.all(
    `SELECT ${columns} FROM ${quoted(shape.name)} ${where} ORDER BY ${order} LIMIT ${rows}`,
    values,
    (row) => shape.columns.map((column) => columnValue(row, column)),
  )
}

interface From {
  readonly where: string
  readonly values: readonly SqlValue[]
  readonly order: string
}

function behind({ key, columns }: TableShape, after: TableRow | null): Omit<From, 'order'> {
  if (after === null) return { where: '', values: [] }
  const values = key.map((name) => after[columns.findIndex((column) => column.name === name)] ?? null)
  const places = key.map((_, index) => `$${index + 1}`).join(', ')
  return { where: `WHERE (${key.map(quoted).join(', ')}) > (${places})`, values }
}

/** Columns that may hold as much as a manifest does. */
const LARGE_TEXTS: ReadonlySet<string> = new Set(['annotations'])

async function rowsThatFit(
  read: Read,
  { name, columns }: TableShape,
  { where, values, order }: From,
  limits: PageLimits,
): Promise<number> {
  const large = columns.filter((column) => column.kind === 'bytes' || LARGE_TEXTS.has(column.name))
  if (large.length === 0) return limits.rows
  const length = large.map((column) => `COALESCE(octet_length(${quoted(column.name)}), 0)`).join(' + ')
  const lengths = await read.all(
    `SELECT ${length} AS length FROM ${quoted(name)} ${where} ORDER BY ${order} LIMIT ${limits.rows}`,
    values,
    (row) => integer(row, 'length'),
  )
  let together = 0
  for (const [index, each] of lengths.entries()) {
    together += each
    if (together > limits.bytes) return Math.max(1, index)
  }
  return limits.rows
}

/** Inserts rows; one that is there already stays as it is, so that it may be done twice. */
export async function insertTableRows(
  tx: Transaction,
  shape: TableShape,
  rows: readonly TableRow[],
): Promise<void> {
  const columns = shape.columns.map(({ name }) => quoted(name)).join(', ')
  await insertRows(tx, {
    into: `${quoted(shape.name)} (${columns})`,
    rows,
    ending: 'ON CONFLICT DO NOTHING',
  })
}

export async function countTableRows(read: Read, table: string): Promise<number> {
  const count = await read.one(`SELECT count(*) AS count FROM ${quoted(table)}`, [], (row) =>
    integer(row, 'count'),
  )
  return count ?? 0
}

/** Names come from a schema, and no schema of ours has others: one that has is not believed. */
function quoted(name: string): string {
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new Error(`"${name}" is no name of a table or column of Berth's`)
  return `"${name}"`
}

function columnValue(row: Row, { name, kind }: Column): SqlValue {
  if (row[name] === null) return null
  if (kind === 'integer') return integer(row, name)
  return kind === 'text' ? text(row, name) : bytes(row, name)
}
