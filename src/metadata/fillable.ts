/** A new database that is filled from a backup, by one process and before any server uses it. */
import type { Database, Read, Session } from './database.ts'
import type { Migration } from './schema.ts'
import type { TableShape } from './tables.ts'

export interface FillableDatabase extends Read, Pick<Database, 'write'> {
  /** Every table of the schema. */
  listTables(): Promise<TableShape[]>
  /** Lets new rows have ids behind those that were loaded. */
  goOnBehindIds(tables: readonly TableShape[]): Promise<void>
  /** A session beside the writes: for whoever shows the link tree what was loaded. */
  inSession<T>(work: (session: Session) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Nobody looks at the link tree meanwhile: whoever fills a database sees to it later. */
export const settlesNothing = () => Promise.resolve(new Map<string, Error>())

/** The tables that these migrations make, and the one that tells of them. */
export function tablesOf(migrations: readonly Migration[]): string[] {
  const made = migrations.flatMap(({ statements }) =>
    statements.flatMap((statement) => /^\s*CREATE TABLE (\w+)/.exec(statement)?.[1] ?? []),
  )
  return [...made, 'migrations']
}
