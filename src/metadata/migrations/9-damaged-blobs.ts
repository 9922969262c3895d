/** Blobs whose bytes are not what they should be, until they are pushed again. */
import type { Migration } from '../schema.ts'

export const damagedBlobs: Migration = {
  version: 9,
  name: 'blobs that are damaged',
  statements: [
    // size: what it should be, in bytes. why: missing, size, hash. It outlives the row in blobs, which goes when the file does.
    `CREATE TABLE damaged_blobs (
      digest {{text}} NOT NULL PRIMARY KEY,
      size {{integer}} NOT NULL,
      why {{text}} NOT NULL,
      found_at {{integer}} NOT NULL
    ) {{clustered}}`,
  ],
}
