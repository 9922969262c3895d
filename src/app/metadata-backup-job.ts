/**
 * The server's own backups of the metadata: one when the last is older than the settings say, found by the files
 * themselves, so that neither a restart nor another replica makes one more.
 */
import type { Config } from '../config/config.ts'
import type { Job } from '../jobs/runner.ts'
import { messageOf } from '../lib/thrown.ts'
import type { Log } from '../observability/log.ts'
import { counter, gauge, type Metric } from '../observability/metrics.ts'
import { backUpMetadata, listMetadataBackups, type MetadataBackup } from '../registry/backup/metadata.ts'
import type { BackupFolder } from '../storage/backup-folder.ts'
import { openBackupFolder } from '../storage/filesystem/backup-folder.ts'
import { openScratchDatabase } from './fill-database.ts'
import { backupsPath, snapshotsOf } from './metadata-backups.ts'
import type { AppMetrics } from './metrics.ts'
import { VERSION } from './version.ts'

export interface MetadataBackupOptions {
  readonly config: Config
  readonly log: Log
  readonly metrics: Pick<AppMetrics, 'alsoDescribe'>
}

/** Null where the settings say never, or everything is in memory. */
export function metadataBackupJob({ config, log, metrics }: MetadataBackupOptions): Job | null {
  const { driver } = config.storage
  const every = config.backup.everyMilliseconds
  if (every === null || driver.kind !== 'filesystem') return null
  const backups = new MetadataBackups({ config, root: driver.root, log, every })
  metrics.alsoDescribe(() => backups.describe())
  return {
    name: 'metadata-backup',
    atLatestMilliseconds: every,
    run: (signal) => backups.backUpMetadataOnce(signal),
  }
}

/** A server that starts has better things to do. */
const AFTER_START = 60_000

interface Place {
  readonly config: Config
  /** The data folder. */
  readonly root: string
  readonly log: Log
  /** Milliseconds. */
  readonly every: number
}

class MetadataBackups {
  readonly #place: Place
  /** Milliseconds since 1970. */
  readonly #notBefore: number
  #folder: BackupFolder | null = null
  #newest: MetadataBackup | null = null
  #failures = 0

  constructor(place: Place) {
    this.#place = place
    this.#notBefore = Date.now() + Math.min(place.every, AFTER_START)
  }

  /** Makes a backup where one is due, and says when to ask again. Throws what keeps it from being made, with what to do. */
  async backUpMetadataOnce(signal: AbortSignal): Promise<{ readonly againInMilliseconds: number }> {
    const { config, root, every } = this.#place
    try {
      this.#folder ??= await openBackupFolder(backupsPath(config, root))
      this.#newest = (await listMetadataBackups(this.#folder))[0] ?? null
      const left = Math.max((this.#newest?.madeAt ?? 0) + every, this.#notBefore) - Date.now()
      if (left > 0) return { againInMilliseconds: Math.min(left, every) }
      await this.#backUp(this.#folder, signal)
      return { againInMilliseconds: every }
    } catch (error) {
      if (signal.aborted) throw error
      this.#failures++
      throw new Error(
        `The metadata could not be backed up: ${messageOf(error)} The backups that were made before are kept.`,
        { cause: error },
      )
    }
  }

  async #backUp(folder: BackupFolder, signal: AbortSignal): Promise<void> {
    const { config, root, log } = this.#place
    const began = performance.now()
    this.#newest = await backUpMetadata({
      folder,
      rotation: config.backup.keep,
      takeSnapshot: snapshotsOf(config, root),
      program: VERSION,
      pause: pacing(signal),
      openScratch: (schema) => openScratchDatabase(folder.path, schema),
    })
    const seconds = Math.round(performance.now() - began) / 1000
    const { file, bytes } = this.#newest
    log.debug({ file, bytes, seconds }, 'the metadata has been backed up')
  }

  /** To be told by one process of a server. */
  describe(): Metric[] {
    const newest = this.#newest
    const known = newest === null ? [] : [newest]
    return [
      gauge(
        'berth_backup_last_success_timestamp_seconds',
        'When the metadata was backed up last, in seconds since 1970.',
        known.map(({ madeAt }) => ({ labels: {}, value: madeAt / 1000 })),
        'max',
      ),
      gauge(
        'berth_backup_bytes',
        'The size of the last backup of the metadata.',
        known.map(({ bytes }) => ({ labels: {}, value: bytes })),
        'max',
      ),
      counter('berth_backup_failures_total', 'Backups of the metadata that could not be made.', [
        { labels: {}, value: this.#failures },
      ]),
    ]
  }
}

/** Milliseconds for which a backup takes its time: a step of a job that takes very long is ended. */
const UNHURRIED = 180_000

/** Half of the time belongs to whoever else works in this process. */
function pacing(signal: AbortSignal): (milliseconds: number) => Promise<void> {
  const began = performance.now()
  return async (milliseconds) => {
    await Bun.sleep(performance.now() - began < UNHURRIED ? Math.ceil(milliseconds) : 0)
    signal.throwIfAborted()
  }
}
