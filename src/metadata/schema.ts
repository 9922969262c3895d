/**
 * The tables, as migrations that only ever go forward: once released, one is never changed.
 *
 * Written once for both databases, with macros for what they call differently: {{id}}, {{integer}},
 * {{text}} (sorts by bytes) and {{bytes}}; {{table}} and {{clustered}} (rows lie in the order of the key) end a table. Booleans are 0 and 1, times are milliseconds since 1970.
 * A repository's name stands in one place only; everything else refers to its id.
 */

import { collection } from './migrations/6-collection.ts'
import { trashMigration } from './migrations/7-trash.ts'
import { usage } from './migrations/8-usage.ts'
import { damagedBlobs } from './migrations/9-damaged-blobs.ts'
import { jobs } from './migrations/10-jobs.ts'
import { ACCESS_TABLES } from './schema-access.ts'

export interface Migration {
  readonly version: number
  readonly name: string
  readonly statements: readonly string[]
}

const REPOSITORIES = [
  // listed: from its first manifest on. adopted_at, reconciled_by: how far the link tree of an older volume has been read.
  `CREATE TABLE repositories (
    id {{id}},
    name {{text}} NOT NULL UNIQUE,
    listed {{integer}} NOT NULL DEFAULT 0,
    visibility {{text}} NOT NULL DEFAULT 'private',
    adopted_at {{integer}},
    reconciled_by {{text}},
    created_at {{integer}} NOT NULL
  ) {{table}}`,
  `CREATE INDEX repositories_listed ON repositories (listed, name)`,
]

const MANIFESTS = [
  // subject refers to nothing on purpose: it may arrive after its referrers. artifact_type is '' where there is none.
  // annotations: JSON, and its length in bytes; of what has a subject only.
  `CREATE TABLE manifests (
    repository_id {{integer}} NOT NULL REFERENCES repositories (id),
    digest {{text}} NOT NULL,
    media_type {{text}} NOT NULL,
    artifact_type {{text}} NOT NULL DEFAULT '',
    subject {{text}},
    annotations {{text}},
    annotations_length {{integer}} NOT NULL DEFAULT 0,
    size {{integer}} NOT NULL,
    pushed_by {{text}} NOT NULL,
    created_at {{integer}} NOT NULL,
    PRIMARY KEY (repository_id, digest)
  ) {{clustered}}`,
  `CREATE INDEX manifests_referrers ON manifests (repository_id, subject, artifact_type, digest, annotations_length)
     WHERE subject IS NOT NULL`,
  `CREATE INDEX manifests_digest ON manifests (digest)`,
  `CREATE TABLE manifest_payloads (digest {{text}} NOT NULL PRIMARY KEY, bytes {{bytes}} NOT NULL) {{table}}`,
  // The edges of a manifest outlive it while it lies in the trash.
  `CREATE TABLE manifest_references (
    repository_id {{integer}} NOT NULL,
    parent {{text}} NOT NULL,
    child {{text}} NOT NULL,
    PRIMARY KEY (repository_id, parent, child)
  ) {{clustered}}`,
  `CREATE INDEX manifest_references_child ON manifest_references (repository_id, child)`,
  `CREATE TABLE manifest_blobs (
    repository_id {{integer}} NOT NULL,
    manifest {{text}} NOT NULL,
    digest {{text}} NOT NULL,
    PRIMARY KEY (repository_id, manifest, digest)
  ) {{clustered}}`,
  `CREATE INDEX manifest_blobs_digest ON manifest_blobs (digest, repository_id)`,
]

