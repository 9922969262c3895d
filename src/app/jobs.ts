/** The jobs of the clock, in the one process of each replica that does them, and what is told of them. */
import type { Config } from '../config/config.ts'
import { jobsOf } from '../jobs/catalog.ts'
import { type CollectionCounts, describeCollection } from '../jobs/collection-counts.ts'
import { type Job, JobRunner } from '../jobs/runner.ts'
import { UploadPurging } from '../jobs/upload-purging.ts'
import type { Read } from '../metadata/database.ts'
import { listJobs } from '../metadata/jobs.ts'
import type { Log } from '../observability/log.ts'
import { gauge, type Metric } from '../observability/metrics.ts'
import type { JobState } from '../protocols/management/route.ts'
import type { Obstacles } from '../registry/obstacles.ts'
import type { Registry } from '../registry/registry.ts'
import { metadataBackupJob } from './metadata-backup-job.ts'
import type { AppMetrics } from './metrics.ts'
import { describeTrash } from './trash-metrics.ts'
import { describeUsage } from './usage.ts'
import { describeVerification } from './verification.ts'

export interface JobsOptions {
  readonly config: Config
  readonly registry: Registry
  readonly log: Log
  readonly metrics: AppMetrics
  readonly obstacles: Pick<Obstacles, 'notice'>
  readonly collected: CollectionCounts
}

/**
 * Until the closers run. What is old when a server starts is forgotten before it answers, as its clients expect it.
 * Throws DatabaseUnavailable, WriterUnavailable, StorageUnavailable.
 */
export async function openJobs(
  { config, registry, log, metrics, obstacles, collected }: JobsOptions,
  closers: AsyncDisposableStack,
): Promise<void> {
  const uploadPurging = await purgeUploads({ config, registry, log, metrics })
  const metadataBackup = metadataBackupJob({ config, log, metrics })
  const jobs = jobsOf({
    registry,
    collects: config.collection.isEnabled,
    collected,
    uploadPurging,
    metadataBackup,
    scrubbing: config.scrub,
    log,
  })
  const runner = new JobRunner({
    jobs,
    database: registry.database,
    process: registry.uploads.process,
    log,
    isTold: (error) => obstacles.notice(error),
  })
  closers.defer(() => runner.stop())
  metrics.alsoDescribe(() => describeJobs(runner, registry.database))
  metrics.alsoDescribe(() => describeCollection(registry))
  metrics.alsoDescribe(() => describeUsage(registry.database))
  metrics.alsoDescribe(() => describeVerification(registry.database))
  metrics.alsoDescribe(() => describeTrash(registry.database))
}

/** Once, and then as a job. Null where uploads are never forgotten. */
async function purgeUploads({
  config,
  registry,
  log,
  metrics,
}: Omit<JobsOptions, 'obstacles' | 'collected'>): Promise<Job | null> {
  const { purgeEveryMilliseconds: everyMilliseconds, purgeIsDryRun: isDryRun } = config.uploads
  if (everyMilliseconds === null) return null
  const purging = new UploadPurging({ registry, everyMilliseconds, isDryRun, log })
  await purging.purge()
  metrics.alsoDescribe(() => purging.describe())
  return purging.job
}

/** What became of the jobs, whichever replica did them. Throws DatabaseUnavailable. */
export async function jobStates(read: Read): Promise<JobState[]> {
  const now = Date.now()
  const rows = await listJobs(read)
  return rows.map(({ name, owner, leaseUntil, dueAt, succeededAt, failures, failingSince, lastError }) => ({
    name,
    isRunning: owner !== null && leaseUntil >= now,
    dueAt,
    succeededAt,
    failures,
    failingSince,
    lastError,
  }))
}

/** What this process has run of the jobs, and what became of all of them. Throws DatabaseUnavailable. */
async function describeJobs(runner: JobRunner, read: Read): Promise<Metric[]> {
  const jobs = await listJobs(read)
  return [
    ...runner.counts.describe(),
    gauge(
      'berth_job_failures',
      'How often in a row the job has failed; 0 where it works.',
      jobs.map(({ name, failures }) => ({ labels: { job: name }, value: failures })),
      'max',
    ),
    gauge(
      'berth_job_last_success_timestamp_seconds',
      'When a step of the job succeeded last.',
      jobs.flatMap(({ name, succeededAt }) =>
        succeededAt === null ? [] : [{ labels: { job: name }, value: succeededAt / 1000 }],
      ),
      'max',
    ),
  ]
}
