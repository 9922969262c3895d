/**
 * The lock on a volume: one Berth on SQLite holds it alone, replicas on PostgreSQL share it. And the lock on
 * writing to a database, for a writer may outlive the process that held the volume. SQLite's own file locks
 * do it, which the system drops with the process, however that ends.
 *
 * Invariant: nothing but SQLite ever opens the lock's file, for closing any descriptor of it would drop the
 * process's locks. So who holds it stands in a text file beside it.
 */
import { Database, SQLiteError } from 'bun:sqlite'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseUnavailable } from '../unavailable.ts'
import { unusableReason } from './statements.ts'

export type LockMode = 'exclusive' | 'shared'

export interface VolumeLock {
  /** Lets others have the volume. Safe to call twice. */
  release(): void
}

/** How long a writer waits for its predecessor to be gone, and how often it looks. */
const WRITER_PATIENCE_MS = 5000
const LOOK_AGAIN_MS = 20

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
  const database = lockedDatabase(path, mode, () => describeHolder(holderPath))
  const mine = `process ${process.pid} on ${hostname()}, since ${new Date().toISOString()}`
  try {
    writeFileSync(holderPath, `${mine}\n`)
  } catch (error) {
    database.close(true)
    throw new DatabaseUnavailable(
      `The folder ${dirname(path)} cannot be written: mount it for writing, and check its owner and the room on its disk.`,
      { cause: error },
    )
  }
  const release = () => {
    process.off('exit', release)
    if (readHolder(holderPath) === mine) rmSync(holderPath, { force: true })
    database.close(true)
  }
  // This also keeps the connection from being collected as garbage, which would let go of the lock.
  process.on('exit', release)
  return { release }
}

/**
 * Takes the right to write to this database, until it is released or the process ends. A writer whose
 * supervisor was killed may still be at its last commit: this waits until it is gone. The folder must exist.
 * Throws VolumeInUse, DatabaseUnavailable.
 */
export async function acquireWriterLock(
  databasePath: string,
  patienceMs = WRITER_PATIENCE_MS,
): Promise<VolumeLock> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    const lock = findWriterLock(databasePath)
    if (lock !== null) return lock
    if (performance.now() > deadline) {
      throw new VolumeInUse(
        `Another process of Berth still writes to ${databasePath}. Stop it, or give this Berth a database of its own.`,
      )
    }
    await Bun.sleep(LOOK_AGAIN_MS)
  }
}

/** The right to write to this database if nobody has it now, or null. Throws DatabaseUnavailable. */
export function findWriterLock(databasePath: string): VolumeLock | null {
  try {
    const database = lockedDatabase(`${databasePath}-writer`, 'exclusive', () => '')
    const release = () => {
      process.off('exit', release)
      database.close(true)
    }
    process.on('exit', release)
    return { release }
  } catch (error) {
    if (error instanceof VolumeInUse) return null
    throw error
  }
}

/** The lock lasts as long as the transaction, which never ends and never writes. */
function lockedDatabase(path: string, mode: LockMode, describe: () => string): Database {
  let database: Database | null = null
  try {
    database = new Database(path, { readwrite: true, create: true })
    database.run(mode === 'exclusive' ? 'BEGIN EXCLUSIVE' : 'BEGIN')
    database.run('SELECT count(*) FROM sqlite_schema')
    return database
  } catch (error) {
    database?.close(true)
    throw lockError(error, path, describe)
  }
}

function lockError(error: unknown, path: string, describe: () => string): unknown {
  if (!(error instanceof SQLiteError)) return error
  const folder = dirname(path)
  if (error.code === 'SQLITE_BUSY') {
    return new VolumeInUse(
      `Another Berth works on ${folder}${describe()}. Stop that one, or give this one a folder of its own.`,
    )
  }
  const reason = unusableReason(error) ?? `${error.message}: check that ${folder} exists and may be written`
  return new DatabaseUnavailable(`The lock ${path} cannot be taken now: ${reason}.`, { cause: error })
}

function describeHolder(path: string): string {
  const holder = readHolder(path)
  return holder ? ` (${holder})` : ''
}

function readHolder(path: string): string | null {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : null
}
