/**
 * Small files of the link tree that another registry's crash has emptied or torn: links, and the bytes of manifests.
 * They are left as they are until somebody pushes again what they are about. Each is remembered with the start that
 * found it last: what a later one does not find any more is forgotten.
 */
import type { Digest } from '../oci/digest.ts'
import type { Tag } from '../oci/tag.ts'
import type { Read, Transaction } from './database.ts'
import { insertRows } from './many-rows.ts'
import type { RepositoryId } from './repositories.ts'
import { exists, integer, text } from './row.ts'

/** `revision`, `layer`: a link that counts all the same, for its place names the digest. */
export interface TornLink {
  readonly what: 'revision' | 'layer'
  readonly key: Digest
}

/** `tag`: nobody can tell from its link what it names. `manifest`: nobody can tell from its bytes what it refers to. */
export type TornFile =
  | TornLink
  | { readonly what: 'tag'; readonly key: Tag }
  | { readonly what: 'manifest'; readonly key: Digest }

export async function noteTornFiles(
  tx: Transaction,
  repository: RepositoryId,
  start: string,
  found: readonly TornFile[],
): Promise<void> {
  await insertRows(tx, {
    into: 'torn_files (kind, repository_id, key, found_by)',
    rows: found.map(({ what, key }) => [what, repository, key, start]),
    ending: 'ON CONFLICT (kind, repository_id, key) DO UPDATE SET found_by = excluded.found_by',
  })
}

const KINDS: readonly TornFile['what'][] = ['revision', 'layer', 'tag', 'manifest']

/** Forgets what this start has not found in the repository. */
export async function forgetMendedFiles(
  tx: Transaction,
  repository: RepositoryId,
  start: string,
): Promise<void> {
  for (const what of KINDS) {
    await tx.run('DELETE FROM torn_files WHERE kind = $1 AND repository_id = $2 AND found_by <> $3', [
      what,
      repository,
      start,
    ])
  }
}

/** Asked by every push of a manifest, so in one statement. */
export function hasTornLinks(read: Read, repository: RepositoryId): Promise<boolean> {
  return exists(
    read,
    `SELECT 1 FROM torn_files WHERE kind IN ('revision', 'layer') AND repository_id = $1 LIMIT 1`,
    [repository],
  )
}

/** Forgets that a link is torn, for it is about to be written. False: it was not known to be. */
export async function forgetTornLink(
  tx: Transaction,
  repository: RepositoryId,
  { what, key }: TornLink,
): Promise<boolean> {
  const forgotten = await tx.run(
    'DELETE FROM torn_files WHERE kind = $1 AND repository_id = $2 AND key = $3',
    [what, repository, key],
  )
  return forgotten === 1
}

type TornContent = 'tag' | 'manifest'

export interface TornPlace<What extends TornContent> {
  readonly repository: RepositoryId
  readonly key: Extract<TornFile, { readonly what: What }>['key']
}

/** A place in the list: after it the next page begins. */
export interface TornPosition {
  readonly repository: number
  readonly key: string
}

/** At most `limit` of a kind, in all repositories, after a place. */
export function listTornFiles<What extends TornContent>(
  read: Read,
  what: What,
  { after, limit }: { readonly after: TornPosition; readonly limit: number },
): Promise<TornPlace<What>[]> {
  return read.all(
    `SELECT repository_id, key FROM torn_files
     WHERE kind = $1 AND (repository_id, key) > ($2, $3) ORDER BY repository_id, key LIMIT $4`,
    [what, after.repository, after.key, limit],
    (row) => ({
      repository: integer(row, 'repository_id') as RepositoryId,
      key: text(row, 'key') as TornPlace<What>['key'],
    }),
  )
}
