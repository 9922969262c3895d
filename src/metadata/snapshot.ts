/**
 * One consistent state of the whole database, read on a connection of its own beside all who write: nobody waits for
 * it, and it waits for nobody. While it lasts, SQLite's log cannot be cut back, and PostgreSQL keeps old rows: so it
 * should take seconds, not hours.
 */
import type { Read } from './database.ts'
import { integer, text } from './row.ts'
import type { TableShape } from './tables.ts'

export interface Snapshot extends Read {
  /** Every table of the schema. */
  listTables(): Promise<TableShape[]>
}

/** Throws DatabaseUnavailable. */
export type TakeSnapshot = <T>(work: (snapshot: Snapshot) => Promise<T>) => Promise<T>

export interface SchemaVersion {
  readonly version: number
  readonly name: string
}

/** What the database is made of: its newest migration. Null where there is none. */
export function findSchemaVersion(read: Read): Promise<SchemaVersion | null> {
  return read.one('SELECT version, name FROM migrations ORDER BY version DESC LIMIT 1', [], (row) => ({
    version: integer(row, 'version'),
    name: text(row, 'name'),
  }))
}
