/**
 * How far each repository has been compared with the link tree since this start: another registry may have
 * changed the tree while Berth did not run. `adopted_at`: since when the database knows a repository that
 * another registry had made; until then the tree alone does. `reconciled_by`: the start in which the two
 * were last compared, or, of a repository that is not adopted yet, the start in which its adoption began.
 */
import type { RepositoryName } from '../oci/repository-name.ts'
import type { Read, Row, Transaction } from './database.ts'
import { insertRows } from './many-rows.ts'
import type { RepositoryId } from './repositories.ts'
import { integer, optionalText, text } from './row.ts'

export interface CheckedRepository {
  readonly id: RepositoryId
  readonly name: RepositoryName
  readonly isAdopted: boolean
  readonly checkedBy: string | null
}

const COLUMNS = 'id, name, adopted_at IS NOT NULL AS is_adopted, reconciled_by'

export function findCheck(read: Read, name: RepositoryName): Promise<CheckedRepository | null> {
  return read.one(`SELECT ${COLUMNS} FROM repositories WHERE name = $1`, [name], checkedRepository)
}

/** At most `limit` repositories with an id above `after` that this start has not compared with the tree. */
export function listUnchecked(
  read: Read,
  start: string,
  page: { readonly after: number; readonly limit: number },
): Promise<CheckedRepository[]> {
  return read.all(
    `SELECT ${COLUMNS} FROM repositories
     WHERE id > $1 AND (adopted_at IS NULL OR reconciled_by IS NULL OR reconciled_by <> $2) ORDER BY id LIMIT $3`,
    [page.after, start, page.limit],
    checkedRepository,
  )
}

/** Repositories that were found in the tree: those that the database does not know are not adopted. */
export async function insertFoundRepositories(
  tx: Transaction,
  found: readonly { readonly name: RepositoryName; readonly isListed: boolean }[],
): Promise<void> {
  await insertRows(tx, {
    into: 'repositories (name, listed, created_at)',
    rows: found.map(({ name, isListed }) => [name, isListed ? 1 : 0, tx.now]),
    ending:
      'ON CONFLICT (name) DO UPDATE SET listed = 1, deleted_at = NULL WHERE excluded.listed = 1 AND repositories.listed = 0',
  })
}

/**
 * Holds a repository that is not adopted yet until the transaction ends. The first one of all to do so says
 * which start it was: rows of an earlier one may be older than the tree. False: it is adopted, or gone.
 */
export async function holdForAdoption(tx: Transaction, id: RepositoryId, start: string): Promise<boolean> {
  const held = await tx.run(
    `UPDATE repositories SET reconciled_by = COALESCE(reconciled_by, $2) WHERE id = $1 AND adopted_at IS NULL`,
    [id, start],
  )
  return held === 1
}

/** As `holdForAdoption`, for an adopted repository that this start has not compared with the tree. */
export async function holdForCheck(tx: Transaction, id: RepositoryId, start: string): Promise<boolean> {
  const held = await tx.run(
    `UPDATE repositories SET listed = listed
     WHERE id = $1 AND adopted_at IS NOT NULL AND (reconciled_by IS NULL OR reconciled_by <> $2)`,
    [id, start],
  )
  return held === 1
}

export async function endAdoption(tx: Transaction, id: RepositoryId): Promise<void> {
  await tx.run(`UPDATE repositories SET adopted_at = $2 WHERE id = $1`, [id, tx.now])
}

/** From now on, and until the next start, the database alone is asked about this repository. */
export async function endCheck(
  tx: Transaction,
  id: RepositoryId,
  { start, isListed }: { readonly start: string; readonly isListed: boolean },
): Promise<void> {
  await tx.run(
    `UPDATE repositories SET reconciled_by = $2, listed = $3,
       deleted_at = CASE WHEN $4 = 'listed' THEN NULL ELSE deleted_at END WHERE id = $1`,
    [id, start, isListed ? 1 : 0, isListed ? 'listed' : 'not listed'],
  )
}

function checkedRepository(row: Row): CheckedRepository {
  return {
    id: integer(row, 'id') as RepositoryId,
    name: text(row, 'name') as RepositoryName,
    isAdopted: isTrue(row['is_adopted']),
    checkedBy: optionalText(row, 'reconciled_by'),
  }
}

/** SQLite gives 1, PostgreSQL true. */
function isTrue(value: unknown): boolean {
  return value === true || value === 1
}
