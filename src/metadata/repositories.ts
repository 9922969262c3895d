/** Repositories: the only place of a repository's name. */
import type { Digest } from '../oci/digest.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { Read, Transaction } from './database.ts'
import { integer, text } from './row.ts'

export type RepositoryId = number & { readonly kind: 'repository-id' }

/** What lists and mounts may show. For now everything; rights narrow it. */
export type Scope = { readonly kind: 'everything' }

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
export function findRepositoryWithBlob(
  read: Read,
  digest: Digest,
  { name, scope }: { readonly name: RepositoryName | null; readonly scope: Scope },
): Promise<RepositoryId | null> {
  return read.one(
    `SELECT repositories.id FROM repositories
     JOIN repository_blobs ON repository_blobs.repository_id = repositories.id
     WHERE repository_blobs.digest = $1 AND ${inScope(scope)} ${name === null ? '' : 'AND repositories.name = $2'}
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
     VALUES ($1, $2, (SELECT value FROM settings WHERE key = 'tree.start'), $2) ON CONFLICT (name) DO NOTHING`,
    [name, tx.now],
  )
  const created = await findRepositoryId(tx, name)
  if (created === null) throw new Error(`repository ${name} was created and is not there`)
  return created
}

/** Listed from its first manifest on, and for good: an emptied repository stays listed, as in distribution. */
export async function markListed(tx: Transaction, id: RepositoryId): Promise<void> {
  await tx.run(`UPDATE repositories SET listed = 1 WHERE id = $1 AND listed = 0`, [id])
}

/** At most `limit` names after `after`, in byte order. */
export function listRepositoryNames(
  read: Read,
  scope: Scope,
  page: { readonly after: string; readonly limit: number },
): Promise<RepositoryName[]> {
  return read.all(
    `SELECT name FROM repositories WHERE listed = 1 AND ${inScope(scope)} AND name > $1 ORDER BY name LIMIT $2`,
    [page.after, page.limit],
    (row) => text(row, 'name') as RepositoryName,
  )
}

/** The condition on `repositories` that leaves only what is in scope. */
function inScope(scope: Scope): string {
  switch (scope.kind) {
    case 'everything':
      return 'TRUE'
  }
}
