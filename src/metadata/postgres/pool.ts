/**
 * Pools of connections, none of which waits for ever on a server that no longer answers: a peer that is
 * dead without a word looks like one that thinks, so every statement has a limit of its own here, beside
 * those that the server keeps.
 */
import { type ReservedSQL, SQL } from 'bun'
import type { Row, SqlValue } from '../database.ts'
import { DatabaseUnavailable } from '../unavailable.ts'
import { type Connection, execute } from './connection.ts'
import { isConnectionLoss } from './failures.ts'

const CONNECT_TIMEOUT_S = 5
/** For what still runs when a pool is closed. */
export const CLOSE_TIMEOUT_S = 5
/** A replica that hangs must not hold what others wait for. */
const SERVER_LIMITS = { lock_timeout: 10_000, idle_in_transaction_session_timeout: 30_000 }
/** The server ends a slow read before we take the server for dead: this part of the limit is its own. */
const SERVER_SHARE = 0.6

/** The name in the URL is given as an option too, for the environment's PGDATABASE would win over the URL. */
export function openPool(
  url: string,
  max: number,
  limits: Readonly<Record<string, number>> = SERVER_LIMITS,
): SQL {
  const database = decodeURIComponent(parseUrl(url).pathname.slice(1))
  const named = database === '' ? {} : { database }
  const connection = { application_name: 'berth', ...limits }
  return new SQL({
    url,
    adapter: 'postgres',
    max,
    connection,
    connectionTimeout: CONNECT_TIMEOUT_S,
    ...named,
  })
}

/** The connection, which is closed where a statement has no answer after that time: then the statement fails as on any lost connection. */
export function answeringWithin(connection: ReservedSQL, milliseconds: number): Connection {
  return {
    async unsafe(sql, values) {
      const timer = setTimeout(() => connection.close({ timeout: 0 }).catch(ignore), milliseconds)
      try {
        return await connection.unsafe(sql, values)
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

/** Reads on any connection that is free. A pool in which one does not answer is replaced as a whole, for nobody can tell which. */
export class ReadPool {
  readonly #url: string
  readonly #max: number
  readonly #limitMs: number
  #pool: SQL

  constructor(url: string, max: number, limitMs: number) {
    this.#url = url
    this.#max = max
    this.#limitMs = limitMs
    this.#pool = this.#open()
  }

  /** The rows, within the limit: the wait for a free connection counts. Throws DatabaseUnavailable, or what the server says. */
  async read(sql: string, values: readonly SqlValue[]): Promise<readonly Row[]> {
    const used = this.#pool
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(unanswered()), this.#limitMs)
    try {
      return await Promise.race([this.#readTwice(sql, values), late.promise])
    } catch (error) {
      if (error instanceof DatabaseUnavailable) this.#replace(used)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  close(): Promise<void> {
    return this.#pool.close({ timeout: CLOSE_TIMEOUT_S })
  }

  /** Once more where the pool gave a connection that had died meanwhile. */
  async #readTwice(sql: string, values: readonly SqlValue[]): Promise<readonly Row[]> {
    try {
      return await execute(this.#pool, sql, values)
    } catch (error) {
      if (!isConnectionLoss(error)) throw error
      return await execute(this.#pool, sql, values)
    }
  }

  #open(): SQL {
    const statement_timeout = Math.round(this.#limitMs * SERVER_SHARE)
    return openPool(this.#url, this.#max, { ...SERVER_LIMITS, statement_timeout })
  }

  #replace(used: SQL): void {
    if (this.#pool !== used) return
    this.#pool = this.#open()
    used.close({ timeout: 0 }).catch(ignore)
  }
}

function ignore(): void {}

function unanswered(): DatabaseUnavailable {
  return new DatabaseUnavailable('PostgreSQL does not answer. Please try again in a moment.')
}

/** The error of URL itself would show the password. */
function parseUrl(url: string): URL {
  const parsed = URL.parse(url)
  if (parsed !== null) return parsed
  throw new DatabaseUnavailable(
    'database.url is not a URL: write postgres://user:password@host:5432/database.',
  )
}
