/**
 * The jobs of the clock: who runs each one now, until when that holds unless it is renewed, when it is due again, and
 * what became of the last run. Every time is the database's own, so that replicas agree on it.
 */
import type { Read, Row, Transaction } from './database.ts'
import { integer, optionalInteger, optionalText, text } from './row.ts'

/** Times in milliseconds since 1970; null where it has not happened. */
export interface JobRow {
  readonly name: string
  /** The process that runs it, for as long as the lease holds. */
  readonly owner: string | null
  readonly leaseUntil: number
  readonly dueAt: number
  /** Failed runs in a row. */
  readonly failures: number
  readonly beganAt: number | null
  readonly endedAt: number | null
  readonly succeededAt: number | null
  readonly failingSince: number | null
  readonly lastError: string | null
}

const COLUMNS =
  'name, owner, lease_until, due_at, failures, began_at, ended_at, succeeded_at, failing_since, last_error'

/** In the order of their names; there are as many as the catalog has lines. */
export function listJobs(read: Read): Promise<JobRow[]> {
  return read.all(`SELECT ${COLUMNS} FROM jobs WHERE name > '' ORDER BY name LIMIT 100`, [], jobRow)
}

export function findJob(read: Read, name: string): Promise<JobRow | null> {
  return read.one(`SELECT ${COLUMNS} FROM jobs WHERE name = $1`, [name], jobRow)
}

/** A job that nobody has run yet is due at once. */
export async function makeJobKnown(tx: Transaction, name: string): Promise<void> {
  await tx.run('INSERT INTO jobs (name, due_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING', [
    name,
    tx.now,
  ])
}

/** A job is never due later than that: its time may have been set under other settings, or by a clock that was wrong. */
export async function bringJobForward(tx: Transaction, name: string, atLatest: number): Promise<void> {
  await tx.run('UPDATE jobs SET due_at = $2 WHERE name = $1 AND due_at > $2', [name, atLatest])
}

/**
 * Gives the job to a process until the lease ends, where it is due and nobody else has it. Whoever asks under the name
 * of the one that has it is that one's successor: a process runs a job once at a time.
 */
export async function takeJob(tx: Transaction, name: string, owner: string, lease: number): Promise<boolean> {
  const taken = await tx.run(
    `UPDATE jobs SET owner = $2, lease_until = $3, began_at = $4
     WHERE name = $1 AND due_at <= $4 AND (owner IS NULL OR owner = $2 OR lease_until < $4)`,
    [name, owner, tx.now + lease, tx.now],
  )
  return taken === 1
}

/** False where the job is not this process's any more. */
export async function renewJob(
  tx: Transaction,
  name: string,
  owner: string,
  lease: number,
): Promise<boolean> {
  const renewed = await tx.run('UPDATE jobs SET lease_until = $3 WHERE name = $1 AND owner = $2', [
    name,
    owner,
    tx.now + lease,
  ])
  return renewed === 1
}

/** Lets go of the job after a run that succeeded. Nothing happens where it is another's. */
export async function endJobWell(tx: Transaction, name: string, owner: string, dueAt: number): Promise<void> {
  await tx.run(
    `UPDATE jobs SET owner = NULL, lease_until = 0, due_at = $3, failures = 0, ended_at = $4, succeeded_at = $4,
       failing_since = NULL, last_error = NULL
     WHERE name = $1 AND owner = $2`,
    [name, owner, dueAt, tx.now],
  )
}

/** Lets go of the job after a run that failed, and remembers why. Nothing happens where it is another's. */
export async function endJobBadly(
  tx: Transaction,
  name: string,
  owner: string,
  { dueAt, error }: { readonly dueAt: number; readonly error: string },
): Promise<void> {
  await tx.run(
    `UPDATE jobs SET owner = NULL, lease_until = 0, due_at = $3, failures = failures + 1, ended_at = $4,
       failing_since = COALESCE(failing_since, $4), last_error = $5
     WHERE name = $1 AND owner = $2`,
    [name, owner, dueAt, tx.now, error],
  )
}

/** Lets go of the job as it stands: it is still due. Nothing happens where it is another's. */
export async function leaveJob(tx: Transaction, name: string, owner: string): Promise<void> {
  await tx.run('UPDATE jobs SET owner = NULL, lease_until = 0 WHERE name = $1 AND owner = $2', [name, owner])
}

function jobRow(row: Row): JobRow {
  return {
    name: text(row, 'name'),
    owner: optionalText(row, 'owner'),
    leaseUntil: integer(row, 'lease_until'),
    dueAt: integer(row, 'due_at'),
    failures: integer(row, 'failures'),
    beganAt: optionalInteger(row, 'began_at'),
    endedAt: optionalInteger(row, 'ended_at'),
    succeededAt: optionalInteger(row, 'succeeded_at'),
    failingSince: optionalInteger(row, 'failing_since'),
    lastError: optionalText(row, 'last_error'),
  }
}
