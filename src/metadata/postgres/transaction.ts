/**
 * One command as one READ COMMITTED transaction on a connection of its own: begun together with the reading
 * of the database's clock, in one round trip. A statement that failed ends the command even when the command
 * catches the error, for PostgreSQL would answer its COMMIT with a silent ROLLBACK.
 */
import { type Command, type SqlValue, type Transaction, WriterUnavailable } from '../database.ts'
import { integer } from '../row.ts'
import type { MadeMark } from '../tree.ts'
import { type Connection, execute, executeScript, StatementReads } from './connection.ts'
import { isConnectionLoss } from './failures.ts'

export interface Committed<Output> {
  readonly output: Output
  readonly marks: readonly MadeMark[]
}

/** Where commands are run. */
export interface Place {
  readonly connection: Connection
  readonly boot: string | null
}

/**
 * Runs the command and commits. Throws what refused it, with nothing of it left, or WriterUnavailable when
 * the connection broke during COMMIT.
 */
export async function commitCommand<Input, Output>(
  { connection, boot }: Place,
  command: Command<Input, Output>,
  input: Input,
): Promise<Committed<Output>> {
  const now = await begin(connection, command.durable)
  const tx = new PostgresTransaction({ connection, boot }, now)
  try {
    const output = await command.run(tx, input)
    tx.requireSound()
    tx.end()
    await commit(connection)
    return { output, marks: tx.marks }
  } catch (error) {
    tx.end()
    if (!(error instanceof WriterUnavailable)) await rollback(connection)
    tx.requireSound()
    throw error
  }
}

const CLOCK = 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now'

/** Gives the database's time. A command that need not survive a crash of the machine does not wait for its disk. */
async function begin(connection: Connection, durable: boolean): Promise<number> {
  const asynchronous = durable ? '' : 'SET LOCAL synchronous_commit = off;'
  const script = `BEGIN ISOLATION LEVEL READ COMMITTED; ${asynchronous} ${CLOCK}`
  const [row = {}] = await executeScript(connection, script)
  return integer(row, 'now')
}

async function commit(connection: Connection): Promise<void> {
  try {
    await execute(connection, 'COMMIT')
  } catch (error) {
    if (!isConnectionLoss(error)) throw error
    throw new WriterUnavailable(
      'The connection to PostgreSQL broke during a commit: the change may or may not have been made. Please try again.',
      { cause: error },
    )
  }
}

/** A connection that cannot even roll back is gone, and the server has rolled back. */
async function rollback(connection: Connection): Promise<void> {
  await execute(connection, 'ROLLBACK').catch(() => undefined)
}

class PostgresTransaction extends StatementReads implements Transaction {
  readonly now: number
  readonly boot: string | null
  readonly marks: MadeMark[] = []
  readonly #connection: Connection
  #failure: { readonly error: unknown } | null = null
  #ended = false

  constructor({ connection, boot }: Place, now: number) {
    super((sql, values) => this.#attempt(sql, values))
    this.#connection = connection
    this.boot = boot
    this.now = now
  }

  async run(sql: string, values: readonly SqlValue[]): Promise<number> {
    return (await this.#attempt(sql, values)).affectedRows
  }

  /** Throws what a statement failed with, if one did. */
  requireSound(): void {
    if (this.#failure) throw this.#failure.error
  }

  end(): void {
    this.#ended = true
  }

  async #attempt(sql: string, values: readonly SqlValue[]): ReturnType<typeof execute> {
    if (this.#ended) throw new Error('the command has ended: it did not wait for this statement')
    this.requireSound()
    try {
      return await execute(this.#connection, sql, values)
    } catch (error) {
      this.#failure ??= { error }
      throw error
    }
  }
}
