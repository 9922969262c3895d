/** Where a server's own backups of the metadata lie, and what they are made of. */
import { isAbsolute, join } from 'node:path'
import type { Config } from '../config/config.ts'
import { postgresSnapshots } from '../metadata/postgres/snapshot.ts'
import type { TakeSnapshot } from '../metadata/snapshot.ts'
import { sqliteSnapshots } from '../metadata/sqlite/snapshot.ts'
import type { OwnBackups } from '../protocols/management/route.ts'
import { listMetadataBackups } from '../registry/backup/metadata.ts'
import { backupFolderToRead } from '../storage/filesystem/backup-folder.ts'
import { backupsFolder } from '../storage/layout.ts'
import { sqlitePath } from './fill-database.ts'

/** The folder that the settings name, or the usual one. */
export function backupsPath({ backup }: Pick<Config, 'backup'>, root: string): string {
  return backup.folder ?? join(root, backupsFolder)
}

/** Snapshots of the database that the settings name, whoever works with it. */
export function snapshotsOf(config: Config, root: string): TakeSnapshot {
  return config.database.kind === 'postgres'
    ? postgresSnapshots(config.database.url)
    : sqliteSnapshots(sqlitePath(config, root))
}

/** Those that are there, whoever made them. Throws StorageUnavailable. */
export async function listOwnBackups(config: Config): Promise<OwnBackups> {
  const { driver } = config.storage
  if (driver.kind !== 'filesystem') return { folder: null, metadata: [] }
  const folder = backupFolderToRead(backupsPath(config, driver.root))
  return { folder: folder.path, metadata: await listMetadataBackups(folder) }
}

/** A folder and a name in it, of a file that a person has named. */
export function splitPath(path: string): { readonly folder: string; readonly file: string } {
  const absolute = isAbsolute(path) ? path : join(process.cwd(), path)
  const slash = absolute.lastIndexOf('/')
  return { folder: absolute.slice(0, slash) || '/', file: absolute.slice(slash + 1) }
}
