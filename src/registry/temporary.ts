/** Failures that are nobody's fault and may pass: a full disk, a database that restarts. */
import { WriterUnavailable } from '../metadata/database.ts'
import { DatabaseUnavailable } from '../metadata/unavailable.ts'
import { StorageUnavailable } from '../storage/blob-store.ts'

/** Whether trying again later may help. The message is for the operator: it may name paths and hosts. */
export function isTemporary(error: unknown): error is Error {
  return (
    error instanceof WriterUnavailable ||
    error instanceof DatabaseUnavailable ||
    error instanceof StorageUnavailable
  )
}
