/**
 * What `berth reindex` does to a database that can still be read: everything that the link tree tells is forgotten,
 * and everything that it cannot tell stays (accounts, grants, the trash, history, uploads in progress). Runs once,
 * and alone, so it may go through whole tables.
 */
import type { Transaction } from './database.ts'
import { COUNT_EVERYTHING } from './migrations/8-usage.ts'

/** Whether the trash of the same repository holds the manifest that an edge goes out from. */
const isFromTrash = (table: string, manifest: string) =>
  `EXISTS (SELECT 1 FROM trashed_manifests
     WHERE trashed_manifests.digest = ${table}.${manifest} AND trashed_manifests.repository_id = ${table}.repository_id)`

/** In an order that the references between them allow. What lies in the trash keeps its bytes, its edges and its blobs. */
const FORGOTTEN = [
  'DELETE FROM tags',
  'DELETE FROM manifests',
  `DELETE FROM manifest_payloads WHERE NOT EXISTS
     (SELECT 1 FROM trashed_manifests WHERE trashed_manifests.digest = manifest_payloads.digest)`,
  `DELETE FROM manifest_references WHERE NOT ${isFromTrash('manifest_references', 'parent')}`,
  `DELETE FROM manifest_blobs WHERE NOT ${isFromTrash('manifest_blobs', 'manifest')}`,
  'DELETE FROM repository_blobs',
  // What no link tells of any more would be left behind. (SQLite reads ON CONFLICT right only behind a WHERE.)
  `INSERT INTO gc_reviews (repository_id, digest, reason, due_at)
     SELECT 0, digest, 'database built anew', created_at FROM blobs WHERE 1 = 1
     ON CONFLICT (repository_id, digest) DO NOTHING`,
  // A deleted repository has no links in the tree that would tell of them.
  `DELETE FROM blobs WHERE NOT EXISTS
     (SELECT 1 FROM manifest_blobs WHERE manifest_blobs.digest = blobs.digest)`,
  'DELETE FROM gc_reviews WHERE repository_id <> 0',
  'DELETE FROM tree_dirty',
  'DELETE FROM torn_files',
  'DELETE FROM usage_changes',
  'DELETE FROM usage_blobs',
  'DELETE FROM usage_places',
  'DELETE FROM usage_totals',
  ...COUNT_EVERYTHING,
  'UPDATE repositories SET adopted_at = NULL, reconciled_by = NULL, listed = 0',
]

export async function forgetTreeFacts(tx: Transaction): Promise<void> {
  await tx.run('UPDATE tag_history SET until_at = $1 WHERE until_at IS NULL', [tx.now])
  for (const statement of FORGOTTEN) await tx.run(statement, [])
}
