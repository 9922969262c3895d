/** Tags, and every interval in which one named a digest. */
import type { Digest } from '../oci/digest.ts'
import type { Tag } from '../oci/tag.ts'
import type { Read, Row, SqlValue, Transaction } from './database.ts'
import { exactChunksOf, insertRows, placesFor } from './many-rows.ts'
import type { RepositoryId } from './repositories.ts'
import { exists, integer, optionalInteger, text } from './row.ts'

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

/** An interval in which a tag named a digest. Times are milliseconds since 1970. */
export interface TagInterval {
  readonly id: number
  readonly digest: Digest
  readonly movedBy: string
  readonly from: number
  /** Null while it does. */
  readonly until: number | null
}

const INTERVAL = 'id, digest, moved_by, from_at, until_at'

/** At most `limit` intervals of a tag before the one with the id `before` (null: from the newest on), the newest first. */
export function listTagIntervals(
  read: Read,
  repository: RepositoryId,
  tag: Tag,
  page: { readonly before: number | null; readonly limit: number },
): Promise<TagInterval[]> {
  return read.all(
    `SELECT ${INTERVAL} FROM tag_history WHERE repository_id = $1 AND name = $2 AND id < $3
     ORDER BY id DESC LIMIT $4`,
    [repository, tag, page.before ?? Number.MAX_SAFE_INTEGER, page.limit],
    tagInterval,
  )
}

/** The interval before so many newer ones; null where there are not so many. */
export function findTagInterval(
  read: Read,
  repository: RepositoryId,
  tag: Tag,
  newer: number,
): Promise<TagInterval | null> {
  return read.one(
    `SELECT ${INTERVAL} FROM tag_history WHERE repository_id = $1 AND name = $2
     ORDER BY id DESC LIMIT 1 OFFSET $3`,
    [repository, tag, newer],
    tagInterval,
  )
}

/** Whether the tag has ever named the digest. */
export function hasNamed(read: Read, repository: RepositoryId, tag: Tag, digest: Digest): Promise<boolean> {
  return exists(
    read,
    `SELECT 1 FROM tag_history WHERE repository_id = $1 AND digest = $3 AND name = $2 LIMIT 1`,
    [repository, tag, digest],
  )
}

function tagInterval(row: Row): TagInterval {
  return {
    id: integer(row, 'id'),
    digest: text(row, 'digest') as Digest,
    movedBy: text(row, 'moved_by'),
    from: integer(row, 'from_at'),
    until: optionalInteger(row, 'until_at'),
  }
}

/** A tag that was found in the link tree. Times are milliseconds since 1970. */
export interface FoundTag {
  readonly name: Tag
  readonly digest: Digest
  readonly since: number
  /** What it named before, oldest first, each until the next one. */
  readonly earlier: readonly { readonly digest: Digest; readonly since: number }[]
}

/** Stores tags that are not there yet, with their history. */
export async function insertFoundTags(
  tx: Transaction,
  repository: RepositoryId,
  found: readonly FoundTag[],
  movedBy: string,
): Promise<void> {
  const inserted = new Set<Tag>()
  for (const chunk of exactChunksOf(found)) {
    const rows = chunk.map(({ name, digest, since }) => [repository, name, digest, since])
    const names = await tx.all(
      `INSERT INTO tags (repository_id, name, digest, updated_at) VALUES ${placesFor(rows)}
       ON CONFLICT (repository_id, name) DO NOTHING RETURNING name`,
      rows.flat(),
      (row) => text(row, 'name') as Tag,
    )
    for (const name of names) inserted.add(name)
  }
  await insertRows(tx, {
    into: 'tag_history (repository_id, name, digest, moved_by, from_at, until_at)',
    rows: found
      .filter(({ name }) => inserted.has(name))
      .flatMap((tag) => intervalsOf(tag, movedBy).map((each) => [repository, tag.name, ...each])),
    ending: '',
  })
}

/** Digest, mover, beginning and end of each interval. */
function intervalsOf({ digest, since, earlier }: FoundTag, movedBy: string): SqlValue[][] {
  const named = [...earlier, { digest, since }]
  return named.map((each, at) => [each.digest, movedBy, each.since, named[at + 1]?.since ?? null])
}

export interface TagRow {
  readonly name: Tag
  readonly digest: Digest
  readonly updatedAt: number
}

/** At most `limit` tags after `after`, in byte order, with what they name and since when. */
export function listTagRows(
  read: Read,
  repository: RepositoryId,
  page: { readonly after: string; readonly limit: number },
): Promise<TagRow[]> {
  return read.all(
    `SELECT name, digest, updated_at FROM tags WHERE repository_id = $1 AND name > $2 ORDER BY name LIMIT $3`,
    [repository, page.after, page.limit],
    (row) => ({
      name: text(row, 'name') as Tag,
      digest: text(row, 'digest') as Digest,
      updatedAt: integer(row, 'updated_at'),
    }),
  )
}

/** Takes a tag away if it is still as it was seen. */
export async function deleteTagAsSeen(
  tx: Transaction,
  repository: RepositoryId,
  seen: TagRow,
): Promise<boolean> {
  const deleted = await tx.run(
    `DELETE FROM tags WHERE repository_id = $1 AND name = $2 AND digest = $3 AND updated_at = $4`,
    [repository, seen.name, seen.digest, seen.updatedAt],
  )
  return deleted === 1
}

/** Moves a tag if it is still as it was seen. */
export async function moveTagAsSeen(
  tx: Transaction,
  repository: RepositoryId,
  seen: TagRow,
  digest: Digest,
): Promise<boolean> {
  const moved = await tx.run(
    `UPDATE tags SET digest = $5, updated_at = $6
     WHERE repository_id = $1 AND name = $2 AND digest = $3 AND updated_at = $4`,
    [repository, seen.name, seen.digest, seen.updatedAt, digest, tx.now],
  )
  return moved === 1
}
