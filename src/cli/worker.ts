/** `berth worker`: one of several processes that answer requests. Started by the supervisor only. */
import { startApp } from '../app.ts'
import { createLog } from '../observability/log.ts'
import type { ChildStart } from '../supervisor.ts'
import type { SupervisedWork } from './child.ts'
import type { Terminal } from './terminal.ts'

export async function beginWorker(
  { config, name, volume, writer }: ChildStart,
  terminal: Terminal,
): Promise<SupervisedWork> {
  const log = createLog({ ...config.log, color: terminal.hasColor, write: terminal.note })
  const app = await startApp(config, { kind: 'worker', name, volume, writer }, log)
  const { broken } = app
  return { address: app.url, broken, close: (graceMilliseconds) => app.close(graceMilliseconds) }
}
