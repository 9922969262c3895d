/** Which backup of the metadata a command works with: the one that a person names, or the newest that is whole. */
import type { Config } from '../config/config.ts'
import { checkMetadata, findNewestSound } from '../registry/backup/metadata.ts'
import { BackupDamaged, type MetadataHead } from '../registry/backup/metadata-format.ts'
import type { BackupFolder } from '../storage/backup-folder.ts'
import { backupFolderToRead } from '../storage/filesystem/backup-folder.ts'
import { backupsPath, splitPath } from './metadata-backups.ts'
import { type VolumeFacts, VolumeRefused } from './volume.ts'

export interface ChosenBackup {
  readonly folder: BackupFolder
  readonly file: string
  readonly head: MetadataHead
  /** What is wrong with newer ones. */
  readonly damaged: readonly string[]
}

/** It has been read whole. Throws VolumeRefused, BackupDamaged, BackupTooNew, StorageUnavailable. */
export async function chooseBackup(
  config: Config,
  volume: VolumeFacts,
  choice: 'newest' | { readonly path: string },
): Promise<ChosenBackup> {
  const chosen = choice === 'newest' ? await findBackup(config, volume.root) : await checkNamed(choice.path)
  if (chosen === null) {
    throw new VolumeRefused(
      `There is no backup of the metadata in ${backupsPath(config, volume.root)} that can be read. ` +
        'Name one with --backup, or run "berth reindex" without one.',
    )
  }
  const { registry } = chosen.head
  // A folder without an id of its own has just been given one.
  if (registry === volume.id || volume.isAdopted) return chosen
  throw new VolumeRefused(
    `The backup ${chosen.folder.path}/${chosen.file} is of another registry (${registry}) than ${volume.root} (${volume.id}).`,
  )
}

/** The newest of the server's own that is whole, or null. Throws BackupTooNew, StorageUnavailable. */
export async function findBackup(config: Config, root: string): Promise<ChosenBackup | null> {
  const folder = backupFolderToRead(backupsPath(config, root))
  const { newest, damaged } = await findNewestSound(folder)
  return newest === null ? null : { folder, file: newest.file, head: newest.head, damaged }
}

async function checkNamed(path: string): Promise<ChosenBackup> {
  const { folder: place, file } = splitPath(path)
  const folder = backupFolderToRead(place)
  try {
    return { folder, file, head: (await checkMetadata(folder, file)).head, damaged: [] }
  } catch (error) {
    if (!(error instanceof BackupDamaged)) throw error
    throw new BackupDamaged(`The backup ${path} is damaged. ${error.message} Use another one.`, {
      cause: error,
    })
  }
}
