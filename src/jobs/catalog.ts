/** Every job that the clock does, one line each. */
import type { Log } from '../observability/log.ts'
import { collectOnce } from '../registry/gc/collect.ts'
import type { Registry } from '../registry/registry.ts'
import { collectionJob } from './collection.ts'
import type { CollectionCounts } from './collection-counts.ts'
import type { Job } from './runner.ts'
import { type Scrubbing, scrubbingJob } from './scrubbing.ts'
import { trashPurgingJob } from './trash-purging.ts'
import { untaggedReviewingJob } from './untagged-reviewing.ts'
import { usageCountingJob } from './usage-counting.ts'

export interface CatalogOptions {
  readonly registry: Registry
  /** Whether what nothing needs is deleted. */
  readonly collects: boolean
  readonly collected: CollectionCounts
  /** Null where uploads are never forgotten. */
  readonly uploadPurging: Job | null
  /** Null where the metadata is not backed up. */
  readonly metadataBackup: Job | null
  /** Null where stored blobs are not hashed again. */
  readonly scrubbing: Scrubbing | null
  readonly log: Log
}

export function jobsOf(options: CatalogOptions): Job[] {
  const { registry, collects, uploadPurging, metadataBackup, scrubbing, log } = options
  const jobs = [
    collects ? collectionOf(options) : null,
    uploadPurging,
    metadataBackup,
    usageCountingJob(registry),
    trashPurgingJob(registry, log),
    untaggedReviewingJob(registry, log),
    scrubbing === null ? null : scrubbingJob(registry, scrubbing, log),
  ]
  return jobs.filter((job) => job !== null)
}

function collectionOf({ registry, collected, log }: CatalogOptions): Job {
  const { grace, lease, condemnedFor, unlinkAfter } = registry.policy.collection
  return collectionJob({
    async collect(signal) {
      const step = await collectOnce(registry, { signal })
      collected.add(step)
      return step
    },
    soonestMilliseconds: Math.min(grace, lease, condemnedFor, unlinkAfter),
    log,
  })
}
