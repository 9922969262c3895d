/**
 * Brings a registry back from a folder of backups, into an empty data folder (and an empty database): blobs, facts, and
 * the link tree, so that registry:2 could serve it at once. Run again after an interruption, it goes on with the blobs
 * where it was, and begins anew with the rest.
 */
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Settle } from '../metadata/database.ts'
import type { FillableDatabase } from '../metadata/fillable.ts'
import { openPostgresToFill } from '../metadata/postgres/fillable.ts'
import { MIGRATIONS } from '../metadata/schema.ts'
import { openSqliteToFill } from '../metadata/sqlite/fillable.ts'
import { checkBlobList } from '../registry/backup/blob-list.ts'
import { checkMetadata } from '../registry/backup/metadata.ts'
import { BackupDamaged, type RowCounts } from '../registry/backup/metadata-format.ts'
import {
  blobListPath,
  findPoint,
  listPoints,
  metadataPath,
  type Point,
  requireBackupFolder,
} from '../registry/backup/points.ts'
import { type BackupProgress, tellingBlobs } from '../registry/backup/progress.ts'
import { checkBlobs, type Lacking, restoreBlobs } from '../registry/backup/restore-blobs.ts'
import { restoreTree } from '../registry/backup/restore-tree.ts'
import { settleStoredBlobs } from '../registry/backup/stored-blobs.ts'
import { LinkTree } from '../registry/tree/link-tree.ts'
import type { BackupFolder } from '../storage/backup-folder.ts'
import { backupFolderToRead } from '../storage/filesystem/backup-folder.ts'
import { openFilesystemBlobStore } from '../storage/filesystem/blob-store.ts'
import { makeDurableFolder } from '../storage/filesystem/folders.ts'
import { openFilesystemTreeStore } from '../storage/filesystem/tree-store.ts'
import { revisionsFolder } from '../storage/layout.ts'
import { databaseName, fillDatabase, requireEmptyDatabase, sqlitePath } from './fill-database.ts'
import { requireFolder } from './nothing-there.ts'
import { beginRestoring, endRestoring, findRestoring, type Restoring } from './restoring.ts'
import { claimSameFolder, claimVolume, VolumeRefused } from './volume.ts'
import { requireWritableFolders } from './writable.ts'

export interface RestoreOptions {
  readonly config: Config
  /** The folder of backups. */
  readonly directory: string
  /** With what the point's time begins; null for the newest. */
  readonly at: string | null
  readonly onProgress: (progress: BackupProgress) => void
}

export interface Restored extends Lacking {
  readonly point: Point
  readonly counts: RowCounts
}

/** Throws VolumeRefused, VolumeInUse, BackupDamaged, BackupTooNew, StorageUnavailable, DatabaseUnavailable. */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { config } = options
  const root = requireFolder(config.storage)
  const { folder, point } = await openPoint(options)
  await checkFacts(folder, point).catch(tellingOf(folder, point))
  await requireWritableFolders(root)
  await using closers = new AsyncDisposableStack()
  const { facts, lock } = await claimVolume(root, 'exclusive')
  closers.defer(() => lock.release())
  const command = `berth restore ${folder.path} --at ${point.name}`
  const interrupted = await findRestoring(root)
  await requireEmpty(config, root, { hasContent: facts.hasContent, command, interrupted })
  await beginRestoring(root, { command, database: interrupted?.database ?? null })
  const blobs = await openFilesystemBlobStore({ root })
  const onBlob = tellingBlobs(options.onProgress, point)
  const lacking = await restoreBlobs({ folder, point, blobs, onBlob }).catch(tellingOf(folder, point))
  const file = metadataPath(point)
  const { counts } = await fillDatabase({ config, root, folder, file, command })
  await claimSameFolder(root, point.registry)
  await showDatabase(config, root)
  await endRestoring(root)
  return { point, counts, ...lacking }
}

async function openPoint({ directory, at }: Pick<RestoreOptions, 'directory' | 'at'>): Promise<{
  readonly folder: BackupFolder
  readonly point: Point
}> {
  const folder = backupFolderToRead(directory)
  await requireBackupFolder(folder)
  return { folder, point: await findPoint(folder, at) }
}

/** Everything but the blobs, before anything is touched. */
async function checkFacts(folder: BackupFolder, point: Point): Promise<void> {
  await checkMetadata(folder, metadataPath(point))
  await checkBlobList(folder, blobListPath(point), point)
}

/** Says which backup an error is about. */
function tellingOf({ path }: BackupFolder, { name }: Point): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof BackupDamaged)) throw error
    throw new BackupDamaged(
      `The backup of ${name} in ${path} is damaged. ${error.message} Choose another one with --at (--list names them).`,
      { cause: error },
    )
  }
}

interface Found {
  readonly hasContent: boolean
  readonly command: string
  readonly interrupted: Restoring | null
}

/** What an interrupted run has left is no obstacle. Another database than the one that it was filling is one. */
async function requireEmpty(
  config: Config,
  root: string,
  { hasContent, command, interrupted }: Found,
): Promise<void> {
  if (interrupted !== null && interrupted.command !== command) {
    throw new VolumeRefused(
      `"${interrupted.command}" has not come to its end in ${root}: run that again, or empty the folder.`,
    )
  }
  if (interrupted === null || interrupted.database !== databaseName(config, root)) {
    await requireEmptyDatabase(config, sqlitePath(config, root))
  }
  if (!hasContent || interrupted !== null) return
  throw new VolumeRefused(
    `${root} is not empty, and nothing is ever restored over what is there. ` +
      'Name an empty folder with --data, or move what is there away.',
  )
}

/** The folder is made to show what the database holds, at this program's schema. */
async function showDatabase(config: Config, root: string): Promise<void> {
  const tree = new LinkTree(await openFilesystemTreeStore({ root }), null)
  const database = await openFilled(config, root, (session, marks) => tree.settle(session, marks))
  try {
    await settleStoredBlobs({ database, blobs: await openFilesystemBlobStore({ root }), areSound: true })
    await restoreTree({
      database,
      tree,
      makeRepository: (name) => makeDurableFolder(join(root, revisionsFolder(name))),
      onPaths: () => {},
    })
  } finally {
    await database.close()
  }
}

function openFilled(config: Config, root: string, settle: Settle): Promise<FillableDatabase> {
  return config.database.kind === 'postgres'
    ? openPostgresToFill(config.database.url, MIGRATIONS, settle)
    : openSqliteToFill(sqlitePath(config, root), MIGRATIONS, { settle })
}

/** Complete backups, the newest first. Throws BackupDamaged, BackupTooNew, StorageUnavailable. */
export async function listBackups(directory: string): Promise<Point[]> {
  const folder = backupFolderToRead(directory)
  await requireBackupFolder(folder)
  return await listPoints(folder)
}

export interface Checked extends Lacking {
  readonly point: Point
  /** What is wrong with the metadata; null where that is whole. */
  readonly metadata: string | null
}

/** Reads one backup whole, without restoring it. Throws BackupDamaged where its list cannot be read, BackupTooNew, StorageUnavailable. */
export async function checkBackup(options: Omit<RestoreOptions, 'config'>): Promise<Checked> {
  const { folder, point } = await openPoint(options)
  const metadata = await checkMetadata(folder, metadataPath(point)).then(
    () => null,
    (error: unknown) => {
      if (error instanceof BackupDamaged) return error.message
      throw error
    },
  )
  const onBlob = tellingBlobs(options.onProgress, point)
  const lacking = await checkBlobs(folder, point, onBlob).catch(tellingOf(folder, point))
  return { point, metadata, ...lacking }
}