const BLOBS = [
  // state: live, condemned, deleting. Whoever adds a reference raises the epoch, so that collection stands back.
  // unreferenced_since: since the upload until a manifest refers to it, and NULL from then on. Collection, which alone
  // can tell that the last reference has gone, sets it again.
  `CREATE TABLE blobs (
    digest {{text}} NOT NULL PRIMARY KEY,
    size {{integer}} NOT NULL,
    state {{text}} NOT NULL DEFAULT 'live',
    epoch {{integer}} NOT NULL DEFAULT 1,
    lease_until {{integer}} NOT NULL DEFAULT 0,
    unreferenced_since {{integer}},
    created_at {{integer}} NOT NULL
  ) {{clustered}}`,
  // The right to read a blob through a repository; not a reference.
  `CREATE TABLE repository_blobs (
    repository_id {{integer}} NOT NULL REFERENCES repositories (id),
    digest {{text}} NOT NULL,
    linked_at {{integer}} NOT NULL,
    PRIMARY KEY (repository_id, digest)
  ) {{clustered}}`,
  `CREATE INDEX repository_blobs_digest ON repository_blobs (digest, repository_id)`,
  `CREATE TABLE gc_reviews (
    repository_id {{integer}} NOT NULL,
    digest {{text}} NOT NULL,
    reason {{text}} NOT NULL,
    due_at {{integer}} NOT NULL,
    PRIMARY KEY (repository_id, digest)
  ) {{clustered}}`,
  `CREATE INDEX gc_reviews_due ON gc_reviews (due_at)`,
]

const TAGS = [
  `CREATE TABLE tags (
    repository_id {{integer}} NOT NULL REFERENCES repositories (id),
    name {{text}} NOT NULL,
    digest {{text}} NOT NULL,
    updated_at {{integer}} NOT NULL,
    PRIMARY KEY (repository_id, name)
  ) {{clustered}}`,
  `CREATE INDEX tags_digest ON tags (repository_id, digest)`,
  // One row for each interval in which a tag named a digest; the open one has no end.
  `CREATE TABLE tag_history (
    id {{id}},
    repository_id {{integer}} NOT NULL,
    name {{text}} NOT NULL,
    digest {{text}} NOT NULL,
    moved_by {{text}} NOT NULL,
    from_at {{integer}} NOT NULL,
    until_at {{integer}}
  ) {{table}}`,
  `CREATE INDEX tag_history_tag ON tag_history (repository_id, name, id)`,
  `CREATE INDEX tag_history_open ON tag_history (repository_id, name) WHERE until_at IS NULL`,
]

const UPLOADS = [
  // copied_from: where the bytes lie until their copy in file is complete. received is the truth, not the file's length. digest: of the first received bytes, where they were hashed as they came; boot: the machine's run in which they were, for a power cut may have taken bytes that the file system had promised.
  `CREATE TABLE uploads (
    id {{text}} NOT NULL PRIMARY KEY,
    repository_id {{integer}} NOT NULL REFERENCES repositories (id),
    principal {{text}} NOT NULL,
    file {{text}} NOT NULL,
    copied_from {{text}},
    algorithm {{text}} NOT NULL,
    received {{integer}} NOT NULL DEFAULT 0,
    digest {{text}},
    boot {{text}},
    writer {{text}},
    writer_epoch {{integer}} NOT NULL DEFAULT 0,
    writer_lease_until {{integer}} NOT NULL DEFAULT 0,
    started_at {{integer}} NOT NULL,
    touched_at {{integer}} NOT NULL
  ) {{table}}`,
  `CREATE INDEX uploads_touched ON uploads (touched_at)`,
  `CREATE INDEX uploads_file ON uploads (file)`,
  `CREATE INDEX uploads_copied_from ON uploads (copied_from) WHERE copied_from IS NOT NULL`,
  `CREATE INDEX uploads_writer ON uploads (writer) WHERE writer IS NOT NULL`,
]

