/**
 * Makes sure that no other Berth works on the data folder, and that it belongs to the database, before anything
 * in it is touched. A folder that another registry filled becomes Berth's own by getting an id. Asks; the answers
 * that matter are errors with a sentence for the operator.
 */
import { opendir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Config } from '../config/config.ts'
import { shellWord } from '../lib/shell-word.ts'
import { replaceFile } from '../lib/whole-file.ts'
import type { Database, Read } from '../metadata/database.ts'
import { acquireVolumeLock, VolumeInUse, type VolumeLock } from '../metadata/sqlite/lock.ts'
import { claimIdentity, findIdentity } from '../registry/identity.ts'
import { hasDurableManifest } from '../registry/tree/lost-tree.ts'
import { makeDurableFolder, syncFolder } from '../storage/filesystem/folders.ts'
import { describeVolume } from '../storage/filesystem/volume.ts'
import {
  adoptingPath,
  berthFolder,
  idPath,
  lockPath,
  registryFolder,
  repositoriesFolder,
  startPath,
} from '../storage/layout.ts'
import { findRestoring } from './restoring.ts'
import { requireOneFileSystem, requireWritableFolders } from './writable.ts'

/** The folder cannot be used as it is. The message says why, and what to do. */
export class VolumeRefused extends Error {
  override readonly name = 'VolumeRefused'
}

/** What a writer or a replica must know of the folder, as plain data. */
export interface VolumeFacts {
  readonly root: string
  /** The folder's id; the database must have the same. */
  readonly id: string
  /** This start's id: from when nobody held the folder until nobody does again. Meanwhile no other registry works on it. */
  readonly start: string
  /** Whether the folder already held images when it was claimed. */
  readonly hasContent: boolean
  /** Another registry filled it, and no database has been told its id yet. */
  readonly isAdopted: boolean
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
  await requireWholeDatabase(storage.driver.root)
  if (!storage.readOnly) await requireOneFileSystem(storage.driver.root)
  const mode = database.kind === 'sqlite' ? 'exclusive' : 'shared'
  const { facts, lock } = await claimVolume(storage.driver.root, mode)
  closers.defer(() => lock.release())
  return facts
}

/** Throws VolumeRefused where the database is being filled from a backup, or was when that was interrupted. */
export async function requireWholeDatabase(root: string): Promise<void> {
  const interrupted = await findRestoring(root)
  if (interrupted === null) return
  throw new VolumeRefused(
    `The database of ${root} is not whole: "${interrupted.command}" has not come to its end. Run it again.`,
  )
}

/** Takes the folder: exclusively on SQLite, together with other replicas on PostgreSQL. Throws VolumeRefused, VolumeInUse. */
export async function claimVolume(root: string, mode: 'exclusive' | 'shared'): Promise<ClaimedVolume> {
  await makeDurableFolder(join(root, berthFolder)).catch((error) => {
    throw new VolumeRefused(
      `The data folder ${root} cannot be written: ${error.message}. Choose another with --data.`,
    )
  })
  return mode === 'exclusive' ? await claimAlone(root) : await claimTogether(root)
}

async function claimAlone(root: string): Promise<ClaimedVolume> {
  const lock = acquireVolumeLock(join(root, lockPath), 'exclusive')
  return await orRelease(lock, async () => ({ lock, facts: await factsOf(root, crypto.randomUUID()) }))
}

/**
 * Whoever finds that nobody holds the folder begins a new start, and alone: so all who hold it together read the
 * same one, and the first has made the folder's id when the others look for it.
 */
async function claimTogether(root: string): Promise<ClaimedVolume> {
  const alone = findVolumeLock(root)
  if (alone !== null) {
    await orRelease(alone, async () => {
      await findOrCreateId(root)
      await writeDurably(join(root, startPath), crypto.randomUUID())
    })
    alone.release()
  }
  const lock = await acquireShared(root)
  return await orRelease(lock, async () => {
    const start = await readLine(join(root, startPath))
    if (start === null) throw new Error(`${join(root, startPath)} is missing although the folder is in use`)
    return { lock, facts: await factsOf(root, start) }
  })
}

function findVolumeLock(root: string): VolumeLock | null {
  try {
    return acquireVolumeLock(join(root, lockPath), 'exclusive')
  } catch (error) {
    if (error instanceof VolumeInUse) return null
    throw error
  }
}

/** How long another replica may take to begin a start, in milliseconds. */
const SHARED_PATIENCE = 2_000
const LOOK_AGAIN = 20

