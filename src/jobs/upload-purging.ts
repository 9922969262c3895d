/** Uploads that nobody continues are forgotten, now and again (registry:2's `maintenance.uploadpurging`). */
import { countUploads } from '../metadata/uploads.ts'
import type { Log } from '../observability/log.ts'
import { counter, gauge, type Metric } from '../observability/metrics.ts'
import type { Registry } from '../registry/registry.ts'
import { type StepTime, stepTime, UNLIMITED } from '../registry/step-time.ts'
import { discardOrphanedUploads, expireIdleUploads, listExpiredUploads } from '../registry/upload-expiry.ts'
import type { Job } from './runner.ts'

/** Milliseconds, where a run was ended before it was done. */
const PAUSE = 200

export interface UploadPurgingOptions {
  readonly registry: Registry
  readonly everyMilliseconds: number
  /** They are named in the log, and stay. */
  readonly isDryRun: boolean
  readonly log: Log
}

export class UploadPurging {
  readonly #options: UploadPurgingOptions
  #expired = 0

  constructor(options: UploadPurgingOptions) {
    this.#options = options
  }

  get job(): Job {
    const { everyMilliseconds } = this.#options
    return {
      name: 'uploads',
      atLatestMilliseconds: everyMilliseconds,
      run: async (signal) => {
        const time = stepTime({ signal })
        await this.purge(time)
        return { againInMilliseconds: time.isOver ? PAUSE : everyMilliseconds }
      },
    }
  }

  /** Throws DatabaseUnavailable, WriterUnavailable, StorageUnavailable. */
  async purge(time: StepTime = UNLIMITED): Promise<void> {
    const { registry, isDryRun, log } = this.#options
    if (isDryRun) return await nameExpired(registry, log)
    const expired = await expireIdleUploads(registry, time)
    this.#expired += expired
    // What could not be removed when its row went.
    await discardOrphanedUploads(registry, time)
    if (expired > 0) log.info({ expired }, 'uploads that nobody continued were forgotten')
  }

  /** Throws DatabaseUnavailable. */
  async describe(): Promise<Metric[]> {
    const open = await countUploads(this.#options.registry.database)
    return [
      gauge('berth_uploads_open', 'Uploads in progress.', [{ labels: {}, value: open }], 'max'),
      counter('berth_uploads_expired_total', 'Uploads that nobody continued, and that were forgotten.', [
        { labels: {}, value: this.#expired },
      ]),
    ]
  }
}

async function nameExpired(registry: Registry, log: Log): Promise<void> {
  for (const { id, repository, receivedBytes } of await listExpiredUploads(registry)) {
    const fields = { upload: id, repository, bytes: receivedBytes }
    log.info(fields, 'an upload that nobody continues would be forgotten, but uploadpurging.dryrun is set')
  }
}
