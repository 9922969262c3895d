/** Failures that are nobody's fault and may pass: a full disk, a database that restarts. */
import { WriterUnavailable } from '../metadata/database.ts'
import { DatabaseFull, DatabaseReadOnly, DatabaseUnavailable } from '../metadata/unavailable.ts'
import { StorageFull, StorageReadOnly, StorageUnavailable } from '../storage/blob-store.ts'

/** Whether trying again later may help. The message is for the operator: it may name paths and hosts. */
export function isTemporary(error: unknown): error is Error {
  return (
    error instanceof WriterUnavailable ||
    error instanceof DatabaseUnavailable ||
    error instanceof StorageUnavailable
  )
}

/** What keeps everybody from storing anything, where that much is known: whoever pushes may be told this. */
export type Obstacle = 'full' | 'read-only'

export function findObstacle(error: unknown): Obstacle | null {
  if (error instanceof DatabaseFull || error instanceof StorageFull) return 'full'
  if (error instanceof DatabaseReadOnly || error instanceof StorageReadOnly) return 'read-only'
  return null
}
