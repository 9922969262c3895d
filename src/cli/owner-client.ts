/**
 * How a command asks Berth's own API: the server that runs on the data folder, by its control socket, or, where none
 * does, this very process, which opens the registry alone for as long as the command takes.
 */
import type { Config } from '../config/config.ts'
import { type ControlClient, dataOf, findRunningServer } from './control-client.ts'
import { openServerLog } from './server-log.ts'
import type { Terminal } from './terminal.ts'

export interface OwnerClient extends ControlClient, AsyncDisposable {}

export interface OwnerClientOptions {
  /** What will be asked deletes: without a server, what another registry may have left is read first. */
  readonly deletes: boolean
}

/**
 * To be disposed of. Throws Failure, VolumeInUse (a server runs and does not answer), VolumeRefused,
 * DatabaseUnavailable, SchemaTooNew, StorageUnavailable.
 */
export async function openOwnerClient(
  terminal: Terminal,
  config: Config,
  options: OwnerClientOptions,
): Promise<OwnerClient> {
  const { driver } = config.storage
  const server = driver.kind === 'filesystem' ? await findRunningServer(driver.root) : null
  if (server !== null) return { ...server, [Symbol.asyncDispose]: () => Promise.resolve() }
  return await openHere(terminal, config, options)
}

/** The parts of a server are loaded where one is opened. */
async function openHere(
  terminal: Terminal,
  config: Config,
  { deletes }: OwnerClientOptions,
): Promise<OwnerClient> {
  const { openOwnRegistry } = await import('../app/owner.ts')
  const { ProgressTeller } = await import('../app/progress.ts')
  await using closers = new AsyncDisposableStack()
  const { log, draw, close } = openServerLog(config.log, terminal, 'one process')
  closers.defer(close)
  const progress = new ProgressTeller({ log, draw })
  const onProgress = (made: { readonly done: number; readonly total: number }) => progress.tell(made)
  const api = await openOwnRegistry({ config, log, deletes, onProgress }, closers).finally(() =>
    progress.end(),
  )
  const opened = closers.move()
  return {
    async ask(method, path, body) {
      const [place = '', query = ''] = path.split('?')
      return dataOf(await api({ method, path: place, query, body: body ?? {} }))
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
