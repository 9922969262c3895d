/**
 * The lock on a volume: one Berth on SQLite holds it alone, replicas on PostgreSQL share it. SQLite's own
 * file locks do it, which the system drops with the process, however that ends.
 *
 * Invariant: nothing but SQLite ever opens the lock's file, for closing any descriptor of it would drop the
 * process's locks. So who holds it stands in a text file beside it.
 */
import { Database, SQLiteError } from 'bun:sqlite'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseUnavailable } from '../unavailable.ts'

export type LockMode = 'exclusive' | 'shared'

export interface VolumeLock {
  /** Lets others have the volume. Safe to call twice. */
  release(): void
}

/** Another Berth works on the volume. */
export class VolumeInUse extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'VolumeInUse'
  }
}

/**
 * Takes the lock at once or not at all, until it is released or the process ends, even if nobody keeps what
 * this returns. The folder must exist. Throws VolumeInUse, DatabaseUnavailable.
 */
export function acquireVolumeLock(path: string, mode: LockMode): VolumeLock {
  const holderPath = join(dirname(path), 'lock-holder')
  const database = lockedDatabase(path, mode, holderPath)
  const mine = `process ${process.pid} on ${hostname()}, since ${new Date().toISOString()}`
  writeFileSync(holderPath, `${mine}\n`)
  const release = () => {
    process.off('exit', release)
    if (readHolder(holderPath) === mine) rmSync(holderPath, { force: true })
    database.close(true)
  }
  // This also keeps the connection from being collected as garbage, which would let go of the lock.
  process.on('exit', release)
  return { release }
}

/** The lock lasts as long as the transaction, which never ends and never writes. */
function lockedDatabase(path: string, mode: LockMode, holderPath: string): Database {
  let database: Database | null = null
  try {
    database = new Database(path, { readwrite: true, create: true })
    database.run(mode === 'exclusive' ? 'BEGIN EXCLUSIVE' : 'BEGIN')
    database.run('SELECT count(*) FROM sqlite_schema')
    return database
  } catch (error) {
    database?.close(true)
    throw lockError(error, path, holderPath)
  }
}

function lockError(error: unknown, path: string, holderPath: string): unknown {
  if (!(error instanceof SQLiteError)) return error
  const folder = dirname(path)
  if (error.code === 'SQLITE_BUSY') {
    const holder = readHolder(holderPath)
    return new VolumeInUse(
      `Another Berth works on ${folder}${holder ? ` (${holder})` : ''}. Stop that one, or give this one a folder of its own.`,
    )
  }
  return new DatabaseUnavailable(
    `The lock ${path} cannot be taken (${error.message}): check that ${folder} exists and may be written.`,
    { cause: error },
  )
}

function readHolder(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : null
}
