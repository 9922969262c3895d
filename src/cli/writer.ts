/** `berth writer`: the process that writes to SQLite for all workers. Started by the supervisor only. */
import { Command } from 'commander'
import { acquireWriterLock } from '../metadata/sqlite/lock.ts'
import { runSupervised } from './supervised.ts'

export function writerCommand(): Command {
  return new Command('writer').action(() =>
    runSupervised(async ({ writer }) => {
      if (writer === null) throw new Error('a writer was started without its settings')
      const { startWriterProcess } = await import('../writer.ts')
      // Until the process ends: the writer of a supervisor that was killed may still be at its last commit.
      await acquireWriterLock(writer.databasePath)
      const running = await startWriterProcess(writer)
      const { broken } = running
      return { address: writer.socket, broken, close: () => running.stop() }
    }),
  )
}
