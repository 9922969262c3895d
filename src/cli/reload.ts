/**
 * SIGHUP, or a configuration file that has changed: certificates, passwords and keys are read again, and the
 * configuration too. Of what has changed in it the log's level is applied; for everything else the log says that a
 * restart is needed.
 */
import { differences } from '../config/differences.ts'
import type { LoadedConfig } from '../config/load.ts'
import { Periodic } from '../lib/periodic.ts'
import { messageOf } from '../lib/thrown.ts'
import { FileUnreadable, WatchedFile } from '../lib/watched-file.ts'
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

/**
 * Hears SIGHUP from now on, and acts on it as soon as there is a server: without a listener it would end the process.
 * From then on it looks at the file too.
 */
export function listenForReload(plan: ReloadPlan): { serve(server: RunningServer): void } {
  const { promise: started, resolve } = Promise.withResolvers<RunningServer>()
  let latest: Promise<LoadedConfig> = Promise.resolve(plan.loaded)
  const readAgain = (because: string) => {
    latest = latest.then(async (before) => reload(await started, plan, before, because))
  }
  process.on('SIGHUP', () => {
    if (!plan.isTerminalGone()) readAgain('SIGHUP')
  })
  const { file } = plan.loaded
  if (file !== null) {
    const { log } = plan
    const watch = { path: file, log, onChange: () => readAgain(`${file} has changed`) }
    void started.then(() => watchConfiguration(watch))
  }
  return { serve: resolve }
}

const LOOK_EVERY = 2000

export interface ConfigurationWatch {
  readonly path: string
  readonly log: Log
  onChange(): void
  readonly everyMilliseconds?: number
}

/** Tells of a change when two looks have found the same: an editor may be half way through. A file that is gone changes nothing. */
export function watchConfiguration({
  path,
  log,
  onChange,
  everyMilliseconds = LOOK_EVERY,
}: ConfigurationWatch): Periodic {
  const file = new WatchedFile({ path, parse: (bytes) => new TextDecoder().decode(bytes) })
  let applied = findText(file)
  let before = applied
  const look = async () => {
    const text = findText(file)
    const isSettled = text === before
    before = text
    if (text === null || !isSettled || text === applied) return
    applied = text
    onChange()
  }
  return new Periodic({
    everyMilliseconds,
    work: look,
    onError: (error) => log.error({ error }, `${path} could not be looked at`),
  })
}

function findText(file: WatchedFile<string>): string | null {
  try {
    return file.current()
  } catch (error) {
    if (error instanceof FileUnreadable) return null
    throw error
  }
}

/** Gives the settings that hold now; `latest` are those of the time before. Never throws: a server goes on with what it has. */
export async function reload(
  server: Pick<RunningServer, 'reload'>,
  plan: Omit<ReloadPlan, 'isTerminalGone'>,
  latest: LoadedConfig,
  because = 'SIGHUP',
): Promise<LoadedConfig> {
  const { loaded, log } = plan
  const found = await loadAgain(plan)
  const next = found ?? latest
  try {
    const failed = [
      ...(found === null ? ['the configuration'] : []),
      ...(await server.reload({ logLevel: next.config.log.level })),
    ]
    const kept = failed.length === 0 ? '' : `, but not ${failed.join(' and ')}`
    log.info({}, `${because}: what can be read again was read${kept}`)
    const waiting = differences(loaded.given, next.given).filter((name) => !APPLIED.has(name))
    if (waiting.length > 0) log.warn({}, `restart Berth to apply what has changed: ${waiting.join(', ')}`)
  } catch (error) {
    log.error({ error }, `${because}: reading again failed`)
  }
  return next
}

/** Null where the settings cannot be used: what is wrong is told, and all of them stay. */
async function loadAgain({ load, log }: Pick<ReloadPlan, 'load' | 'log'>): Promise<LoadedConfig | null> {
  try {
    return await load()
  } catch (error) {
    const why = messageOf(error)
    log.error({}, `the configuration cannot be used, and nothing of it was applied: ${why}`)
    return null
  }
}
