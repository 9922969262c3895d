/**
 * The second composition root: the thread or process that holds SQLite's one read-write connection, and with
 * it the link tree, which it brings up to date after every commit. It serves nobody but Berth's own workers.
 */
import { workerData } from 'node:worker_threads'
import { COMMANDS } from './app/commands.ts'
import { keepLinkTree } from './app/link-tree.ts'
import { openWriterLog } from './app/log.ts'
import { requireOwnVolume } from './app/volume.ts'
import type { WriterSettings } from './app/writer-settings.ts'
import { findBootId } from './lib/boot-id.ts'
import type { AnyCommand } from './metadata/database.ts'
import { MIGRATIONS } from './metadata/schema.ts'
import { SqliteReader } from './metadata/sqlite/reader.ts'
import { type CommandRunner, openSqliteWriter } from './metadata/sqlite/writer.ts'
import { serveSocket } from './metadata/sqlite/writer-socket.ts'
import { serveThread, type ThreadPort } from './metadata/sqlite/writer-thread.ts'
import { LinkTree, type TreeDatabase } from './registry/tree/link-tree.ts'
import { openFilesystemTreeStore } from './storage/filesystem/tree-store.ts'
import { openMemoryTreeStore } from './storage/memory/tree-store.ts'

/** Inside a thread of the program; the settings come with it. */
export async function runWriterThread(): Promise<void> {
  await serveThread(
    globalThis as unknown as ThreadPort,
    () => openWriter(workerData as WriterSettings),
    COMMANDS,
  )
}

export interface WriterProcess {
  /** Rejects when nothing more may be trusted to this process. Never resolves. */
  readonly broken: Promise<never>
  /** Ends what it has begun, and closes the database. */
  stop(): Promise<void>
}

/** In a process of its own, for several workers behind one socket. */
export async function startWriterProcess(
  settings: WriterSettings & { readonly socket: string },
): Promise<WriterProcess> {
  const writer = await openWriter(settings)
  const server = serveSocket(settings.socket, writer, COMMANDS)
  return {
    broken: server.broken,
    async stop() {
      server.stop()
      await writer.close()
    },
  }
}

/** A SqliteWriter that also looks after the link tree. */
async function openWriter(settings: WriterSettings): Promise<CommandRunner> {
  const { databasePath, volume } = settings
  const boot = await findBootId()
  const tree =
    volume === null
      ? new LinkTree(openMemoryTreeStore(), null)
      : new LinkTree(await openFilesystemTreeStore(volume), boot)
  const writer = await openSqliteWriter({
    path: databasePath,
    migrations: MIGRATIONS,
    settle: (session, marks) => tree.settle(session, marks),
    boot,
  })
  const reader = new SqliteReader(databasePath)
  const database: TreeDatabase = {
    inSession: (work) => work(writer.sessionOver(reader)),
    write: (command, input) => writer.submit(command as AnyCommand, input) as Promise<never>,
  }
  if (volume !== null) await requireOwnVolume(reader, volume, databasePath)
  const kept = await keepLinkTree(tree, database, openWriterLog(settings.log))
  return {
    submit: (command, input) => writer.submit(command, input),
    async close() {
      await kept.stop()
      await writer.close()
      reader.close()
    },
  }
}
