/** Failures that are nobody's fault and may pass: a full disk, a database that restarts. */
import { WriterUnavailable } from '../metadata/database.ts'
import { DatabaseUnavailable } from '../metadata/unavailable.ts'
import { StorageUnavailable } from '../storage/blob-store.ts'

/** Whether trying again later may help; the message is fit for the client. */
export function isTemporary(error: unknown): error is Error {
  return (
    error instanceof WriterUnavailable ||
    error instanceof DatabaseUnavailable ||
    error instanceof StorageUnavailable
  )
}
