/**
 * Where the facts lie when the bytes live in memory: a folder of the system's temporary ones, gone with the
 * process. A process that was killed leaves its folder behind; the next Berth removes it, which it can tell
 * from one in use by the writer's lock, even where the process ids of others mean nothing (containers).
 */
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { findWriterLock } from '../metadata/sqlite/lock.ts'
import { NotWritable } from './writable.ts'

const PREFIX = 'berth-memory-'
const DATABASE = 'berth.db'
/** A younger one may belong to a process that has not taken its lock yet. */
const SETTLED_AFTER = 60_000

export interface TemporaryFolder {
  readonly databasePath: string
  remove(): Promise<void>
}

/** Makes a folder below `parent`, and removes those that the dead have left there. Throws NotWritable. */
export async function makeTemporaryFolder(parent: string): Promise<TemporaryFolder> {
  for (const name of await readdir(parent)) {
    // What cannot be looked at belongs to another user.
    if (name.startsWith(PREFIX)) await removeIfLeft(join(parent, name)).catch(() => undefined)
  }
  const folder = await mkdtemp(join(parent, PREFIX)).catch((error) => {
    throw new NotWritable(
      `With storage in memory the database needs a temporary folder, and ${parent} cannot be written (${error.code}). ` +
        'Mount a tmpfs there, or name another folder by TMPDIR.',
    )
  })
  return { databasePath: join(folder, DATABASE), remove: () => rm(folder, { recursive: true, force: true }) }
}

/**
 * In another user's folder, or behind a link, the lock could be any file there is: to look at it would make it, as
 * whoever Berth runs as.
 */
async function removeIfLeft(folder: string): Promise<void> {
  const found = await lstat(folder)
  if (!found.isDirectory() || found.uid !== process.getuid?.()) return
  if (Date.now() - found.mtimeMs < SETTLED_AFTER) return
  const lock = findWriterLock(join(folder, DATABASE))
  if (lock === null) return
  lock.release()
  await rm(folder, { recursive: true })
}
