/**
 * What settles a commit sees: the connection that committed, outside any transaction. A path is held by a
 * session advisory lock, so among all replicas, and one at a time, so that sessions cannot wait for each
 * other in a circle. The server drops the lock with the connection.
 */
import type { Session, SettlingSession } from '../database.ts'
import { type Connection, execute, StatementReads } from './connection.ts'

export class PostgresSession extends StatementReads implements Session {
  readonly #connection: Connection
  #last: Promise<void> = Promise.resolve()
  /** False when a lock may still be held: then the connection must not be used by others. */
  clean = true

  constructor(connection: Connection) {
    super((sql, values) => execute(connection, sql, values))
    this.#connection = connection
  }

  /** Not to be nested: the inner one would wait for the outer one for ever. */
  exclusively<T>(path: string, work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(() => this.#holding(path, work))
    this.#last = mine.then(ignore, ignore)
    return mine
  }

  async #holding<T>(path: string, work: () => Promise<T>): Promise<T> {
    this.clean = false
    await execute(this.#connection, 'SELECT pg_advisory_lock(hashtextextended($1, 0))', [path])
    try {
      return await work()
    } finally {
      await execute(this.#connection, 'SELECT pg_advisory_unlock(hashtextextended($1, 0))', [path])
      this.clean = true
    }
  }
}

/** With the committing that its connection can do beside. */
export class PostgresSettlingSession extends PostgresSession implements SettlingSession {
  readonly write: SettlingSession['write']

  constructor(connection: Connection, write: SettlingSession['write']) {
    super(connection)
    this.write = write
  }
}

function ignore(): void {}
