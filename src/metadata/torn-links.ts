/**
 * Links of manifests and blobs that another registry's crash has emptied or torn. The database knows what they link,
 * for their place names it, and they are left as they are until somebody pushes that again.
 */
import type { Digest } from '../oci/digest.ts'
import type { Read, Transaction } from './database.ts'
import { insertRows } from './many-rows.ts'
import type { RepositoryId } from './repositories.ts'
import { exists } from './row.ts'

export interface TornLink {
  readonly what: 'revision' | 'layer'
  /** Of what the link's place names. */
  readonly digest: Digest
}

export async function insertTornLinks(
  tx: Transaction,
  repository: RepositoryId,
  found: readonly TornLink[],
): Promise<void> {
  await insertRows(tx, {
    into: 'torn_links (repository_id, kind, digest)',
    rows: found.map(({ what, digest }) => [repository, what, digest]),
    ending: 'ON CONFLICT (repository_id, kind, digest) DO NOTHING',
  })
}

export function hasTornLinks(read: Read, repository: RepositoryId): Promise<boolean> {
  return exists(read, 'SELECT 1 FROM torn_links WHERE repository_id = $1 LIMIT 1', [repository])
}

/** Forgets that a link is torn, for it is about to be written. False: it was not known to be. */
export async function forgetTornLink(
  tx: Transaction,
  repository: RepositoryId,
  { what, digest }: TornLink,
): Promise<boolean> {
  const forgotten = await tx.run(
    'DELETE FROM torn_links WHERE repository_id = $1 AND kind = $2 AND digest = $3',
    [repository, what, digest],
  )
  return forgotten === 1
}
