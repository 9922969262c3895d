/** `berth worker`: one of several processes that answer requests. Started by the supervisor only. */
import { startApp } from '../app.ts'
import type { ChildStart } from '../supervisor.ts'
import type { SupervisedWork } from './child.ts'
import { openServerLog } from './server-log.ts'
import type { Terminal } from './terminal.ts'

export async function beginWorker(
  { config, name, volume, writer }: ChildStart,
  terminal: Terminal,
): Promise<SupervisedWork> {
  const lines = openServerLog(config.log, terminal, 'several processes')
  const { log, logRequest } = lines
  const role = { kind: 'worker', name, volume, writer } as const
  const app = await startApp({ config, role, log, logRequest })
  const { broken } = app
  return {
    address: app.url,
    broken,
    answer: (question) => app.answer(question),
    async close(graceMilliseconds) {
      await app.close(graceMilliseconds)
      await lines.close()
    },
  }
}
