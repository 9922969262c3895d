/** Which manifests the rule for untagged ones is to look at, and when; and since when nothing has named one. */
import type { Digest } from '../oci/digest.ts'
import type { Read, Row, Transaction } from './database.ts'
import type { ManifestPlace } from './garbage.ts'
import { integer, optionalInteger, text } from './row.ts'

/** A look at a manifest that was asked for. */
export interface ManifestReview extends ManifestPlace {
  /** Milliseconds since 1970. */
  readonly dueAt: number
}

/** At most `limit` of those that are due by a time, the longest due first. */
export function listDueManifestReviews(
  read: Read,
  page: { readonly now: number; readonly limit: number },
): Promise<ManifestReview[]> {
  return read.all(
    `SELECT repository_id, digest, due_at FROM gc_reviews WHERE repository_id > 0 AND due_at <= $1
     ORDER BY due_at, repository_id, digest LIMIT $2`,
    [page.now, page.limit],
    (row) => ({ ...manifestPlace(row), dueAt: integer(row, 'due_at') }),
  )
}

/** When the next manifest is to be looked at, in milliseconds since 1970; null where none is. */
export function findNextManifestReview(read: Read): Promise<number | null> {
  return read.one(
    `SELECT due_at FROM gc_reviews WHERE repository_id > 0 AND due_at > 0 ORDER BY due_at LIMIT 1`,
    [],
    (row) => integer(row, 'due_at'),
  )
}

/** The look is done; unless somebody has asked for another one since. */
export async function endManifestReview(tx: Transaction, review: ManifestReview): Promise<void> {
  await tx.run(`DELETE FROM gc_reviews WHERE repository_id = $1 AND digest = $2 AND due_at = $3`, [
    review.repository,
    review.manifest,
    review.dueAt,
  ])
}

/**
 * Since when the manifest could have been without a tag, in milliseconds since 1970: its push, its return from the
 * trash, or the end of its last tag. Null where the repository does not have it.
 */
export function findUntaggedSince(read: Read, repository: number, digest: Digest): Promise<number | null> {
  return read.one(
    `SELECT created_at, restored_at,
       (SELECT max(until_at) FROM tag_history
        WHERE tag_history.repository_id = manifests.repository_id AND tag_history.digest = manifests.digest) AS until_at
     FROM manifests WHERE repository_id = $1 AND digest = $2`,
    [repository, digest],
    (row) =>
      Math.max(
        integer(row, 'created_at'),
        optionalInteger(row, 'restored_at') ?? 0,
        optionalInteger(row, 'until_at') ?? 0,
      ),
  )
}

/** At most `limit` manifests of all repositories after one. */
export function listManifestPlaces(
  read: Read,
  page: {
    readonly after: { readonly repository: number; readonly manifest: string }
    readonly limit: number
  },
): Promise<ManifestPlace[]> {
  return read.all(
    `SELECT repository_id, digest FROM manifests WHERE (repository_id, digest) > ($1, $2)
     ORDER BY repository_id, digest LIMIT $3`,
    [page.after.repository, page.after.manifest, page.limit],
    manifestPlace,
  )
}

function manifestPlace(row: Row): ManifestPlace {
  return { repository: integer(row, 'repository_id'), manifest: text(row, 'digest') as Digest }
}
