/** The trash, as metrics. How many bytes only the trash keeps stands in `berth_storage_bytes{kind="trash"}`. */
import type { Read } from '../metadata/database.ts'
import { findOldestDeletion, listInterruptedTrash, numberOfDeletions } from '../metadata/trash.ts'
import { gauge, type Metric } from '../observability/metrics.ts'

const MOST_COUNTED = 10_000
const MOST_UNFINISHED = 1_000

/** Throws DatabaseUnavailable. */
export async function describeTrash(read: Read): Promise<Metric[]> {
  const oldest = await findOldestDeletion(read)
  const page = { before: Number.MAX_SAFE_INTEGER, limit: MOST_UNFINISHED }
  const unfinished = await listInterruptedTrash(read, page)
  return [
    gauge(
      'berth_trash_deletions',
      `Deletions that can be taken back; counted up to ${MOST_COUNTED}.`,
      [{ labels: {}, value: await numberOfDeletions(read, MOST_COUNTED) }],
      'max',
    ),
    gauge(
      'berth_trash_unfinished',
      'Deletions that are being made, restored or emptied.',
      [{ labels: {}, value: unfinished.length }],
      'max',
    ),
    gauge(
      'berth_trash_oldest_deletion_timestamp_seconds',
      'When the oldest deletion was made that can be taken back.',
      oldest === null ? [] : [{ labels: {}, value: oldest / 1000 }],
      'max',
    ),
  ]
}
