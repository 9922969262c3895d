/**
 * What nothing needs, found without a server: the database is read beside whoever writes to it, and the tree as it
 * stands. Nothing is changed.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { PostgresReader } from '../metadata/postgres/reader.ts'
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
    return { place: { read, files }, close: () => read.close() }
  }
  const path = database.path ?? join(root, databasePath)
  if (!existsSync(path)) {
    throw new NothingThere(
      `Berth has no database at ${path}, so it cannot tell what is needed in ${root}. ` +
        'Start it there once, with the same settings: it reads what other registries have left.',
    )
  }
  const read = new SqliteReader(path)
  return { place: { read, files }, close: () => Promise.resolve(read.close()) }
}
