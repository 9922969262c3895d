/**
 * The control socket: `<root>/berth/control.sock`, by which the owner of a running server (the user that it runs as, and
 * root) asks it what others may not. One for all processes of a server, and for one volume.
 *
 * The socket is made in a folder that nobody else may enter and put in place with its mode, so there is no moment at
 * which somebody else could open it. A path has a hundred bytes at most: where the usual one is longer, the socket lies in a
 * temporary folder, and a symbolic link in its place says where.
 * Of several replicas that share a folder the first one answers: about the data all of them say the same.
 */
import { chmod, mkdtemp, rename, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { isAnswering } from '../http/address.ts'
import { startServer } from '../http/server.ts'
import type { Log } from '../observability/log.ts'
import { managementFailure } from '../protocols/management/errors.ts'
import { type OwnerAnswer, type OwnerRequest, ownerRefusal } from '../protocols/management/exchange.ts'
import { managementHandler, replyOf } from '../protocols/management/handler.ts'
import { berthFolder, controlSocketPath } from '../storage/layout.ts'
import type { Crew } from './questions.ts'
import { NoAnswer } from './supervised-process.ts'
import { VERSION } from './version.ts'

export interface ControlOptions {
  /** The data folder; null where everything is in memory, and nobody has anything to ask. */
  readonly root: string | null
  readonly crew: Crew
  /** What there is to tell of the server. */
  status(): Readonly<Record<string, unknown>>
  readonly log: Log
}

/** Systems keep a socket's address in a field of little more than this. */
const LONGEST_SOCKET_PATH = 100

/** Until the closers run. A server that cannot have one goes on without it, and says so. */
export async function openControlSocket(
  options: ControlOptions,
  closers: AsyncDisposableStack,
): Promise<void> {
  const { root, log } = options
  if (root === null) return
  const path = join(root, controlSocketPath)
  if (await isAnswering({ kind: 'unix', path }).catch(() => false)) {
    log.info({}, 'another server on this data folder answers on its control socket')
    return
  }
  try {
    await serveAt(options, root, path, closers)
  } catch (error) {
    log.warn({ error }, 'there is no control socket: commands that need one will find no server')
  }
}

async function serveAt(
  options: ControlOptions,
  root: string,
  path: string,
  closers: AsyncDisposableStack,
): Promise<void> {
  const isShort = Buffer.byteLength(path) <= LONGEST_SOCKET_PATH
  const folder = await mkdtemp(isShort ? join(root, berthFolder, 'c-') : join(tmpdir(), 'berth-'))
  const removeFolder = () => rm(folder, { recursive: true, force: true })
  closers.defer(removeFolder)
  const socket = join(folder, 's')
  const server = await startServer({
    address: { kind: 'unix', path: socket },
    handle: managementHandler({ ...controlOf(options), log: options.log }),
    onError: (error) => replyOf(managementFailure(error, options.log)),
  })
  closers.defer(() => server.stop({ graceMilliseconds: 0 }))
  await chmod(socket, 0o600)
  if (isShort) await rename(socket, path).then(removeFolder)
  else await linkTo(socket, path)
  closers.defer(() => rm(path, { force: true }))
}

/** In place of what a server that was killed has left there. */
async function linkTo(socket: string, path: string): Promise<void> {
  const aside = `${path}.new`
  await rm(aside, { force: true })
  await symlink(socket, aside)
  await rename(aside, path)
}

/** What every server tells of itself. Nothing secret is in it. */
export function describeServer(config: Config, url: string): Readonly<Record<string, unknown>> {
  return {
    version: VERSION,
    pid: process.pid,
    upSeconds: Math.round(process.uptime()),
    url,
    workers: config.workers,
    database: config.database.kind,
    readOnly: config.storage.readOnly,
  }
}

function controlOf({ crew, status }: ControlOptions) {
  return {
    /** As an operator's signal does it: the process that has this socket is the one that heeds it. */
    reload() {
      process.kill(process.pid, 'SIGHUP')
    },
    async status() {
      const problems = Object.assign({}, ...(await crew.askAll({ kind: 'health' })))
      return { ...status(), problems }
    },
    ask: (request: OwnerRequest) => askCrew(crew, request),
  }
}

async function askCrew(crew: Crew, request: OwnerRequest): Promise<OwnerAnswer> {
  try {
    return await crew.askOne({ kind: 'owner', request })
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    return ownerRefusal(503, `The server could not answer now, for ${error.message}. Try again in a moment.`)
  }
}
