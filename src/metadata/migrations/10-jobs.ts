/** What became of the jobs of the clock (src/jobs). */
import type { Migration } from '../schema.ts'

export const jobs: Migration = {
  version: 10,
  name: 'what became of the jobs',
  statements: [
    // The last run: when it began and ended, when one succeeded last, since when they fail, and why.
    `ALTER TABLE jobs ADD COLUMN began_at {{integer}}`,
    `ALTER TABLE jobs ADD COLUMN ended_at {{integer}}`,
    `ALTER TABLE jobs ADD COLUMN succeeded_at {{integer}}`,
    `ALTER TABLE jobs ADD COLUMN failing_since {{integer}}`,
    `ALTER TABLE jobs ADD COLUMN last_error {{text}}`,
  ],
}
