/** What the trash, its emptying, deleted repositories, older positions of tags and the rule for untagged manifests need. */
import type { Migration } from '../schema.ts'

export const trashMigration: Migration = {
  version: 7,
  name: 'what comes back from the trash',
  statements: [
    // state: kept, filling (a repository is being deleted), restoring, emptying. stepped_at: when the last step of
    // that was made, for what a crash has interrupted is gone on with.
    `ALTER TABLE trash ADD COLUMN state {{text}} NOT NULL DEFAULT 'kept'`,
    `ALTER TABLE trash ADD COLUMN stepped_at {{integer}} NOT NULL DEFAULT 0`,
    `CREATE INDEX trash_deleted ON trash (deleted_at, id)`,
    `CREATE INDEX trash_unfinished ON trash (stepped_at, id) WHERE state <> 'kept'`,
    // Links that a deleted repository had: whoever restores gives back these, and no other right to read.
    `CREATE TABLE trashed_blobs (
      trash_id {{integer}} NOT NULL REFERENCES trash (id),
      repository_id {{integer}} NOT NULL,
      digest {{text}} NOT NULL,
      PRIMARY KEY (trash_id, digest)
    ) {{clustered}}`,
    `CREATE INDEX trashed_blobs_digest ON trashed_blobs (repository_id, digest)`,
    // Since when a repository is deleted; NULL again with its next manifest.
    `ALTER TABLE repositories ADD COLUMN deleted_at {{integer}}`,
    // When it came back from the trash, for what has no tag is deleted by the time since when it could have had one.
    `ALTER TABLE manifests ADD COLUMN restored_at {{integer}}`,
    `CREATE INDEX tag_history_digest ON tag_history (repository_id, digest, until_at)`,
  ],
}
