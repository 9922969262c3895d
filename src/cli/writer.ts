/** `berth writer`: the process that writes to SQLite for all workers. Started by the supervisor only. */
import { acquireWriterLock } from '../metadata/sqlite/lock.ts'
import type { ChildStart } from '../supervisor.ts'
import { startWriterProcess } from '../writer.ts'
import type { SupervisedWork } from './child.ts'

export async function beginWriter({ writer }: ChildStart): Promise<SupervisedWork> {
  if (writer === null) throw new Error('a writer was started without its settings')
  // Until the process ends: the writer of a supervisor that was killed may still be at its last commit.
  await acquireWriterLock(writer.databasePath)
  const running = await startWriterProcess(writer)
  const { broken } = running
  return { address: writer.socket, broken, close: () => running.stop() }
}
