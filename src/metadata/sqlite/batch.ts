/**
 * One commit of several commands, each in a savepoint: a refused one is undone alone, and a failing disk
 * undoes them all. Durable commands pay one fsync together; a batch without any pays none, for in WAL mode
 * `synchronous = NORMAL` syncs at checkpoints only (https://sqlite.org/pragma.html#pragma_synchronous).
 *
 * Invariant: while the transaction is open only microtasks run. A command that waits for anything but SQL
 * is refused as the defect that it is.
 */
import type { AnyCommand, Command } from '../database.ts'
import type { MadeMark } from '../tree.ts'
import { DatabaseUnavailable } from '../unavailable.ts'
import type { Statements } from './statements.ts'
import { SqliteTransaction } from './transaction.ts'

export interface Job {
  readonly command: AnyCommand
  readonly input: unknown
}

/** What became of one job. Marks are those of what was committed. */
export type Outcome =
  | { readonly kind: 'done'; readonly output: unknown; readonly marks: readonly MadeMark[] }
  | { readonly kind: 'refused'; readonly error: unknown }

/** Where jobs are run. */
export interface Place {
  readonly statements: Statements
  readonly boot: string | null
  /** Nothing in it need survive anything. */
  readonly isThrownAway: boolean
}

/** Runs and commits the jobs in order, and gives one outcome for each. If it throws, nothing of them took effect. */
export async function commitBatch(place: Place, jobs: readonly Job[]): Promise<Outcome[]> {
  const { statements } = place
  const durable = jobs.some((job) => job.command.durable)
  if (!place.isThrownAway) statements.execute(`PRAGMA synchronous = ${durable ? 'FULL' : 'NORMAL'}`)
  statements.run('BEGIN IMMEDIATE')
  try {
    const outcomes = await runAll(place, jobs)
    statements.run('COMMIT')
    return outcomes
  } catch (error) {
    if (statements.inTransaction) statements.run('ROLLBACK')
    throw error
  }
}

async function runAll(place: Place, jobs: readonly Job[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  const turn = new EventLoopTurn()
  try {
    for (const job of jobs) outcomes.push(await runOne(place, job, turn))
    return outcomes
  } finally {
    turn.forget()
  }
}

async function runOne({ statements, boot }: Place, job: Job, turn: EventLoopTurn): Promise<Outcome> {
  statements.run('SAVEPOINT command')
  const tx = new SqliteTransaction(statements, boot)
  try {
    const output = await turn.endsAfter(job.command.name, runnable(job.command).run(tx, job.input))
    tx.requireSound()
    statements.run('RELEASE command')
    return { kind: 'done', output, marks: tx.marks }
  } catch (error) {
    if (error instanceof DatabaseUnavailable || !statements.inTransaction) throw error
    statements.run('ROLLBACK TO command')
    statements.run('RELEASE command')
    return { kind: 'refused', error }
  } finally {
    tx.end()
  }
}

/** A job was made from a command and the input of that same command. */
function runnable(command: AnyCommand): Command<unknown, unknown> {
  return command as Command<unknown, unknown>
}

/** Notices when the event loop turns. */
class EventLoopTurn {
  #next: Promise<'turned'> | null = null
  #timer: NodeJS.Immediate | null = null

  /** The promise's value, if it comes before the event loop turns. */
  async endsAfter(name: string, promise: Promise<unknown>): Promise<unknown> {
    this.#next ??= new Promise((resolve) => {
      this.#timer = setImmediate(() => {
        this.#next = null
        resolve('turned')
      })
    })
    const first = await Promise.race([promise.then((value) => ({ value })), this.#next])
    if (first !== 'turned') return first.value
    throw new Error(`the command ${name} waited for something other than SQL inside its transaction`)
  }

  forget(): void {
    if (this.#timer) clearImmediate(this.#timer)
  }
}
