/** Every job that the clock does, one line each. */
import type { Log } from '../observability/log.ts'
import type { Registry } from '../registry/registry.ts'
import type { Job } from './runner.ts'
import { type Scrubbing, scrubbingJob } from './scrubbing.ts'
import { trashPurgingJob } from './trash-purging.ts'
import { untaggedReviewingJob } from './untagged-reviewing.ts'
import { usageCountingJob } from './usage-counting.ts'

export interface CatalogOptions {
  readonly registry: Registry
  /** Null where uploads are never forgotten. */
  readonly uploadPurging: Job | null
  /** Null where the metadata is not backed up. */
  readonly metadataBackup: Job | null
  /** Null where stored blobs are not hashed again. */
  readonly scrubbing: Scrubbing | null
  readonly log: Log
}

export function jobsOf({ registry, uploadPurging, metadataBackup, scrubbing, log }: CatalogOptions): Job[] {
  const jobs = [
    uploadPurging,
    metadataBackup,
    usageCountingJob(registry),
    trashPurgingJob(registry, log),
    untaggedReviewingJob(registry, log),
    scrubbing === null ? null : scrubbingJob(registry, scrubbing, log),
  ]
  return jobs.filter((job) => job !== null)
}
