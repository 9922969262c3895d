/** `berth writer`: the process that writes to SQLite for all workers. Started by the supervisor only. */
import { Command } from 'commander'
import { runSupervised } from './supervised.ts'

export function writerCommand(): Command {
  return new Command('writer').action(() =>
    runSupervised(async ({ writer }) => {
      if (writer === null) throw new Error('a writer was started without its settings')
      const { startWriterProcess } = await import('../writer.ts')
      const running = await startWriterProcess(writer)
      return { address: writer.socket, close: () => running.stop() }
    }),
  )
}
