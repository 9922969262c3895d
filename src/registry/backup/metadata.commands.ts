/** The writes that fill a new database from a backup. No server uses it meanwhile. */
import { command } from '../../metadata/database.ts'
import { insertTableRows, type TableRow, type TableShape } from '../../metadata/tables.ts'

export interface LoadedRows {
  readonly table: TableShape
  /** At most 500. */
  readonly rows: readonly TableRow[]
}

/** Not durable by itself: an interrupted load begins anew, and the last write of all is. */
export const loadRowsCommand = command(
  'backup.load-rows',
  (tx, { table, rows }: LoadedRows) => insertTableRows(tx, table, rows),
  { durable: false },
)
