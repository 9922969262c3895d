/**
 * What must be counted again, because a command has changed it. Commands only append here, whatever else is going
 * on: no row is ever changed and no key can clash, so that no command waits for another one or for the counting.
 * A note too many costs a little work, a note too few leaves wrong sums.
 */
import type { Digest } from '../oci/digest.ts'
import type { Read, Transaction } from './database.ts'
import { insertRows } from './many-rows.ts'
import { integer, text } from './row.ts'
import type { UsagePlace } from './usage-place.ts'

/** `manifest`: the manifest, and every blob that it refers to, in its repository. */
export interface UsageChange extends UsagePlace {
  readonly id: number
  readonly what: 'manifest' | 'blob'
}

const INTO = 'usage_changes (repository_id, digest, what)'

/** The repository has manifests that it had not, or has them no more, or the trash: their edges are there. */
export async function noteManifestUsage(
  tx: Transaction,
  repository: number,
  manifests: readonly Digest[],
): Promise<void> {
  const rows = manifests.map((manifest) => [repository, manifest, 'manifest'])
  await insertRows(tx, { into: INTO, rows, ending: '' })
}

/** The edges of a manifest are about to be deleted, and with them the last trace of the manifest. */
export async function noteEdgeUsage(tx: Transaction, repository: number, manifest: Digest): Promise<void> {
  await noteBlobUsage(tx, [{ repository, digest: manifest }])
  await tx.run(
    `INSERT INTO ${INTO} SELECT repository_id, digest, 'blob' FROM manifest_blobs
     WHERE repository_id = $1 AND manifest = $2`,
    [repository, manifest],
  )
}

/**
 * A repository links a blob that it did not, or no more. With repository 0: a blob or a payload is known that was
 * not, or no more, or a blob has begun to be deleted, or is kept after all.
 */
export async function noteBlobUsage(tx: Transaction, places: readonly UsagePlace[]): Promise<void> {
  const rows = places.map(({ repository, digest }) => [repository, digest, 'blob'])
  await insertRows(tx, { into: INTO, rows, ending: '' })
}

/** Wherever a repository may have to do with a digest. */
const TABLES = ['repository_blobs', 'manifests', 'trashed_manifests', 'usage_places', 'manifest_blobs']

/** The digest is to be counted again in every repository that has to do with it. */
export async function noteUsageEverywhere(tx: Transaction, digest: Digest): Promise<void> {
  for (const table of TABLES) {
    await tx.run(
      // Of a repository's manifests many may refer to the same blob.
      `INSERT INTO ${INTO} SELECT repository_id, digest, 'blob' FROM ${table} WHERE digest = $1
       GROUP BY digest, repository_id`,
      [digest],
    )
  }
}

/** The oldest changes that have not been counted. */
export function listUsageChanges(read: Read, limit: number): Promise<UsageChange[]> {
  return read.all(
    `SELECT id, repository_id, digest, what FROM usage_changes WHERE id > 0 ORDER BY id LIMIT $1`,
    [limit],
    (row) => ({
      id: integer(row, 'id'),
      repository: integer(row, 'repository_id'),
      digest: text(row, 'digest') as Digest,
      what: text(row, 'what') === 'manifest' ? 'manifest' : 'blob',
    }),
  )
}

/** How many changes have not been counted, as far as `most`. */
export async function numberOfUsageChanges(read: Read, most: number): Promise<number> {
  const waiting = await read.all(
    `SELECT id FROM usage_changes WHERE id > 0 ORDER BY id LIMIT $1`,
    [most],
    (row) => integer(row, 'id'),
  )
  return waiting.length
}

/** Forgets a change that has been counted: only what was seen, for ids do not commit in order. */
export async function forgetUsageChange(tx: Transaction, id: number): Promise<void> {
  await tx.run(`DELETE FROM usage_changes WHERE id = $1`, [id])
}
