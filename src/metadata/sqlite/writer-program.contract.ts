/**
 * Runs the writer for the contract suite, as the program's own entry file does for the program: in a thread
 * when started as one, else as a process with a socket. `die` ends it in the middle of a command.
 */
import { join } from 'node:path'
import { workerData } from 'node:worker_threads'
import { command } from '../database.ts'
import { NOTES_COMMANDS, NOTES_MIGRATIONS, type Note, putNote, settleInto } from '../notes.contract.ts'
import { openSqliteWriter, type SqliteWriter } from './writer.ts'
import { serveSocket } from './writer-socket.ts'
import { serveThread, type Thread, WriterThread, type WriterThreadOptions } from './writer-thread.ts'

export const die = command('die', async (tx, note: Note) => {
  await putNote.run(tx, note)
  process.exit(1)
})

export const COMMANDS = [...NOTES_COMMANDS, die]

export function openWriterIn(folder: string): Promise<SqliteWriter> {
  const path = join(folder, 'berth.db')
  return openSqliteWriter({ path, migrations: NOTES_MIGRATIONS, settle: settleInto(folder) })
}

export function startThread(
  folder: string,
  options: Partial<WriterThreadOptions> = {},
): Promise<WriterThread> {
  const spawn = () => new Worker(import.meta.url, { workerData: folder } as WorkerOptions) as Thread
  return WriterThread.start({ spawn, onDeath: () => undefined, ...options })
}

/** A process of its own, which answers on `writer.sock` in the folder. */
export function startProcess(folder: string): Bun.Subprocess {
  return Bun.spawn([process.execPath, import.meta.path, folder], { stdio: ['ignore', 'inherit', 'inherit'] })
}

if (!Bun.isMainThread) {
  const folder: string = workerData
  await serveThread(globalThis as unknown as Worker, () => openWriterIn(folder), COMMANDS)
} else if (import.meta.main) {
  const folder = process.argv[2] ?? ''
  serveSocket(join(folder, 'writer.sock'), await openWriterIn(folder), COMMANDS)
}
