/** Uploads that nobody continues are forgotten, now and again (registry:2's `maintenance.uploadpurging`). */
import type { Log } from '../observability/log.ts'
import type { Registry } from '../registry/registry.ts'
import { expireIdleUploads, listExpiredUploads } from '../registry/upload-expiry.ts'
import type { Job } from './runner.ts'

export interface UploadPurging {
  readonly everyMilliseconds: number
  /** They are named in the log, and stay. */
  readonly isDryRun: boolean
}

export function uploadPurgingJob(registry: Registry, purging: UploadPurging, log: Log): Job {
  return {
    name: 'uploads',
    atLatestMilliseconds: purging.everyMilliseconds,
    async run() {
      await purgeUploads(registry, purging, log)
      return { againInMilliseconds: purging.everyMilliseconds }
    },
  }
}

/** Throws DatabaseUnavailable, WriterUnavailable, StorageUnavailable. */
export async function purgeUploads(
  registry: Registry,
  { isDryRun }: Pick<UploadPurging, 'isDryRun'>,
  log: Log,
): Promise<void> {
  if (isDryRun) return await nameExpired(registry, log)
  const expired = await expireIdleUploads(registry)
  if (expired > 0) log.info({ expired }, 'uploads that nobody continued were forgotten')
}

async function nameExpired(registry: Registry, log: Log): Promise<void> {
  for (const { id, repository, receivedBytes } of await listExpiredUploads(registry)) {
    const fields = { upload: id, repository, bytes: receivedBytes }
    log.info(fields, 'an upload that nobody continues would be forgotten, but uploadpurging.dryrun is set')
  }
}
