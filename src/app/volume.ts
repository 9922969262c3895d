/**
 * Makes sure that the data folder is Berth's own, and that no other Berth works on it, before anything in it
 * is touched. Asks; the answers that matter are errors with a sentence for the operator.
 */
import { open, readdir, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Database, Read } from '../metadata/database.ts'
import { acquireVolumeLock, type VolumeLock } from '../metadata/sqlite/lock.ts'
import { claimIdentity, findIdentity } from '../registry/identity.ts'
import { makeDurableFolder, syncFolder } from '../storage/filesystem/folders.ts'
import { describeVolume } from '../storage/filesystem/volume.ts'
import { berthFolder, idPath, lockPath, registryFolder } from '../storage/layout.ts'
import { requireWritableFolders } from './writable.ts'

/** The folder cannot be used as it is. The message says why, and what to do. */
export class VolumeRefused extends Error {
  override readonly name = 'VolumeRefused'
}

/** What a writer or a replica must know of the folder, as plain data. */
export interface VolumeFacts {
  readonly root: string
  /** The folder's id; the database must have the same. */
  readonly id: string
  /** Whether the folder already held images when it was claimed. */
  readonly hasContent: boolean
}

export interface ClaimedVolume {
  readonly facts: VolumeFacts
  readonly lock: VolumeLock
}

/**
 * Takes the folder that the configuration names, until the closers run. Null where bytes live in memory.
 * Throws VolumeRefused, VolumeInUse, NotWritable.
 */
export async function claimConfiguredVolume(
  { storage, database }: Config,
  closers: AsyncDisposableStack,
): Promise<VolumeFacts | null> {
  if (storage.driver.kind === 'memory') return null
  await requireWritableFolders(storage.driver.root)
  const mode = database.kind === 'sqlite' ? 'exclusive' : 'shared'
  const { facts, lock } = await claimVolume(storage.driver.root, mode)
  closers.defer(() => lock.release())
  return facts
}

/** Takes the folder: exclusively on SQLite, together with other replicas on PostgreSQL. Throws VolumeRefused, VolumeInUse. */
export async function claimVolume(root: string, mode: 'exclusive' | 'shared'): Promise<ClaimedVolume> {
  await requireOwnTree(root)
  await makeDurableFolder(join(root, berthFolder)).catch((error) => {
    throw new VolumeRefused(
      `The data folder ${root} cannot be written: ${error.message}. Choose another with --data.`,
    )
  })
  const lock = acquireVolumeLock(join(root, lockPath), mode)
  try {
    const id = await findOrCreateId(root)
    return { lock, facts: { root, id, hasContent: await hasEntries(join(root, registryFolder)) } }
  } catch (error) {
    lock.release()
    throw error
  }
}

/**
 * SQLite's locks and shared memory do not work across machines. Gives a warning where it cannot be known.
 * Throws VolumeRefused.
 */
export async function requireLocalDisk(folder: string): Promise<string | null> {
  const { type } = await describeVolume(folder)
  if (type.kind === 'local') return null
  if (type.kind === 'fuse') {
    return `${folder} lies on a FUSE file system: SQLite is safe there only if it keeps POSIX locks and fsync.`
  }
  throw new VolumeRefused(
    `${folder} lies on a network file system (${type.name}), where SQLite would damage its database. ` +
      'Set berth.database.path (BERTH_DATABASE_PATH) to a file on a local disk, or use PostgreSQL (BERTH_DATABASE_URL).',
  )
}

/** The folder and the database must belong together, before the one changes what the other holds. Throws VolumeRefused. */
export async function requireSameIdentity(read: Read, volume: VolumeFacts): Promise<void> {
  const id = await findIdentity(read)
  if (id === null && volume.hasContent) {
    throw new VolumeRefused(
      `The folder ${volume.root} holds images, but the database is empty: it was lost, or is another one. ` +
        'Put the right database back; no image has been changed.',
    )
  }
  if (id !== null) requireId(id, volume)
}

/** Gives an empty database the folder's id: of two folders that come to it at once, one is refused. Throws VolumeRefused. */
export async function claimSameIdentity(database: Database, volume: VolumeFacts): Promise<void> {
  requireId(await claimIdentity(database, volume.id), volume)
}

function requireId(id: string, volume: VolumeFacts): void {
  if (id === volume.id) return
  throw new VolumeRefused(
    `The database belongs to another data folder than ${volume.root} (ids ${id} and ${volume.id}). ` +
      'Check --data and the database; no image has been changed.',
  )
}

/** A tree without Berth's id beside it was written by another registry. */
async function requireOwnTree(root: string): Promise<void> {
  if ((await readId(root)) !== null || !(await hasEntries(join(root, registryFolder)))) return
  throw new VolumeRefused(
    `The folder ${root} was filled by another registry, and this version of Berth cannot take it over yet. ` +
      'Nothing has been changed. Choose an empty folder with --data, and copy the images with a client.',
  )
}

async function findOrCreateId(root: string): Promise<string> {
  const found = await readId(root)
  if (found !== null) return found
  const path = join(root, idPath)
  const file = await open(`${path}.new`, 'w')
  const id: string = crypto.randomUUID()
  await file.writeFile(`${id}\n`)
  await file.sync()
  await file.close()
  await rename(`${path}.new`, path)
  await syncFolder(dirname(path))
  return id
}

async function readId(root: string): Promise<string | null> {
  const text = await readFile(join(root, idPath), 'utf8').catch(nullIfAbsent)
  return text === null || text.trim() === '' ? null : text.trim()
}

async function hasEntries(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(nullIfAbsent)
  return names !== null && names.length > 0
}

function nullIfAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
}
