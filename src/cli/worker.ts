/** `berth worker`: one of several processes that answer requests. Started by the supervisor only. */
import { Command } from 'commander'
import { createLog } from '../observability/log.ts'
import { runSupervised } from './supervised.ts'
import type { Terminal } from './terminal.ts'

export function workerCommand(terminal: Terminal): Command {
  return new Command('worker').action(() =>
    runSupervised(async ({ config, name, volume, writer }) => {
      const { startApp } = await import('../app.ts')
      const log = createLog({ ...config.log, color: terminal.hasColor, write: terminal.note })
      const app = await startApp(config, { kind: 'worker', name, volume, writer }, log)
      const { broken } = app
      return { address: app.url, broken, close: (graceMilliseconds) => app.close(graceMilliseconds) }
    }),
  )
}
