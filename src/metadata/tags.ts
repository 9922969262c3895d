/** Tags, and every interval in which one named a digest. */
import type { Digest } from '../oci/digest.ts'
import type { Tag } from '../oci/tag.ts'
import type { Read, Transaction } from './database.ts'
import type { RepositoryId } from './repositories.ts'
import { text } from './row.ts'

/** The digest that a tag names now, or null. One probe of the primary key. */
export function findTagDigest(read: Read, repository: RepositoryId, tag: Tag): Promise<Digest | null> {
  return read.one(
    `SELECT digest FROM tags WHERE repository_id = $1 AND name = $2`,
    [repository, tag],
    (row) => text(row, 'digest') as Digest,
  )
}

/** At most `limit` tags after `after`, in byte order. */
export function listTags(
  read: Read,
  repository: RepositoryId,
  page: { readonly after: string; readonly limit: number },
): Promise<Tag[]> {
  return read.all(
    `SELECT name FROM tags WHERE repository_id = $1 AND name > $2 ORDER BY name LIMIT $3`,
    [repository, page.after, page.limit],
    (row) => text(row, 'name') as Tag,
  )
}

/**
 * Points a tag that names `before` (null: that does not exist) at `digest`. False where it names something else
 * by now: on PostgreSQL another command may have been there since this one looked.
 */
export async function pointTag(
  tx: Transaction,
  repository: RepositoryId,
  tag: Tag,
  { before, digest }: { readonly before: Digest | null; readonly digest: Digest },
): Promise<boolean> {
  const changed =
    before === null
      ? await tx.run(
          `INSERT INTO tags (repository_id, name, digest, updated_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (repository_id, name) DO NOTHING`,
          [repository, tag, digest, tx.now],
        )
      : await tx.run(
          `UPDATE tags SET digest = $3, updated_at = $4 WHERE repository_id = $1 AND name = $2 AND digest = $5`,
          [repository, tag, digest, tx.now, before],
        )
  return changed === 1
}

/** Takes a tag away, and gives the digest that it named; null where there was none. */
export function deleteTag(tx: Transaction, repository: RepositoryId, tag: Tag): Promise<Digest | null> {
  return tx.one(
    `DELETE FROM tags WHERE repository_id = $1 AND name = $2 RETURNING digest`,
    [repository, tag],
    (row) => text(row, 'digest') as Digest,
  )
}

/** Takes tags away that name the digest, at most `limit`, and gives them in byte order. */
export async function deleteTagsOf(
  tx: Transaction,
  repository: RepositoryId,
  digest: Digest,
  limit: number,
): Promise<Tag[]> {
  const tags = await tx.all(
    `DELETE FROM tags WHERE repository_id = $1 AND digest = $2 AND name IN (
       SELECT name FROM tags WHERE repository_id = $1 AND digest = $2 LIMIT $3
     ) RETURNING name`,
    [repository, digest, limit],
    (row) => text(row, 'name') as Tag,
  )
  return tags.sort()
}

export async function beginTagInterval(
  tx: Transaction,
  repository: RepositoryId,
  tag: Tag,
  digest: Digest,
  movedBy: string,
): Promise<void> {
  await tx.run(
    `INSERT INTO tag_history (repository_id, name, digest, moved_by, from_at) VALUES ($1, $2, $3, $4, $5)`,
    [repository, tag, digest, movedBy, tx.now],
  )
}

export async function endTagInterval(tx: Transaction, repository: RepositoryId, tag: Tag): Promise<void> {
  await tx.run(
    `UPDATE tag_history SET until_at = $3 WHERE repository_id = $1 AND name = $2 AND until_at IS NULL`,
    [repository, tag, tx.now],
  )
}
