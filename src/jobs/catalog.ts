/** Every job that the clock does, one line each. */
import type { Log } from '../observability/log.ts'
import type { Registry } from '../registry/registry.ts'
import type { Job } from './runner.ts'
import { type Scrubbing, scrubbingJob } from './scrubbing.ts'
import { type UploadPurging, uploadPurgingJob } from './upload-purging.ts'
import { usageCountingJob } from './usage-counting.ts'

export interface CatalogOptions {
  readonly registry: Registry
  /** Null where uploads are never forgotten. */
  readonly uploadPurging: UploadPurging | null
  /** Null where the metadata is not backed up. */
  readonly metadataBackup: Job | null
  /** Null where stored blobs are not hashed again. */
  readonly scrubbing: Scrubbing | null
  readonly log: Log
}

export function jobsOf({ registry, uploadPurging, metadataBackup, scrubbing, log }: CatalogOptions): Job[] {
  return [
    ...(uploadPurging === null ? [] : [uploadPurgingJob(registry, uploadPurging, log)]),
    ...(metadataBackup === null ? [] : [metadataBackup]),
    usageCountingJob(registry),
    ...(scrubbing === null ? [] : [scrubbingJob(registry, scrubbing, log)]),
  ]
}
