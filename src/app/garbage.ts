/**
 * What nothing needs, found without a server: the database is read beside whoever writes to it, and the tree as it
 * stands. Nothing is changed.
 */
import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Read } from '../metadata/database.ts'
import { PostgresReader } from '../metadata/postgres/reader.ts'
import { findSetting, START_SETTING } from '../metadata/settings.ts'
import { SqliteReader } from '../metadata/sqlite/reader.ts'
import type { GarbagePlace } from '../registry/gc/garbage.ts'
import { openFilesystemTreeStore } from '../storage/filesystem/tree-store.ts'
import { databasePath } from '../storage/layout.ts'

/** There is nothing to look at. The message says why, and what to do. */
export class NothingThere extends Error {
  override readonly name = 'NothingThere'
}

export interface OpenedGarbagePlace {
  readonly place: GarbagePlace
  close(): Promise<void>
}

/** Throws NothingThere, DatabaseUnavailable. */
export async function openGarbagePlace({ storage, database }: Config): Promise<OpenedGarbagePlace> {
  if (storage.driver.kind === 'memory') {
    throw new NothingThere(
      'Storage is in memory, so there is nothing to collect: it is gone when Berth stops.',
    )
  }
  const { root } = storage.driver
  const files = await openFilesystemTreeStore({ root })
  if (database.kind === 'postgres') {
    const read = new PostgresReader(database.url)
    const place = { read, files, start: await lastStart(read), knownUntil: null }
    return { place, close: () => read.close() }
  }
  const path = database.path ?? join(root, databasePath)
  if (!existsSync(path)) {
    throw new NothingThere(
      `Berth has no database at ${path}, so it cannot tell what is needed in ${root}. ` +
        'Start it there once, with the same settings: it reads what other registries have left.',
    )
  }
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
