/**
 * Deletions that can still be taken back: one row each, on which hangs what it took along (trashed.ts). Tables of
 * their own, so that no other statement must remember to look away.
 *
 * Whoever restores or empties one turns its state first, and holds the row in each of its steps: the two exclude
 * each other.
 */
import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { Tag } from '../oci/tag.ts'
import type { Read, Row, Transaction } from './database.ts'
import type { RepositoryId } from './repositories.ts'
import { integer, text } from './row.ts'

export type TrashId = number & { readonly kind: 'trash-id' }

export type TrashedKind = 'tag' | 'manifest' | 'repository'

/** `filling`: a repository is still being deleted, step by step. */
export type TrashState = 'kept' | 'filling' | 'restoring' | 'emptying'

export interface TrashRow {
  readonly id: TrashId
  readonly repositoryId: RepositoryId
  readonly repository: RepositoryName
  readonly what: TrashedKind
  readonly state: TrashState
  readonly deletedBy: string
  /** Milliseconds since 1970. */
  readonly deletedAt: number
}

const ROW = `trash.id, repository_id, (SELECT name FROM repositories WHERE repositories.id = repository_id) AS name,
  what, state, deleted_by, deleted_at`

/** Opens one deletion; everything that it takes along hangs on its id. */
export async function createTrash(
  tx: Transaction,
  repository: RepositoryId,
  what: TrashedKind,
  deletedBy: string,
  state: TrashState = 'kept',
): Promise<TrashId> {
  const id = await tx.one(
    `INSERT INTO trash (repository_id, what, deleted_by, deleted_at, state, stepped_at) VALUES ($1, $2, $3, $4, $5, $4)
     RETURNING id`,
    [repository, what, deletedBy, tx.now, state],
    (row) => integer(row, 'id') as TrashId,
  )
  if (id === null) throw new Error('the trash gave no id')
  return id
}

/** Copies a manifest's row into the trash. */
export async function trashManifest(
  tx: Transaction,
  trash: TrashId,
  repository: RepositoryId,
  digest: Digest,
): Promise<void> {
  await tx.run(
    `INSERT INTO trashed_manifests (trash_id, repository_id, digest, media_type, artifact_type, subject, annotations, annotations_length, size, pushed_by, created_at)
     SELECT $1, repository_id, digest, media_type, artifact_type, subject, annotations, annotations_length, size, pushed_by, created_at
     FROM manifests WHERE repository_id = $2 AND digest = $3
     ON CONFLICT (trash_id, digest) DO NOTHING`,
    [trash, repository, digest],
  )
}

export async function trashTag(tx: Transaction, trash: TrashId, tag: Tag, digest: Digest): Promise<void> {
  await tx.run(
    `INSERT INTO trashed_tags (trash_id, name, digest) VALUES ($1, $2, $3)
     ON CONFLICT (trash_id, name) DO UPDATE SET digest = excluded.digest`,
    [trash, tag, digest],
  )
}

/** Remembers that the repository could read the blob. */
export async function trashLink(
  tx: Transaction,
  trash: TrashId,
  repository: RepositoryId,
  digest: Digest,
): Promise<void> {
  await tx.run(
    `INSERT INTO trashed_blobs (trash_id, repository_id, digest) VALUES ($1, $2, $3)
     ON CONFLICT (trash_id, digest) DO NOTHING`,
    [trash, repository, digest],
  )
}

export function findTrash(read: Read, id: TrashId): Promise<TrashRow | null> {
  return read.one(`SELECT ${ROW} FROM trash WHERE trash.id = $1`, [id], trashRow)
}

/**
 * Turns a deletion that is in one of these states, or in the new one already, to the new one, and holds its row until
 * the transaction ends. False: it is in another state, or gone.
 */
export async function turnTrash(
  tx: Transaction,
  id: TrashId,
  { from, to }: { readonly from: readonly [TrashState, TrashState?]; readonly to: TrashState },
): Promise<boolean> {
  const turned = await tx.run(
    `UPDATE trash SET state = $2, stepped_at = $3 WHERE id = $1 AND state IN ($2, $4, $5)`,
    [id, to, tx.now, from[0], from[1] ?? from[0]],
  )
  return turned === 1
}

/** Holds the row of a deletion until the transaction ends. Null: it is in another state, or gone. */
export async function holdTrash(tx: Transaction, id: TrashId, state: TrashState): Promise<TrashRow | null> {
  return (await turnTrash(tx, id, { from: [state], to: state })) ? await findTrash(tx, id) : null
}

