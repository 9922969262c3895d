/**
 * Builds the database anew from the link tree, with no server on the folder: what the tree tells is read again,
 * and what it cannot tell (accounts, grants, the trash) stays where the database can still be read. A damaged
 * SQLite file is put aside. What a stop in between leaves undone, the next server does beside its requests.
 *
 * With a backup of the metadata, that becomes the database first, and is then compared with the tree as if another
 * registry had worked on it since: so the tree, which is newer, has the last word on what it can tell.
 */
import type { Config } from '../config/config.ts'
import type { Database } from '../metadata/database.ts'
import { setAsideIfDamaged } from '../metadata/sqlite/damaged.ts'
import type { Log } from '../observability/log.ts'
import { type StoredBlobsResult, settleStoredBlobs } from '../registry/backup/stored-blobs.ts'
import { findIdentity } from '../registry/identity.ts'
import { lookAtBlobs } from '../registry/tree/blob-folders.ts'
import { forgetTreeFactsCommand } from '../registry/tree/reindex.commands.ts'
import { beginStartCommand } from '../registry/tree/tree.commands.ts'
import { goThroughTree, type PassOptions, type PassResult } from '../registry/tree/tree-pass.ts'
import { UncheckedTree } from '../registry/tree/unchecked-tree.ts'
import { openFilesystemBlobStore } from '../storage/filesystem/blob-store.ts'
import { openFilesystemTreeToRead } from '../storage/filesystem/tree-store.ts'
import { type ChosenBackup, chooseBackup, findBackup } from './chosen-backup.ts'
import { openOwnDatabase, writerSettings } from './database.ts'
import { fillDatabase } from './fill-database.ts'
import { forgetFindings, tellNewFindings } from './findings.ts'
import { endRestoring } from './restoring.ts'
import {
  claimSameFolder,
  claimSameIdentity,
  claimVolume,
  requireWholeDatabase,
  type VolumeFacts,
  VolumeRefused,
} from './volume.ts'

export interface ReindexOptions extends Pick<PassOptions, 'onProgress' | 'onError'> {
  readonly config: Config
  readonly log: Log
  /** A backup of the metadata to begin with: a file, or the newest of the server's own. Null for none. */
  readonly backup: 'newest' | { readonly path: string } | null
}

export interface Reindexed extends PassResult {
  /** A sentence for each kind of what is odd in the tree. */
  readonly findings: readonly string[]
  /** Where a database lies now that was damaged, or that a backup has replaced; null where there was none. */
  readonly aside: string | null
  /** What came from a backup; null where none was asked for. */
  readonly restored: (ChosenBackup & StoredBlobsResult) | null
  /** The newest backup that could have been used, where none was asked for and the database had been lost. */
  readonly unused: ChosenBackup | null
}

/**
 * Throws VolumeInUse while a server runs, VolumeRefused, DatabaseUnavailable, SchemaTooNew, StorageUnavailable, and with
 * a backup BackupDamaged, BackupTooNew.
 */
export async function reindex(options: ReindexOptions): Promise<Reindexed> {
  const { config, log, backup } = options
  const { driver } = config.storage
  if (driver.kind !== 'filesystem') {
    throw new VolumeRefused('Images in memory have no folder from which their database could be built.')
  }
  await using closers = new AsyncDisposableStack()
  const { facts, lock } = await claimVolume(driver.root, 'exclusive')
  closers.defer(() => lock.release())
  if (backup !== null) return await reindexWithBackup(options, backup, facts, closers)
  // Whether the database is there or not, it becomes this folder's own.
  const volume = { ...facts, isAdopted: true }
  await requireWholeDatabase(volume.root)
  const aside = await setDamagedAside(config, volume, log, closers)
  const { database, isNew } = await openVolumeDatabase(config, volume, log, closers)
  await database.write(forgetTreeFactsCommand, null)
  const passed = await readTree(options, volume, database)
  const unused = isNew ? await findBackup(config, volume.root).catch(nullWithWarning(log)) : null
  return { ...passed, aside, restored: null, unused }
}

async function reindexWithBackup(
  options: ReindexOptions,
  choice: NonNullable<ReindexOptions['backup']>,
  facts: VolumeFacts,
  closers: AsyncDisposableStack,
): Promise<Reindexed> {
  const { config, log } = options
  const chosen = await chooseBackup(config, facts, choice)
  const volume = { ...facts, id: chosen.head.registry, isAdopted: true }
  const { folder, file } = chosen
  const command = 'berth reindex --with-backup'
  const { aside } = await fillDatabase({ config, root: volume.root, folder, file, command })
  await claimSameFolder(volume.root, volume.id)
  const { database } = await openVolumeDatabase(config, volume, log, closers)
  const blobs = await openFilesystemBlobStore(volume)
  const stored = await settleStoredBlobs({ database, blobs, areSound: false })
  const passed = await readTree(options, volume, database)
  await endRestoring(volume.root)
  return { ...passed, aside, restored: { ...chosen, ...stored }, unused: null }
}

async function openVolumeDatabase(
  config: Config,
  volume: VolumeFacts,
  log: Log,
  closers: AsyncDisposableStack,
): Promise<{ readonly database: Database; readonly isNew: boolean }> {
  const { database, close } = await openOwnDatabase(config, volume, log)
  closers.defer(close)
  const isNew = (await findIdentity(database)) === null
  await claimSameIdentity(database, volume)
  await database.write(beginStartCommand, { start: volume.start })
  return { database, isNew }
}

/** Goes through the whole tree, and takes over what the database does not know. */
async function readTree(
  options: ReindexOptions,
  volume: VolumeFacts,
  database: Database,
): Promise<PassResult & Pick<Reindexed, 'findings'>> {
  const files = await openFilesystemTreeToRead(volume)
  const tree = new UncheckedTree({ database, files, start: volume.start })
  const signal = new AbortController().signal
  const result = await goThroughTree(tree, { ...options, process: 'reindex', signal })
  if (result === null) throw new Error('another process goes through a tree that this one holds alone')
  await lookAtBlobs(tree, signal).catch((error: unknown) =>
    options.log.error({ error }, 'not all folders of blobs could be looked through'),
  )
  await forgetFindings(volume.root)
  return { ...result, findings: await tellNewFindings(volume.root, tree.findings.list()) }
}

function nullWithWarning(log: Log): (error: unknown) => null {
  return (error) => {
    log.warn({ error }, 'it could not be told whether there is a backup of the metadata')
    return null
  }
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
