/**
 * The port to the facts: reads, and writes as named commands. SQLite and PostgreSQL implement it and pass
 * database.contract.ts. SQL lives in this folder's files, one a noun; rules live in src/registry.
 *
 * A command is plain data in, plain data out, SQL only, and safe to run twice: it may run in another
 * thread or process, share a commit with other commands, or be retried after a conflict.
 * Statements are written once for both dialects, with $1 … for values, which may repeat.
 */
import type { MadeMark } from './tree.ts'

export type SqlValue = string | number | Uint8Array | null

/** A row as the driver gives it: PostgreSQL's int8 arrives as text, so columns are read with text(), integer(), bytes() of row.ts. */
export type Row = Readonly<Record<string, unknown>>

export interface Read {
  /** The first row, or null. */
  one<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T | null>
  /** Every row. The statement bounds how many (`LIMIT`). */
  all<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T[]>
}

export interface Transaction extends Read {
  /** Changes rows and says how many. */
  run(sql: string, values: readonly SqlValue[]): Promise<number>
  /** Milliseconds since 1970 by the database's clock: the same for the whole transaction, and for every replica. */
  readonly now: number
  /** The run of the machine in which this process writes (`findBootId`); null where that is not known. */
  readonly boot: string | null
  /** Paths of the link tree that this command changes; made so after the commit and before the reply. */
  readonly marks: MadeMark[]
}

/** A connection outside a transaction that can hold one path for itself among all processes that write the tree. */
export interface Session extends Read {
  exclusively<T>(path: string, work: () => Promise<T>): Promise<T>
}

/** A session that settles a commit. */
export interface SettlingSession extends Session {
  /** Runs a command in a commit of its own, on this connection: it never waits for another one. */
  write<Input, Output>(command: Command<Input, Output>, input: Input): Promise<Output>
}

/**
 * What is done with the marks of a commit before anybody is answered. Resolves with the paths (treePath) that
 * could not be settled, and why: whoever marked one of them is answered with that error, the others are not.
 */
export type Settle = (
  session: SettlingSession,
  marks: readonly MadeMark[],
) => Promise<ReadonlyMap<string, Error>>

export interface Command<Input, Output> {
  readonly name: string
  /** False where the answer need only survive a crash of the process, not of the machine (an upload in progress). */
  readonly durable: boolean
  /** Throws RegistryError to refuse: everything that it wrote is undone, and the caller gets the error. */
  run(tx: Transaction, input: Input): Promise<Output>
}

export type AnyCommand = Command<never, unknown>

/** Names a write. The name is what travels to the writer. */
export function command<Input, Output>(
  name: string,
  run: (tx: Transaction, input: Input) => Promise<Output>,
  options: { readonly durable: boolean } = { durable: true },
): Command<Input, Output> {
  return { name, durable: options.durable, run }
}

export interface Database extends Read {
  /**
   * Runs a command and resolves when its result survives what the command promises to survive, and the
   * link tree shows it. Throws RegistryError as the command does, DatabaseUnavailable when
   * nothing took effect, WriterUnavailable when it is not known whether the command did.
   */
  write<Input, Output>(command: Command<Input, Output>, input: Input): Promise<Output>
  /** Throws DatabaseUnavailable where what is written would be lost, for somebody has taken its file away. */
  requireInPlace(): Promise<void>
  close(): Promise<void>
}

/** The writer died or could not be reached: the caller may try again, for commands are safe to run twice. */
export class WriterUnavailable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'WriterUnavailable'
  }
}