/** A deletion that is being filled, restored or emptied counts as interrupted from now on; one that is only kept does not. */
export async function letTrashGo(tx: Transaction, id: TrashId): Promise<void> {
  await tx.run(`UPDATE trash SET stepped_at = 1 WHERE id = $1`, [id])
}

/** For a deletion on which nothing hangs any more. */
export async function forgetTrash(tx: Transaction, id: TrashId): Promise<void> {
  await tx.run(`DELETE FROM trash WHERE id = $1`, [id])
}

/** At most `limit` deletions before `before` (null: from the newest on), the newest first; of one repository, or of all. */
export function listTrashRows(
  read: Read,
  repository: RepositoryId | null,
  page: { readonly before: TrashId | null; readonly limit: number },
): Promise<TrashRow[]> {
  const before = page.before ?? Number.MAX_SAFE_INTEGER
  return repository === null
    ? read.all(
        `SELECT ${ROW} FROM trash WHERE trash.id < $1 ORDER BY trash.id DESC LIMIT $2`,
        [before, page.limit],
        trashRow,
      )
    : read.all(
        `SELECT ${ROW} FROM trash WHERE repository_id = $1 AND trash.id < $2
         ORDER BY repository_id DESC, trash.id DESC LIMIT $3`,
        [repository, before, page.limit],
        trashRow,
      )
}

/** At most `limit` deletions of before that time which nobody restores, the oldest first. */
export function listExpiredTrash(
  read: Read,
  page: { readonly before: number; readonly limit: number },
): Promise<TrashRow[]> {
  return read.all(
    `SELECT ${ROW} FROM trash WHERE deleted_at < $1 AND state IN ('kept', 'emptying')
     ORDER BY deleted_at, trash.id LIMIT $2`,
    [page.before, page.limit],
    trashRow,
  )
}

/** When the oldest deletion was made that is only kept; null where there is none. */
export function findOldestDeletion(read: Read): Promise<number | null> {
  return read.one(
    `SELECT deleted_at FROM trash WHERE deleted_at > 0 AND state = 'kept' ORDER BY deleted_at, id LIMIT 1`,
    [],
    (row) => integer(row, 'deleted_at'),
  )
}

/** The newest deletion of after that time which has this manifest and is only kept; null where there is none. */
export function findKeptTrashWith(
  read: Read,
  repository: RepositoryId,
  digest: Digest,
  after: number,
): Promise<TrashId | null> {
  return read.one(
    `SELECT trash_id FROM trashed_manifests WHERE digest = $2 AND repository_id = $1
     AND (SELECT 1 FROM trash WHERE trash.id = trash_id AND state = 'kept' AND deleted_at > $3) = 1
     ORDER BY trash_id DESC LIMIT 1`,
    [repository, digest, after],
    (row) => integer(row, 'trash_id') as TrashId,
  )
}

/** How many deletions there are, as far as `most`. */
export async function numberOfDeletions(read: Read, most: number): Promise<number> {
  const found = await read.all(`SELECT id FROM trash WHERE id > 0 ORDER BY id LIMIT $1`, [most], (row) =>
    integer(row, 'id'),
  )
  return found.length
}

/** At most `limit` deletions that are being filled, restored or emptied, without a step since that time. */
export function listInterruptedTrash(
  read: Read,
  page: { readonly before: number; readonly limit: number },
): Promise<TrashRow[]> {
  return read.all(
    `SELECT ${ROW} FROM trash WHERE state <> 'kept' AND stepped_at < $1 ORDER BY stepped_at, trash.id LIMIT $2`,
    [page.before, page.limit],
    trashRow,
  )
}

/** The deletion of a repository that is under way, or was when a crash came. */
export function findFillingTrash(read: Read, repository: RepositoryId): Promise<TrashId | null> {
  return read.one(
    `SELECT id FROM trash WHERE state <> 'kept' AND stepped_at > 0 AND state = 'filling' AND repository_id = $1 LIMIT 1`,
    [repository],
    (row) => integer(row, 'id') as TrashId,
  )
}

function trashRow(row: Row): TrashRow {
  return {
    id: integer(row, 'id') as TrashId,
    repositoryId: integer(row, 'repository_id') as RepositoryId,
    repository: text(row, 'name') as RepositoryName,
    what: text(row, 'what') as TrashedKind,
    state: text(row, 'state') as TrashState,
    deletedBy: text(row, 'deleted_by'),
    deletedAt: integer(row, 'deleted_at'),
  }
}
