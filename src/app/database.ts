/**
 * Opens the database for one process: on SQLite a reader here and a way to the writer, which is a thread of
 * this process or a process of its own; on PostgreSQL everything here, the link tree included.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Database } from '../metadata/database.ts'
import { openPostgresDatabase } from '../metadata/postgres/database.ts'
import { MIGRATIONS } from '../metadata/schema.ts'
import { openSqliteDatabase } from '../metadata/sqlite/database.ts'
import { WriterSocket } from '../metadata/sqlite/writer-socket.ts'
import { type Thread, WriterThread } from '../metadata/sqlite/writer-thread.ts'
import type { Log } from '../observability/log.ts'
import { LinkTree } from '../registry/tree/link-tree.ts'
import { StorageUnavailable } from '../storage/blob-store.ts'
import { openFilesystemTreeStore } from '../storage/filesystem/tree-store.ts'
import { databasePath } from '../storage/layout.ts'
import { openMemoryTreeStore } from '../storage/memory/tree-store.ts'
import { keepLinkTree } from './link-tree.ts'
import { requireLocalDisk, requireSameIdentity, type VolumeFacts, VolumeRefused } from './volume.ts'
import type { WriterSettings } from './writer-settings.ts'

export interface OpenedDatabase {
  readonly database: Database
  close(): Promise<void>
}

/** What a command may fail with beside its own refusals, to be the same error on this side of the writer. */
const LINK_OPTIONS = { errors: [StorageUnavailable, VolumeRefused] }

/** Everything in this process: the writer is a thread of it. Throws VolumeRefused, SchemaTooNew, DatabaseUnavailable. */
export async function openOwnDatabase(
  config: Config,
  volume: VolumeFacts | null,
  log: Log,
): Promise<OpenedDatabase> {
  if (config.database.kind === 'postgres') return await openPostgres(config.database.url, volume, log)
  const settings = await writerSettings(config, volume, log)
  const thread = await WriterThread.start({
    ...LINK_OPTIONS,
    spawn: () => new Worker(Bun.main, { workerData: settings } as WorkerOptions) as Thread,
    onDeath: ({ error, restarts }) =>
      log.error({ error }, restarts ? 'the writer died and is started again' : 'the writer died too often'),
  })
  const database = openSqliteDatabase(settings.databasePath, thread)
  return {
    database,
    async close() {
      await database.close()
      if (settings.isTemporary) await rm(dirname(settings.databasePath), { recursive: true, force: true })
    },
  }
}

/** One worker among several: the writer is a process of its own behind `socket`. */
export async function openSharedDatabase(
  config: Config,
  volume: VolumeFacts | null,
  socket: string | null,
  log: Log,
): Promise<OpenedDatabase> {
  if (config.database.kind === 'postgres') return await openPostgres(config.database.url, volume, log)
  if (socket === null) throw new Error('a worker on SQLite needs the socket of its writer')
  const { databasePath: path } = await writerSettings(config, volume, log)
  const database = openSqliteDatabase(path, new WriterSocket(socket, LINK_OPTIONS))
  return { database, close: () => database.close() }
}

/** Where the database lies, and what its writer needs. Throws VolumeRefused on a network file system. */
export async function writerSettings(
  config: Config,
  volume: VolumeFacts | null,
  log: Log,
): Promise<WriterSettings & { readonly isTemporary: boolean }> {
  const chosen = config.database.kind === 'sqlite' ? config.database.path : null
  const usual = volume === null ? null : join(volume.root, databasePath)
  const path = chosen ?? usual
  if (path === null) {
    // Bytes in memory are gone with the process, and so are the facts about them.
    const folder = await mkdtemp(join(tmpdir(), 'berth-'))
    return { databasePath: join(folder, 'berth.db'), volume, log: config.log, isTemporary: true }
  }
  const warning = await requireLocalDisk(dirname(path))
  if (warning !== null) log.warn({}, warning)
  return { databasePath: path, volume, log: config.log, isTemporary: false }
}

async function openPostgres(url: string, volume: VolumeFacts | null, log: Log): Promise<OpenedDatabase> {
  const tree = new LinkTree(volume === null ? openMemoryTreeStore() : await openFilesystemTreeStore(volume))
  const database = await openPostgresDatabase({
    url,
    migrations: MIGRATIONS,
    settle: (session, marks) => tree.settle(session, marks),
  })
  if (volume !== null) await requireSameIdentity(database, volume)
  const kept = await keepLinkTree(tree, database, log)
  return {
    database,
    async close() {
      await kept.stop()
      await database.close()
    },
  }
}
