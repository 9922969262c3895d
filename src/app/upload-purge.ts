/** Uploads that nobody continues are forgotten, now and again (registry:2's `maintenance.uploadpurging`). */
import type { UploadsConfig } from '../config/config.ts'
import { Periodic } from '../lib/periodic.ts'
import type { Log } from '../observability/log.ts'
import type { Registry } from '../registry/registry.ts'
import { expireIdleUploads, listExpiredUploads } from '../registry/upload-expiry.ts'

type PurgeConfig = Pick<UploadsConfig, 'purgeEveryMilliseconds' | 'purgeIsDryRun'>

/** The first time at once, and then until the closers run. Throws DatabaseUnavailable, StorageUnavailable. */
export async function purgeUploads(
  { purgeEveryMilliseconds, purgeIsDryRun }: PurgeConfig,
  { registry, log }: { readonly registry: Registry; readonly log: Log },
  closers: AsyncDisposableStack,
): Promise<void> {
  if (purgeEveryMilliseconds === null) return
  const purge = () => (purgeIsDryRun ? nameExpired(registry, log) : forgetExpired(registry, log))
  await purge()
  const purging = new Periodic({
    everyMilliseconds: purgeEveryMilliseconds,
    work: purge,
    onError: (error) => log.error({ error }, 'idle uploads could not be looked at; it will be tried again'),
  })
  closers.defer(() => purging.stop())
}

async function forgetExpired(registry: Registry, log: Log): Promise<void> {
  const expired = await expireIdleUploads(registry)
  if (expired > 0) log.info({ expired }, 'uploads that nobody continued were forgotten')
}

async function nameExpired(registry: Registry, log: Log): Promise<void> {
  for (const { id, repository, receivedBytes } of await listExpiredUploads(registry)) {
    const fields = { upload: id, repository, bytes: receivedBytes }
    log.info(fields, 'an upload that nobody continues would be forgotten, but uploadpurging.dryrun is set')
  }
}
