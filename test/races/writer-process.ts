/**
 * Berth's writer as a process of its own, save that it makes the link tree durable when it is told to and not by
 * the clock, so that the same order of steps leads to the same end.
 */
import { COMMANDS } from '../../src/app/commands.ts'
import type { AnyCommand } from '../../src/metadata/database.ts'
import { MIGRATIONS } from '../../src/metadata/schema.ts'
import { SqliteReader } from '../../src/metadata/sqlite/reader.ts'
import { openSqliteWriter } from '../../src/metadata/sqlite/writer.ts'
import { serveSocket } from '../../src/metadata/sqlite/writer-socket.ts'
import { LinkTree, type TreeDatabase } from '../../src/registry/tree/link-tree.ts'
import { openFilesystemTreeStore } from '../../src/storage/filesystem/tree-store.ts'
import type { FromWriter, ToWriter, Volume } from './messages.ts'
import { THIS_RACE } from './stepped-database.ts'

const { root, databasePath, socket } = JSON.parse(process.argv[2] ?? '') as Volume

const tree = new LinkTree(await openFilesystemTreeStore({ root }), THIS_RACE)
const writer = await openSqliteWriter({
  path: databasePath,
  migrations: MIGRATIONS,
  settle: (session, marks) => tree.settle(session, marks),
  boot: THIS_RACE,
})
const reader = new SqliteReader(databasePath)
const database: TreeDatabase = {
  inSession: (work) => work(writer.sessionOver(reader)),
  write: (command, input) => writer.submit(command as AnyCommand, input) as Promise<never>,
}
serveSocket(socket, writer, COMMANDS)

process.on('disconnect', () => process.exit())
process.on('message', async ({ number }: ToWriter) => {
  const failure = await tree.flush(database).then(
    () => null,
    (error: unknown) => String(error),
  )
  tell({ kind: 'flushed', number, failure })
})
tell({ kind: 'ready' })

function tell(message: FromWriter): void {
  process.send?.(message)
}
