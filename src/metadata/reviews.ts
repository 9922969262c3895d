/** What collection should look at, and when: filled by whatever may leave content without a reference. */
import type { Digest } from '../oci/digest.ts'
import type { Transaction } from './database.ts'

/**
 * `repository` is 0 where the blob itself is meant, else the manifest of that digest there. What is due already
 * is put off to the new time, for its reason is newer.
 */
export async function scheduleReview(
  tx: Transaction,
  review: {
    readonly repository: number
    readonly digest: Digest
    readonly reason: string
    readonly dueAt: number
  },
): Promise<void> {
  await tx.run(
    `INSERT INTO gc_reviews (repository_id, digest, reason, due_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (repository_id, digest) DO UPDATE SET reason = excluded.reason, due_at = excluded.due_at`,
    [review.repository, review.digest, review.reason, review.dueAt],
  )
}
