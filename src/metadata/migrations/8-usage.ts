/**
 * What everything takes up (src/registry/usage.ts). Commands only append to usage_changes what may have changed; one
 * step at a time, alone, counts that again and writes the other three tables, so that no push waits for another's.
 */
import type { Migration } from '../schema.ts'

const TABLES = [
  // what: 'manifest' (the manifest and all that it refers to, in this repository) or 'blob' (the digest in this
  // repository; repository_id 0: the digest as such). Rows are never changed, and go when they have been counted.
  `CREATE TABLE usage_changes (
    id {{id}},
    repository_id {{integer}} NOT NULL,
    digest {{text}} NOT NULL,
    what {{text}} NOT NULL
  ) {{table}}`,
  // As counted last. size is NULL where nothing is stored. kind: live, trash, reclaimable, leaving. live_in, trash_in: in how many repositories.
  `CREATE TABLE usage_blobs (
    digest {{text}} NOT NULL PRIMARY KEY,
    size {{integer}},
    kind {{text}},
    live_in {{integer}} NOT NULL,
    trash_in {{integer}} NOT NULL
  ) {{clustered}}`,
  // kind: live, trash, reclaimable.
  `CREATE TABLE usage_places (
    digest {{text}} NOT NULL,
    repository_id {{integer}} NOT NULL,
    kind {{text}} NOT NULL,
    size {{integer}} NOT NULL,
    PRIMARY KEY (digest, repository_id)
  ) {{clustered}}`,
  // The sums of both: repository_id 0 is everything, where each digest counts once.
  `CREATE TABLE usage_totals (
    repository_id {{integer}} NOT NULL,
    kind {{text}} NOT NULL,
    bytes {{integer}} NOT NULL,
    digests {{integer}} NOT NULL,
    PRIMARY KEY (repository_id, kind)
  ) {{clustered}}`,
  // The largest repositories first.
  `CREATE INDEX usage_totals_largest ON usage_totals (kind, bytes, repository_id)`,
]

/** Whatever is there already is to be counted. */
const TO_COUNT = [
  ['repository_id', 'manifest', 'manifests'],
  ['repository_id', 'manifest', 'trashed_manifests'],
  ['repository_id', 'blob', 'repository_blobs'],
  ['0', 'blob', 'blobs'],
  ['0', 'blob', 'manifest_payloads'],
]

export const COUNT_EVERYTHING: readonly string[] = TO_COUNT.map(
  ([repository, what, table]) =>
    `INSERT INTO usage_changes (repository_id, digest, what) SELECT ${repository}, digest, '${what}' FROM ${table}`,
)

export const usage: Migration = {
  version: 8,
  name: 'what everything takes up',
  statements: [...TABLES, ...COUNT_EVERYTHING],
}
