/**
 * Backs a whole registry up into a folder, beside the server that runs or without one: its database is read on a
 * connection of its own, its blobs as files.
 */
import { resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import { acquireVolumeLock, type VolumeLock } from '../metadata/sqlite/lock.ts'
import { type BackedUp, type BackUpOptions, backUpRegistry } from '../registry/backup/back-up.ts'
import { BackupDamaged } from '../registry/backup/metadata-format.ts'
import { findIdentity } from '../registry/identity.ts'
import type { BackupFolder } from '../storage/backup-folder.ts'
import { openBackupFolder } from '../storage/filesystem/backup-folder.ts'
import { openBlobSource } from '../storage/filesystem/blob-source.ts'
import { holdCondemned } from '../storage/filesystem/condemned-hold.ts'
import { snapshotsOf } from './metadata-backups.ts'
import { NothingThere, requireDatabaseFile, requireFolder } from './nothing-there.ts'
import { VERSION } from './version.ts'

export interface BackUpFolderOptions
  extends Pick<BackUpOptions, 'keep' | 'isDeep' | 'onProgress' | 'signal'> {
  readonly config: Config
  /** Where the backup goes. */
  readonly directory: string
}

/**
 * Throws NothingThere, VolumeInUse where another backup goes into the folder now, BackupDamaged, BackupTooNew,
 * StorageUnavailable, DatabaseUnavailable.
 */
export async function backUp({ config, directory, ...options }: BackUpFolderOptions): Promise<BackedUp> {
  const root = requireFolder(config.storage)
  const { database } = config
  if (database.kind === 'sqlite') requireDatabaseFile(database.path, root)
  const takeSnapshot = snapshotsOf(config, root)
  const registry = await takeSnapshot(findIdentity)
  if (registry === null) throw new NothingThere(NEVER_STARTED)
  requireElsewhere(resolve(directory), root)
  const folder = await openBackupFolder(directory)
  await using closers = new AsyncDisposableStack()
  const lock = lockBackupFolder(folder)
  closers.defer(() => lock.release())
  closers.use(await holdCondemned(root))
  return await backUpRegistry({
    ...options,
    takeSnapshot,
    program: VERSION,
    pause: () => Bun.sleep(0),
    folder,
    registry,
    blobs: await openBlobSource(root),
    source: { folder: root, database: database.kind },
  })
}

const NEVER_STARTED =
  'The database is empty: no server has been started on it yet, so there is nothing to back up.'

/** One at a time works on a folder of backups. Throws VolumeInUse, DatabaseUnavailable. */
export function lockBackupFolder({ path }: BackupFolder): VolumeLock {
  return acquireVolumeLock(`${path}/lock.db`, 'exclusive')
}

function requireElsewhere(directory: string, root: string): void {
  const inside = `${directory}/`.startsWith(`${root}/`) || `${root}/`.startsWith(`${directory}/`)
  if (!inside) return
  throw new BackupDamaged(
    `${directory} and the data folder ${root} must not lie in each other: a backup belongs on another disk.`,
  )
}