async function acquireShared(root: string): Promise<VolumeLock> {
  const deadline = performance.now() + SHARED_PATIENCE
  for (;;) {
    try {
      return acquireVolumeLock(join(root, lockPath), 'shared')
    } catch (error) {
      if (!(error instanceof VolumeInUse) || performance.now() > deadline) throw error
      await Bun.sleep(LOOK_AGAIN)
    }
  }
}

async function orRelease<T>(lock: VolumeLock, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    lock.release()
    throw error
  }
}

async function factsOf(root: string, start: string): Promise<VolumeFacts> {
  const id = await findOrCreateId(root)
  const hasContent = await hasEntries(join(root, registryFolder))
  const isAdopted = (await readLine(join(root, adoptingPath))) !== null
  return { root, id, start, hasContent, isAdopted }
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

/** Both of the next two; `databasePath` is where it lies, null on PostgreSQL. Throws VolumeRefused. */
export async function requireOwnVolume(
  read: Read,
  volume: VolumeFacts,
  databasePath: string | null,
): Promise<void> {
  await requireSameIdentity(read, volume)
  await requireTree(read, volume, databasePath)
}

/** The folder and the database must belong together, before the one changes what the other holds. Throws VolumeRefused. */
export async function requireSameIdentity(read: Read, volume: VolumeFacts): Promise<void> {
  const id = await findIdentity(read)
  if (id === null && volume.hasContent && !volume.isAdopted) {
    throw new VolumeRefused(
      `The folder ${volume.root} holds images, but the database is empty: it was lost, or is another one. ` +
        'Put the right database back, or build a new one from the folder with "berth reindex", which brings back ' +
        'all images, but neither the history of tags nor uploads that were under way. No image has been changed.',
    )
  }
  if (id !== null) requireId(id, volume)
}

/**
 * A folder without any repository, although the database knows images that have long been durable there, is most
 * likely a volume that is not mounted: it must not pass for one whose images were all deleted. Throws VolumeRefused.
 */
async function requireTree(read: Read, { root }: VolumeFacts, databasePath: string | null): Promise<void> {
  const folder = join(root, repositoriesFolder)
  if ((await hasEntries(folder)) || !(await hasDurableManifest(read))) return
  throw new VolumeRefused(
    `The folder ${folder} is missing or empty, but the database knows images in it. Is the volume mounted? ` +
      'Put the folder back. If all images are really gone, ' +
      (databasePath === null
        ? 'name an empty database in berth.database.url, and start Berth again.'
        : `remove the database too (rm ${shellWord(databasePath)}*), and start Berth again.`),
  )
}

/** Makes this the folder's id, for the database that is restored has it. */
export async function claimSameFolder(root: string, id: string): Promise<void> {
  await writeDurably(join(root, idPath), id)
  await rm(join(root, adoptingPath), { force: true })
}

/** Gives an empty database the folder's id: of two folders that come to it at once, one is refused. Throws VolumeRefused. */
export async function claimSameIdentity(database: Database, volume: VolumeFacts): Promise<void> {
  requireId(await claimIdentity(database, volume.id), volume)
  if (volume.isAdopted) await rm(join(volume.root, adoptingPath), { force: true })
}

function requireId(id: string, volume: VolumeFacts): void {
  if (id === volume.id) return
  throw new VolumeRefused(
    `The database belongs to another data folder than ${volume.root} (ids ${id} and ${volume.id}). ` +
      'Check --data and the database; no image has been changed.',
  )
}

/** What another registry has filled is first noted as such: for until a database has been told the id, one without it was not lost. */
async function findOrCreateId(root: string): Promise<string> {
  const found = await readLine(join(root, idPath))
  if (found !== null) return found
  if (await hasEntries(join(root, registryFolder))) await writeDurably(join(root, adoptingPath), 'by Berth')
  const id: string = crypto.randomUUID()
  await writeDurably(join(root, idPath), id)
  return id
}

async function writeDurably(path: string, line: string): Promise<void> {
  await replaceFile({ path, text: `${line}\n`, mode: 0o644 })
  await syncFolder(dirname(path))
}

async function readLine(path: string): Promise<string | null> {
  const text = await readFile(path, 'utf8').catch(nullIfAbsent)
  return text === null || text.trim() === '' ? null : text.trim()
}

async function hasEntries(folder: string): Promise<boolean> {
  const entries = await opendir(folder).catch(nullIfAbsent)
  if (entries === null) return false
  const first = await entries.read()
  await entries.close()
  return first !== null
}

function nullIfAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
}
