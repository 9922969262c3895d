/**
 * SIGHUP: certificates, passwords and keys are read again, and the configuration file too. Of what has changed in it the
 * log's level is applied; for everything else the log says that a restart is needed.
 */
import { differences } from '../config/differences.ts'
import type { LoadedConfig } from '../config/load.ts'
import { messageOf } from '../lib/thrown.ts'
import type { Log } from '../observability/log.ts'
import type { RunningServer } from './run-server.ts'

export interface ReloadPlan {
  /** What the server was started with. */
  readonly loaded: LoadedConfig
  /** Reads the settings again, from where they came. Throws ConfigError. */
  load(): Promise<LoadedConfig>
  readonly log: Log
  /** Then SIGHUP stops the server (stop-signals.ts). */
  isTerminalGone(): boolean
}

const APPLIED: ReadonlySet<string> = new Set(['log.level', 'loglevel'])

/** Hears SIGHUP from now on, and acts on it as soon as there is a server: without a listener it would end the process. */
export function listenForReload(plan: ReloadPlan): { serve(server: RunningServer): void } {
  const { promise: started, resolve } = Promise.withResolvers<RunningServer>()
  let latest: Promise<LoadedConfig> = Promise.resolve(plan.loaded)
  process.on('SIGHUP', () => {
    if (plan.isTerminalGone()) return
    latest = latest.then(async (before) => reload(await started, plan, before))
  })
  return { serve: resolve }
}

/** Gives the settings that hold now; `latest` are those of the time before. Never throws: a server goes on with what it has. */
export async function reload(
  server: Pick<RunningServer, 'reload'>,
  plan: Omit<ReloadPlan, 'isTerminalGone'>,
  latest: LoadedConfig,
): Promise<LoadedConfig> {
  const { loaded, log } = plan
  const next = await loadAgain(plan, latest)
  try {
    const failed = await server.reload({ logLevel: next.config.log.level })
    const kept = failed.length === 0 ? '' : `, but not ${failed.join(' and ')}`
    log.info({}, `SIGHUP: what can be read again was read${kept}`)
    const waiting = differences(loaded.given, next.given).filter((name) => !APPLIED.has(name))
    if (waiting.length > 0) log.warn({}, `restart Berth to apply what has changed: ${waiting.join(', ')}`)
  } catch (error) {
    log.error({ error }, 'SIGHUP: reading again failed')
  }
  return next
}

/** What is wrong in the file is told; then all settings stay. */
async function loadAgain(
  { load, log }: Pick<ReloadPlan, 'load' | 'log'>,
  latest: LoadedConfig,
): Promise<LoadedConfig> {
  try {
    return await load()
  } catch (error) {
    const why = messageOf(error)
    log.error({}, `the configuration cannot be used, and nothing of it was applied: ${why}`)
    return latest
  }
}
