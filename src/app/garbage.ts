/**
 * What nothing needs, found without a server: the database is read beside whoever writes to it, and the tree as it
 * stands. Nothing is changed.
 */
import { stat } from 'node:fs/promises'
import type { Config } from '../config/config.ts'
import type { Read } from '../metadata/database.ts'
import { PostgresReader } from '../metadata/postgres/reader.ts'
import { findSetting, START_SETTING } from '../metadata/settings.ts'
import { SqliteReader } from '../metadata/sqlite/reader.ts'
import type { GarbagePlace } from '../registry/gc/garbage.ts'
import { openFilesystemTreeToRead } from '../storage/filesystem/tree-store.ts'
import { requireDatabaseFile, requireFolder } from './nothing-there.ts'

export interface OpenedGarbagePlace {
  readonly place: GarbagePlace
  close(): Promise<void>
}

/** Throws NothingThere, DatabaseUnavailable. */
export async function openGarbagePlace({ storage, database }: Config): Promise<OpenedGarbagePlace> {
  const root = requireFolder(storage)
  const files = await openFilesystemTreeToRead({ root })
  if (database.kind === 'postgres') {
    const read = new PostgresReader(database.url)
    const place = { read, files, start: await lastStart(read), knownUntil: null }
    return { place, close: () => read.close() }
  }
  const path = requireDatabaseFile(database.path, root)
  const knownUntil = await lastWrite(path)
  const read = new SqliteReader(path)
  const place = { read, files, start: await lastStart(read), knownUntil }
  return { place, close: () => Promise.resolve(read.close()) }
}

/** The last one that there was. Where there was none, nothing of the tree is known. */
async function lastStart(read: Read): Promise<string> {
  return (await findSetting(read, START_SETTING)) ?? ''
}

/** When the database heard something for the last time. The files are not opened, for that would drop locks. */
async function lastWrite(path: string): Promise<number> {
  const files = await Promise.all([path, `${path}-wal`].map((each) => stat(each).catch(() => null)))
  return Math.max(...files.map((file) => file?.mtimeMs ?? 0))
}
