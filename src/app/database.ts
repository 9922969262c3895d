/**
 * Opens the database for one process: on SQLite a reader here and a way to the writer, which is a thread of
 * this process or a process of its own; on PostgreSQL everything here, the link tree included.
 */
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Config, DatabaseChoice } from '../config/config.ts'
import { findBootId } from '../lib/boot-id.ts'
import type { Database } from '../metadata/database.ts'
import { openPostgresDatabase } from '../metadata/postgres/database.ts'
import { MIGRATIONS } from '../metadata/schema.ts'
import { openSqliteDatabase } from '../metadata/sqlite/database.ts'
import { acquireWriterLock } from '../metadata/sqlite/lock.ts'
import { WriterSocket } from '../metadata/sqlite/writer-socket.ts'
import { type Thread, WriterThread } from '../metadata/sqlite/writer-thread.ts'
import type { Log } from '../observability/log.ts'
import { LinkTree } from '../registry/tree/link-tree.ts'
import { StorageFull, StorageReadOnly, StorageUnavailable } from '../storage/blob-store.ts'
import { openFilesystemTreeStore } from '../storage/filesystem/tree-store.ts'
import { databasePath } from '../storage/layout.ts'
import { openMemoryTreeStore } from '../storage/memory/tree-store.ts'
import { keepLinkTree } from './link-tree.ts'
import { makeTemporaryFolder } from './temporary-folder.ts'
import { requireLocalDisk, requireOwnVolume, type VolumeFacts, VolumeRefused } from './volume.ts'
import type { WriterAddress, WriterSettings } from './writer-settings.ts'

export interface OpenedDatabase {
  readonly database: Database
  /** Rejects when this process can write no more, and had better end. Never resolves. */
  readonly broken: Promise<never>
  close(): Promise<void>
}

/** What a command may fail with beside its own refusals, to be the same error on this side of the writer. */
const LINK_OPTIONS = { errors: [StorageUnavailable, StorageFull, StorageReadOnly, VolumeRefused] }

/** Everything in this process: the writer is a thread of it. Throws VolumeRefused, VolumeInUse, SchemaTooNew, DatabaseUnavailable. */
export function openOwnDatabase(
  config: Config,
  volume: VolumeFacts | null,
  log: Log,
): Promise<OpenedDatabase> {
  if (config.database.kind === 'postgres') return openPostgres(config, config.database, volume, log)
  return closingOnFailure(async (closers) => {
    const settings = await writerSettings(config, volume, log, closers)
    const lock = await acquireWriterLock(settings.databasePath)
    closers.defer(() => lock.release())
    const { thread, broken } = await startThread(settings, log)
    closers.defer(() => thread.close())
    const database = openSqliteDatabase(settings.databasePath, thread)
    closers.defer(() => database.close())
    return { database, broken }
  })
}

/** One worker among several: the writer is a process of its own. */
export async function openSharedDatabase(
  config: Config,
  volume: VolumeFacts | null,
  writer: WriterAddress | null,
  log: Log,
): Promise<OpenedDatabase> {
  if (config.database.kind === 'postgres') return await openPostgres(config, config.database, volume, log)
  if (writer === null) throw new Error('a worker on SQLite needs to know its writer')
  const database = openSqliteDatabase(writer.databasePath, new WriterSocket(writer.socket, LINK_OPTIONS))
  return { database, broken: never(), close: () => database.close() }
}

/**
 * Where the database lies, and what its writer needs. What is temporary goes with the closers.
 * Throws VolumeRefused on a network file system.
 */
export async function writerSettings(
  config: Config,
  volume: VolumeFacts | null,
  log: Log,
  closers: AsyncDisposableStack,
): Promise<WriterSettings> {
  const chosen = config.database.kind === 'sqlite' ? config.database.path : null
  const usual = volume === null ? null : join(volume.root, databasePath)
  const path = chosen ?? usual
  if (path === null) {
    // Bytes in memory are gone with the process, and so are the facts about them.
    const folder = await makeTemporaryFolder(tmpdir())
    closers.defer(() => folder.remove())
    return { databasePath: folder.databasePath, volume, log: config.log }
  }
  const warning = await requireLocalDisk(dirname(path))
  if (warning !== null) log.warn({}, warning)
  return { databasePath: path, volume, log: config.log }
}

async function startThread(
  settings: WriterSettings,
  log: Log,
): Promise<{ readonly thread: WriterThread; readonly broken: Promise<never> }> {
  const broken = Promise.withResolvers<never>()
  broken.promise.catch(() => {}) // It may break before anybody looks.
  const thread = await WriterThread.start({
    ...LINK_OPTIONS,
    spawn: () => new Worker(Bun.main, { workerData: settings } as WorkerOptions) as Thread,
    onDeath: ({ error, givenUp }) => {
      log.error(
        { error },
        givenUp === null ? 'the writer died and is started again' : 'the writer died too often',
      )
      if (givenUp !== null) broken.reject(givenUp)
    },
  })
  return { thread, broken: broken.promise }
}

/** What was opened is closed again where the rest fails, and by `close` in the end. */
async function closingOnFailure(
  open: (closers: AsyncDisposableStack) => Promise<Omit<OpenedDatabase, 'close'>>,
): Promise<OpenedDatabase> {
  const closers = new AsyncDisposableStack()
  try {
    const opened = await open(closers)
    return { ...opened, close: () => closers.disposeAsync() }
  } catch (error) {
    await closers.disposeAsync()
    throw error
  }
}

function never(): Promise<never> {
  return new Promise(() => {})
}

function openPostgres(
  { workers }: Config,
  { url, connections }: DatabaseChoice & { readonly kind: 'postgres' },
  volume: VolumeFacts | null,
  log: Log,
): Promise<OpenedDatabase> {
  return closingOnFailure(async (closers) => {
    const boot = await findBootId()
    const tree =
      volume === null
        ? new LinkTree(openMemoryTreeStore(), null)
        : new LinkTree(await openFilesystemTreeStore(volume), boot)
    const database = await openPostgresDatabase({
      url,
      migrations: MIGRATIONS,
      settle: (session, marks) => tree.settle(session, marks),
      boot,
      connections: Math.floor(connections / workers),
    })
    closers.defer(() => database.close())
    if (volume !== null) await requireOwnVolume(database, volume, null)
    const kept = await keepLinkTree(tree, database, log)
    closers.defer(() => kept.stop())
    return { database, broken: never() }
  })
}
