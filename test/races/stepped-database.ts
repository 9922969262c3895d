/** The database of a party on SQLite: each read, and each command as a whole, is a step. */
import type { Command, Database, Row, SqlValue } from '../../src/metadata/database.ts'
import { FILES } from './stepped-blobs.ts'
import type { Step, Turns } from './track.ts'

/** The run of the machine in which all is written. */
export const THIS_RACE = 'this race'

const FACTS = 'the facts'

/** Making the link tree durable, which may write files again, and forgetting its marks. */
export const FLUSH: Step = { what: 'flush', reads: [], adds: [], writes: [FACTS, FILES] }

export class SteppedDatabase implements Database {
  readonly #database: Database
  readonly #turns: Turns

  constructor(database: Database, turns: Turns) {
    this.#database = database
    this.#turns = turns
  }

  one<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T | null> {
    return this.#turns.take(readingStep(sql), () => this.#database.one(sql, values, decode))
  }

  all<T>(sql: string, values: readonly SqlValue[], decode: (row: Row) => T): Promise<T[]> {
    return this.#turns.take(readingStep(sql), () => this.#database.all(sql, values, decode))
  }

  /** The writer settles in it, so that files may be written too. */
  write<Input, Output>(command: Command<Input, Output>, input: Input): Promise<Output> {
    const step = { what: command.name, reads: [], adds: [], writes: [FACTS, FILES] }
    return this.#turns.take(step, () => this.#database.write(command, input))
  }

  requireInPlace(): Promise<void> {
    return this.#database.requireInPlace()
  }

  close(): Promise<void> {
    return this.#database.close()
  }
}

function readingStep(sql: string): Step {
  return { what: sql.replace(/\s+/g, ' '), reads: [FACTS], adds: [], writes: [] }
}
