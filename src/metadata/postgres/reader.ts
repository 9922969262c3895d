/** Reads alone, for a command that looks at the database beside the servers that work with it: it changes nothing. */
import { StatementReads } from './connection.ts'
import { ReadPool } from './pool.ts'

/** For a person who waits, and for pages that take longer than a request may. */
const READ_LIMIT_MS = 60_000

export class PostgresReader extends StatementReads {
  readonly #pool: ReadPool

  /** Connects with the first statement, which throws DatabaseUnavailable where it cannot. */
  constructor(url: string) {
    const pool = new ReadPool(url, 1, READ_LIMIT_MS)
    super((sql, values) => pool.read(sql, values))
    this.#pool = pool
  }

  close(): Promise<void> {
    return this.#pool.close()
  }
}
