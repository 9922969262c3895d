/**
 * Builds the database anew from the link tree, with no server on the folder: what the tree tells is read again,
 * and what it cannot tell (accounts, grants, the trash) stays where the database can still be read. A damaged
 * SQLite file is put aside. What a stop in between leaves undone, the next server does beside its requests.
 */
import type { Config } from '../config/config.ts'
import { setAsideIfDamaged } from '../metadata/sqlite/damaged.ts'
import type { Log } from '../observability/log.ts'
import { lookAtBlobs } from '../registry/tree/blob-folders.ts'
import { forgetTreeFactsCommand } from '../registry/tree/reindex.commands.ts'
import { beginStartCommand } from '../registry/tree/tree.commands.ts'
import { goThroughTree, type PassOptions, type PassResult } from '../registry/tree/tree-pass.ts'
import { UncheckedTree } from '../registry/tree/unchecked-tree.ts'
import { openFilesystemTreeToRead } from '../storage/filesystem/tree-store.ts'
import { openOwnDatabase, writerSettings } from './database.ts'
import { forgetFindings, tellNewFindings } from './findings.ts'
import { claimSameIdentity, claimVolume, type VolumeFacts, VolumeRefused } from './volume.ts'

export interface ReindexOptions extends Pick<PassOptions, 'onProgress' | 'onError'> {
  readonly config: Config
  readonly log: Log
}

export interface Reindexed extends PassResult {
  /** A sentence for each kind of what is odd in the tree. */
  readonly findings: readonly string[]
  /** Where a damaged database lies now; null where there was none. */
  readonly aside: string | null
}

/** Throws VolumeInUse while a server runs, VolumeRefused, DatabaseUnavailable, SchemaTooNew, StorageUnavailable. */
export async function reindex(options: ReindexOptions): Promise<Reindexed> {
  const { config, log } = options
  const { driver } = config.storage
  if (driver.kind !== 'filesystem') {
    throw new VolumeRefused('Images in memory have no folder from which their database could be built.')
  }
  await using closers = new AsyncDisposableStack()
  const { facts, lock } = await claimVolume(driver.root, 'exclusive')
  closers.defer(() => lock.release())
  // Whether the database is there or not, it becomes this folder's own.
  const volume = { ...facts, isAdopted: true }
  const aside = await setDamagedAside(config, volume, log, closers)
  const { database, close } = await openOwnDatabase(config, volume, log)
  closers.defer(close)
  await claimSameIdentity(database, volume)
  await database.write(beginStartCommand, { start: volume.start })
  await database.write(forgetTreeFactsCommand, null)
  const files = await openFilesystemTreeToRead(volume)
  const tree = new UncheckedTree({ database, files, start: volume.start })
  const signal = new AbortController().signal
  const result = await goThroughTree(tree, { ...options, process: 'reindex', signal })
  if (result === null) throw new Error('another process goes through a tree that this one holds alone')
  await lookAtBlobs(tree, signal).catch((error: unknown) =>
    log.error({ error }, 'not all folders of blobs could be looked through'),
  )
  await forgetFindings(volume.root)
  const findings = await tellNewFindings(volume.root, tree.findings.list())
  return { ...result, findings, aside }
}

/** PostgreSQL looks after its own files. */
async function setDamagedAside(
  config: Config,
  volume: VolumeFacts,
  log: Log,
  closers: AsyncDisposableStack,
): Promise<string | null> {
  if (config.database.kind !== 'sqlite') return null
  return setAsideIfDamaged((await writerSettings(config, volume, log, closers)).databasePath)
}
