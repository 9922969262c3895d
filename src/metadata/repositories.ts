/** Repositories: the only place of a repository's name. */
import type { Digest } from '../oci/digest.ts'
import { byFolders, type RepositoryName } from '../oci/repository-name.ts'
import { chunksOf } from './chunks.ts'
import type { Read, Row, Transaction } from './database.ts'
import { exists, integer, text } from './row.ts'
import { START_SETTING } from './settings.ts'

export type RepositoryId = number & { readonly kind: 'repository-id' }

/** What lists and mounts may show. */
export type Scope =
  | { readonly kind: 'everything' }
  | { readonly kind: 'repositories'; readonly names: readonly RepositoryName[] }

export function findRepositoryId(read: Read, name: RepositoryName): Promise<RepositoryId | null> {
  return read.one(
    `SELECT id FROM repositories WHERE name = $1`,
    [name],
    (row) => integer(row, 'id') as RepositoryId,
  )
}

/** Null when the repository is gone. */
export function findRepositoryName(read: Read, id: number): Promise<RepositoryName | null> {
  return read.one(
    `SELECT name FROM repositories WHERE id = $1`,
    [id],
    (row) => text(row, 'name') as RepositoryName,
  )
}

/** A repository in scope that links the blob: the one of that name, or any where `name` is null. Null where there is none. */
export async function findRepositoryWithBlob(
  read: Read,
  digest: Digest,
  { name, scope }: { readonly name: RepositoryName | null; readonly scope: Scope },
): Promise<RepositoryId | null> {
  const names = namesIn(scope, name)
  if (names === null) return await findLinking(read, digest, null)
  for (const each of names) {
    const found = await findLinking(read, digest, each)
    if (found !== null) return found
  }
  return null
}

/** Null for all names that there are. */
function namesIn(scope: Scope, name: RepositoryName | null): readonly RepositoryName[] | null {
  if (scope.kind === 'everything') return name === null ? null : [name]
  return name === null ? scope.names : scope.names.filter((each) => each === name)
}

function findLinking(read: Read, digest: Digest, name: RepositoryName | null): Promise<RepositoryId | null> {
  return read.one(
    `SELECT repositories.id FROM repositories
     JOIN repository_blobs ON repository_blobs.repository_id = repositories.id
     WHERE repository_blobs.digest = $1 ${name === null ? '' : 'AND repositories.name = $2'}
     LIMIT 1`,
    name === null ? [digest] : [digest, name],
    (row) => integer(row, 'id') as RepositoryId,
  )
}

/** A repository comes into being with its first upload. Whoever may be the first knows that the tree has none of this name. */
export async function findOrCreateRepository(tx: Transaction, name: RepositoryName): Promise<RepositoryId> {
  const found = await findRepositoryId(tx, name)
  if (found !== null) return found
  await tx.run(
    `INSERT INTO repositories (name, adopted_at, reconciled_by, created_at)
     VALUES ($1, $2, (SELECT value FROM settings WHERE key = $3), $2) ON CONFLICT (name) DO NOTHING`,
    [name, tx.now, START_SETTING],
  )
  const created = await findRepositoryId(tx, name)
  if (created === null) throw new Error(`repository ${name} was created and is not there`)
  return created
}

/** Listed from its first manifest on, until it is deleted: an emptied repository stays listed, as in distribution. */
export async function markListed(tx: Transaction, id: RepositoryId): Promise<void> {
  await tx.run(`UPDATE repositories SET listed = 1, deleted_at = NULL WHERE id = $1 AND listed = 0`, [id])
}

/** Takes it out of every list, until it has a manifest again. */
export async function markDeleted(tx: Transaction, id: RepositoryId): Promise<void> {
  await tx.run(`UPDATE repositories SET listed = 0, deleted_at = $2 WHERE id = $1`, [id, tx.now])
}

/** Whether it was deleted, and has had no manifest since. */
export function isRepositoryDeleted(read: Read, id: RepositoryId): Promise<boolean> {
  return exists(read, `SELECT 1 FROM repositories WHERE id = $1 AND deleted_at IS NOT NULL`, [id])
}

/**
 * At most `limit` names after `after`, component by component as distribution lists them: `a`, `a/b`, `a-b`. For
 * that `/` counts as `!`, which sorts before everything that a name may have.
 */
export async function listRepositoryNames(
  read: Read,
  scope: Scope,
  page: { readonly after: string; readonly limit: number },
): Promise<RepositoryName[]> {
  if (scope.kind === 'everything') {
    return await read.all(
      `SELECT name FROM repositories
       WHERE listed = 1 AND replace(name, '/', '!') > replace($1, '/', '!')
       ORDER BY replace(name, '/', '!') LIMIT $2`,
      [page.after, page.limit],
      nameColumn,
    )
  }
  const names: RepositoryName[] = []
  const wanted = [...new Set(scope.names)].filter((name) => byFolders(name, page.after) > 0)
  for (const chunk of chunksOf(wanted.toSorted(byFolders))) {
    if (names.length >= page.limit) break
    names.push(...(await listListed(read, chunk)).toSorted(byFolders))
  }
  return names.slice(0, page.limit)
}

function listListed(read: Read, names: readonly RepositoryName[]): Promise<RepositoryName[]> {
  return read.all(
    `SELECT name FROM repositories WHERE listed = $1 AND name IN ${listFrom2(names.length)}`,
    [1, ...names],
    nameColumn,
  )
}

function nameColumn(row: Row): RepositoryName {
  return text(row, 'name') as RepositoryName
}

/** `($2, $3)`: so many values, `$2` being the first one. */
function listFrom2(count: number): string {
  return `(${Array.from({ length: count }, (_, index) => `$${index + 2}`).join(', ')})`
}
