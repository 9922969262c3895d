/** Whether this process can serve: asked by load balancers, often, so it is cheap. */
import { command, type Database } from '../metadata/database.ts'
import { changeNothing } from '../metadata/settings.ts'
import { digestOf } from '../oci/digest.ts'
import { findIdentity } from './identity.ts'
import type { Registry } from './registry.ts'
import { findObstacle } from './temporary.ts'

export interface Readiness {
  readonly isReady: boolean
  /** What is wrong; empty when ready. */
  readonly problems: readonly ReadinessProblem[]
}

export interface ReadinessProblem {
  /** Fit for whoever asks. */
  readonly sentence: string
  /** For the log: it may name paths and hosts. */
  readonly error: unknown
}

/** As long as a write waits for its writer: a busy one is no reason to send everybody away. */
const PATIENCE = 5000
const STORAGE_SILENT = 'The storage cannot be read now.'
const EMPTY_BLOB = digestOf(new Uint8Array())

/** Goes the whole way of a write and changes nothing: only so it is known whether writes are taken. */
export const probeWritesCommand = command('readiness.probe-writes', (tx, _: null) => changeNothing(tx), {
  durable: false,
})

/** Asks the database and the storage one small question each, and waits `patience` milliseconds at most. */
export async function checkReadiness(registry: Registry, patience = PATIENCE): Promise<Readiness> {
  const checks = [
    ['The database cannot be read now.', readable(registry.database)],
    ['The database takes no writes now.', writable(registry.database)],
    // Whether it is there or not: that the storage can say so is the answer.
    [STORAGE_SILENT, registry.blobs.stat(EMPTY_BLOB)],
  ] as const
  const problems = await Promise.all(
    checks.map(([sentence, check]) =>
      within(check, patience).then(
        () => [],
        (error: unknown) => [{ sentence, error }],
      ),
    ),
  )
  return { isReady: problems.flat().length === 0, problems: problems.flat() }
}

async function readable(database: Database): Promise<void> {
  await database.requireInPlace()
  await findIdentity(database)
}

/** A full or read-only disk is no reason to send those away who pull: that is told beside (obstacles.ts). */
async function writable(database: Database): Promise<void> {
  try {
    await database.write(probeWritesCommand, null)
  } catch (error) {
    if (findObstacle(error) === null) throw error
  }
}

/** Throws where the storage does not answer, with a sentence that anybody may read. */
export async function requireStorage(registry: Registry, patience = PATIENCE): Promise<void> {
  try {
    await within(registry.blobs.stat(EMPTY_BLOB), patience)
  } catch (error) {
    throw new Error(STORAGE_SILENT, { cause: error })
  }
}

async function within(check: Promise<unknown>, milliseconds: number): Promise<void> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds)
  try {
    await Promise.race([check, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
