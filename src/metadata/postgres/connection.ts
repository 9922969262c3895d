/** Statements on one connection of Bun.SQL, as the ports see them: rows, the first row, rows changed. */
import type { Read, Row, SqlValue } from '../database.ts'

/** What a statement answers: its rows, and how many it changed. */
type Result = readonly Row[] & { readonly affectedRows: number; readonly command: string }

/** Anything that runs statements: a pool, or a connection taken from it. Prepared on first use (with values or without). */
export interface Connection {
  unsafe(sql: string, values?: SqlValue[]): PromiseLike<unknown>
}

export async function execute(
  connection: Connection,
  sql: string,
  values: readonly SqlValue[] = [],
): Promise<Result> {
  return (await connection.unsafe(sql, [...values])) as Result
}

/** Several statements in one round trip, without values; gives the result of the last one. */
export async function executeScript(connection: Connection, sql: string): Promise<readonly Row[]> {
  const results = (await connection.unsafe(sql)) as readonly Result[]
  return results.at(-1) ?? []
}

/** Reads in which each statement goes through `run`, which may retry it, or refuse it. */
export class StatementReads implements Read {
  readonly #run: (sql: string, values: readonly SqlValue[]) => Promise<readonly Row[]>

  constructor(run: (sql: string, values: readonly SqlValue[]) => Promise<readonly Row[]>) {
    this.#run = run
  }

  async one<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T | null> {
    const [row] = await this.#run(sql, values)
    return row === undefined ? null : decode(row)
  }

  async all<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T[]> {
    return (await this.#run(sql, values)).map(decode)
  }
}
