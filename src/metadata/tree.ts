/** Which paths of the link tree may differ from the database, and what they may hold until they are synced. */
import type { Digest } from '../oci/digest.ts'
import type { Tag } from '../oci/tag.ts'
import type { Read, Row, Transaction } from './database.ts'
import type { RepositoryId } from './repositories.ts'
import { exists, integer, optionalInteger, optionalText, text } from './row.ts'

/** One path of the link tree, in the database's words. */
export type TreeMark = RepositoryMark | FolderMark | PayloadMark

export type RepositoryMark =
  | { readonly kind: 'tag'; readonly repositoryId: RepositoryId; readonly key: Tag }
  | { readonly kind: 'revision' | 'layer'; readonly repositoryId: RepositoryId; readonly key: Digest }

/**
 * The folder of a repository that was deleted: its empty folders are to go, and nothing else, whoever has written there
 * meanwhile.
 */
export interface FolderMark {
  readonly kind: 'repository'
  readonly repositoryId: RepositoryId
  readonly key: 'folder'
}

/** The bytes of a manifest lie under `blobs/`, in no repository. */
export interface PayloadMark {
  readonly kind: 'payload'
  readonly repositoryId: 0
  readonly key: Digest
}

const COLUMNS = 'id, kind, repository_id, key, value, marked_at, boot, shown_at'

/** Names the path: two marks of one path have the same. */
export function treePath(mark: TreeMark): string {
  return `${mark.kind}/${mark.repositoryId}/${mark.key}`
}

/** A mark that a command has made, by the row of the newest value that it knows. */
export type MadeMark = TreeMark & { readonly id: number }

/** A mark as it stands in the table: one value that the path may hold, null for absence. */
export type TreeDirt = MadeMark & {
  readonly value: Digest | null
  readonly markedAt: number
  /** The run of the machine in which it was made, or shown, where that is known. */
  readonly boot: string | null
  /**
   * When the tree had been made to show it, in milliseconds since 1970 by the clock of that machine. Null where that
   * is not known: the process may have died before, or the path could not be written.
   */
  readonly shownAt: number | null
}

/**
 * Marks a path that this transaction changes from `before` to `after`. Every value that it may hold until it
 * is synced is remembered: the one before the first mark, and each one committed since. `before` is written
 * down although it may stand there already, for that row may be cleared before this transaction commits.
 */
export async function markTree(
  tx: Transaction,
  mark: TreeMark,
  values: { readonly before: Digest | null; readonly after: Digest | null },
): Promise<void> {
  await insertDirt(tx, mark, values.before)
  tx.marks.push({ ...mark, id: await insertDirt(tx, mark, values.after) })
}

/**
 * For a command that finds a path as it wants it already: where it is still marked, it may not have been shown
 * yet (the tree could not be written then, or its process died), and this command's answer must wait for it too.
 */
export async function resettleTree(tx: Transaction, mark: TreeMark): Promise<void> {
  const [dirt] = await listNewestPathDirt(tx, mark, 1)
  if (dirt !== undefined) tx.marks.push({ ...mark, id: dirt.id })
}

/** At most `limit` marks with an id above `after`, oldest first. */
export function listTreeDirt(
  read: Read,
  page: { readonly after: number; readonly limit: number },
): Promise<TreeDirt[]> {
  return read.all(
    `SELECT ${COLUMNS} FROM tree_dirty WHERE id > $1 ORDER BY id LIMIT $2`,
    [page.after, page.limit],
    treeDirt,
  )
}

/** At most `limit` values that the path may hold, oldest first. */
export function listPathDirt(read: Read, mark: TreeMark, limit: number): Promise<TreeDirt[]> {
  return read.all(
    `SELECT ${COLUMNS} FROM tree_dirty
     WHERE kind = $1 AND repository_id = $2 AND key = $3 ORDER BY id LIMIT $4`,
    [mark.kind, mark.repositoryId, mark.key, limit],
    treeDirt,
  )
}

/** As `listPathDirt`, but the newest, newest first. */
export function listNewestPathDirt(read: Read, mark: TreeMark, limit: number): Promise<TreeDirt[]> {
  return read.all(
    `SELECT ${COLUMNS} FROM tree_dirty
     WHERE kind = $1 AND repository_id = $2 AND key = $3 ORDER BY id DESC LIMIT $4`,
    [mark.kind, mark.repositoryId, mark.key, limit],
    treeDirt,
  )
}

/** Whether the path may differ from the database now. */
export async function hasTreeDirt(read: Read, mark: TreeMark): Promise<boolean> {
  return await exists(
    read,
    'SELECT 1 FROM tree_dirty WHERE kind = $1 AND repository_id = $2 AND key = $3 LIMIT 1',
    [mark.kind, mark.repositoryId, mark.key],
  )
}

/** At most `limit` tags of a repository whose paths may differ from the database. */
export function listDirtyTags(read: Read, repository: RepositoryId, limit: number): Promise<Tag[]> {
  return read.all(
    `SELECT DISTINCT key FROM tree_dirty WHERE kind = 'tag' AND repository_id = $1 ORDER BY key LIMIT $2`,
    [repository, limit],
    (row) => text(row, 'key') as Tag,
  )
}

/** Forgets the marks of a path up to one id: what came later stays marked. */
export async function clearTreeDirt(tx: Transaction, mark: TreeMark, upTo: number): Promise<void> {
  await tx.run(`DELETE FROM tree_dirty WHERE kind = $1 AND repository_id = $2 AND key = $3 AND id <= $4`, [
    mark.kind,
    mark.repositoryId,
    mark.key,
    upTo,
  ])
}

/** Says of marks, by their rows, that the tree has shown them by a time (`TreeDirt.shownAt`). */
export async function noteShown(
  tx: Transaction,
  { ids, at }: { readonly ids: readonly number[]; readonly at: number },
): Promise<void> {
  for (const id of ids) {
    await tx.run('UPDATE tree_dirty SET boot = $2, shown_at = $3 WHERE id = $1', [id, tx.boot, at])
  }
}

/** Gives the id of the row. */
async function insertDirt(tx: Transaction, mark: TreeMark, value: Digest | null): Promise<number> {
  const id = await tx.one(
    `INSERT INTO tree_dirty (kind, repository_id, key, value, marked_at, boot) VALUES ($1, $2, $3, $4, $5, $6)
     RETURNING id`,
    [mark.kind, mark.repositoryId, mark.key, value, tx.now, tx.boot],
    (row) => integer(row, 'id'),
  )
  if (id === null) throw new Error('a row that was inserted gave no id')
  return id
}

function treeDirt(row: Row): TreeDirt {
  const mark = {
    kind: text(row, 'kind'),
    repositoryId: integer(row, 'repository_id'),
    key: text(row, 'key'),
  } as TreeMark
  return {
    ...mark,
    id: integer(row, 'id'),
    value: optionalText(row, 'value') as Digest | null,
    markedAt: integer(row, 'marked_at'),
    boot: optionalText(row, 'boot'),
    shownAt: optionalInteger(row, 'shown_at'),
  }
}
