/** What collection has before it, in numbers: each counted from an index of few rows. */
import type { Read } from './database.ts'
import { integer, optionalInteger } from './row.ts'

export interface ReviewCounts {
  readonly waiting: number
  readonly due: number
  /** Of the next one, in milliseconds since 1970; null where none waits. */
  readonly nextDueAt: number | null
}

/** Of blobs. `now` in milliseconds since 1970. */
export async function countReviews(read: Read, now: number): Promise<ReviewCounts> {
  const [waiting, due] = [await countDue(read, Number.MAX_SAFE_INTEGER), await countDue(read, now)]
  const nextDueAt = await read.one(
    `SELECT min(due_at) AS next_due_at FROM gc_reviews WHERE repository_id = 0 AND due_at >= 0`,
    [],
    (row) => optionalInteger(row, 'next_due_at'),
  )
  return { waiting, due, nextDueAt }
}

async function countDue(read: Read, until: number): Promise<number> {
  const count = await read.one(
    `SELECT count(*) AS count FROM gc_reviews WHERE repository_id = 0 AND due_at <= $1`,
    [until],
    (row) => integer(row, 'count'),
  )
  return count ?? 0
}

export interface BlobCounts {
  readonly blobs: number
  readonly bytes: number
}

/** Of the blobs that are on their way out, in one of its two states. */
export async function countLeaving(read: Read, state: 'condemned' | 'deleting'): Promise<BlobCounts> {
  const counts = await read.one(
    `SELECT count(*) AS blobs, COALESCE(sum(size), 0) AS bytes FROM blobs WHERE state <> 'live' AND state = $1`,
    [state],
    (row) => ({ blobs: integer(row, 'blobs'), bytes: integer(row, 'bytes') }),
  )
  return counts ?? { blobs: 0, bytes: 0 }
}
