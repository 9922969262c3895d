/** The running server behind one face, whether it is this process alone or a supervisor over several. */
import type { ReloadRequest } from '../app/reload.ts'
import type { Config } from '../config/config.ts'
import type { ServerLog } from './server-log.ts'

export interface RunningServer {
  readonly url: string
  /** Rejects when the server cannot go on. Never resolves. */
  readonly broken: Promise<never>
  /** Has every process read again what it can. Gives the names of what could not be read. */
  reload(request: ReloadRequest): Promise<readonly string[]>
  /** Lets requests in flight end within the grace time. */
  close(graceMilliseconds: number): Promise<void>
  /** Ends other processes at once; this one is about to exit. */
  kill(): void
}

/** Resolves when the server answers. Throws what startApp or startSupervisor throws. */
export function runServer(config: Config, lines: ServerLog): Promise<RunningServer> {
  return config.workers > 1 ? runSeveral(config, lines) : runAlone(config, lines)
}

async function runAlone(config: Config, { log, logRequest, draw }: ServerLog): Promise<RunningServer> {
  const { startApp } = await import('../app.ts')
  const app = await startApp({ config, role: { kind: 'single' }, log, logRequest, draw })
  return {
    url: app.url,
    broken: app.broken,
    reload: (request) => app.reload(request),
    close: (graceMilliseconds) => app.close(graceMilliseconds),
    kill() {},
  }
}

async function runSeveral(config: Config, { log }: ServerLog): Promise<RunningServer> {
  const { startSupervisor } = await import('../supervisor.ts')
  return startSupervisor({ config, program: thisProgram(), log })
}

/** What starts this program again: the executable itself, or Bun with the source. */
function thisProgram(): string[] {
  return Bun.isStandaloneExecutable ? [process.execPath] : [process.execPath, '--no-env-file', Bun.main]
}
