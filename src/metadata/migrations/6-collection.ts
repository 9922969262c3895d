/** What collection beside pushes needs to know: whose digest an upload is closing on, and what is on its way out. */
import type { Migration } from '../schema.ts'

export const collection: Migration = {
  version: 6,
  name: 'collection beside pushes',
  statements: [
    // closing: the digest that a request is about to make of the upload, so that its bytes, which are in place before
    // the database hears of them, are not taken for what nobody needs.
    `ALTER TABLE uploads ADD COLUMN closing {{text}}`,
    `CREATE INDEX uploads_closing ON uploads (closing) WHERE closing IS NOT NULL`,
    // As of a blob: whoever refers to bytes that are there already raises it, and whoever deletes them stands back.
    `ALTER TABLE manifest_payloads ADD COLUMN epoch {{integer}} NOT NULL DEFAULT 1`,
    `CREATE INDEX blobs_leaving ON blobs (state, digest) WHERE state <> 'live'`,
    // epoch: raised by each who schedules it, so that nobody who looked before takes away what was asked for since.
    // after_repository: up to which repository the links of the blob have been looked at.
    `ALTER TABLE gc_reviews ADD COLUMN epoch {{integer}} NOT NULL DEFAULT 1`,
    `ALTER TABLE gc_reviews ADD COLUMN after_repository {{integer}} NOT NULL DEFAULT 0`,
    // Blobs and manifests are looked at by different hands: neither goes through what is the other's.
    `DROP INDEX gc_reviews_due`,
    `CREATE INDEX gc_reviews_of_blobs ON gc_reviews (repository_id, due_at, digest)`,
    `CREATE INDEX gc_reviews_of_manifests ON gc_reviews (due_at, repository_id, digest) WHERE repository_id > 0`,
    // No blob goes while a path of the tree names it.
    `CREATE INDEX tree_dirty_layers ON tree_dirty (key) WHERE kind = 'layer'`,
  ],
}