const TRASH = [
  // One row for each deletion; what it took along hangs on it and comes back with it.
  `CREATE TABLE trash (
    id {{id}},
    repository_id {{integer}} NOT NULL,
    what {{text}} NOT NULL,
    deleted_by {{text}} NOT NULL,
    deleted_at {{integer}} NOT NULL
  ) {{table}}`,
  `CREATE INDEX trash_repository ON trash (repository_id, id)`,
  `CREATE TABLE trashed_manifests (
    trash_id {{integer}} NOT NULL REFERENCES trash (id),
    repository_id {{integer}} NOT NULL,
    digest {{text}} NOT NULL,
    media_type {{text}} NOT NULL,
    artifact_type {{text}} NOT NULL,
    subject {{text}},
    annotations {{text}},
    annotations_length {{integer}} NOT NULL,
    size {{integer}} NOT NULL,
    pushed_by {{text}} NOT NULL,
    created_at {{integer}} NOT NULL,
    PRIMARY KEY (trash_id, digest)
  ) {{clustered}}`,
  `CREATE INDEX trashed_manifests_digest ON trashed_manifests (repository_id, digest)`,
  `CREATE TABLE trashed_tags (
    trash_id {{integer}} NOT NULL REFERENCES trash (id),
    name {{text}} NOT NULL,
    digest {{text}} NOT NULL,
    PRIMARY KEY (trash_id, name)
  ) {{clustered}}`,
]

const TREE = [
  // Every value that a path of the link tree may hold until it is synced; NULL is absence.
  `CREATE TABLE tree_dirty (
    id {{id}},
    kind {{text}} NOT NULL,
    repository_id {{integer}} NOT NULL,
    key {{text}} NOT NULL,
    value {{text}},
    marked_at {{integer}} NOT NULL
  ) {{table}}`,
  `CREATE INDEX tree_dirty_path ON tree_dirty (kind, repository_id, key, id)`,
]

const EVENTS = [
  // The outbox: readers claim rows, and never remember a highest id, for ids do not commit in order.
  `CREATE TABLE events (
    id {{id}},
    kind {{text}} NOT NULL,
    repository_id {{integer}},
    actor {{text}} NOT NULL,
    facts {{text}} NOT NULL,
    happened_at {{integer}} NOT NULL
  ) {{table}}`,
  `CREATE INDEX events_repository ON events (repository_id, id)`,
]

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'the registry',
    statements: [
      `CREATE TABLE settings (key {{text}} NOT NULL PRIMARY KEY, value {{text}} NOT NULL) {{clustered}}`,
      ...REPOSITORIES,
      ...MANIFESTS,
      ...BLOBS,
      ...TAGS,
      ...UPLOADS,
      ...TRASH,
      ...TREE,
      ...EVENTS,
      ...ACCESS_TABLES,
    ],
  },
  {
    version: 2,
    name: 'the catalog in the order of folders',
    statements: [
      `CREATE INDEX repositories_in_catalog ON repositories (listed, replace(name, '/', '!'))`,
      `DROP INDEX repositories_listed`,
    ],
  },
  {
    version: 3,
    name: 'what lies in any trash is found by its digest',
    statements: [
      `DROP INDEX trashed_manifests_digest`,
      `CREATE INDEX trashed_manifests_digest ON trashed_manifests (digest, repository_id)`,
    ],
  },
  {
    version: 4,
    name: 'files of the link tree that a crash has torn',
    statements: [
      // found_by: the start that found it last.
      `CREATE TABLE torn_files (
        kind {{text}} NOT NULL,
        repository_id {{integer}} NOT NULL REFERENCES repositories (id),
        key {{text}} NOT NULL,
        found_by {{text}} NOT NULL,
        PRIMARY KEY (kind, repository_id, key)
      ) {{clustered}}`,
    ],
  },
  {
    version: 5,
    name: 'what the tree has shown in which run of the machine',
    // Of older marks neither is known.
    statements: [
      `ALTER TABLE tree_dirty ADD COLUMN boot {{text}}`,
      `ALTER TABLE tree_dirty ADD COLUMN shown_at {{integer}}`,
    ],
  },
  collection,
  trashMigration,
  usage,
  damagedBlobs,
  jobs,
]
