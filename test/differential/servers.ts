/** Both registries, fresh and configured alike: the same v0.1 file but for the address and the folder. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFreePort, startBerth } from '../berth-server.ts'
import { startDaemon } from '../tools/command.ts'
import { until } from '../until.ts'
import { Contestant, type Ports } from './contestant.ts'
import { writeFiles } from './files.ts'

/**
 * A v0.1 file as plain data, without `version`, `http.addr` and the storage's folder. In its texts `{folder}` stands
 * for the folder with the files of files.ts, `{debug}` for a port of the registry's own, and `{neighbour}` for that of
 * a server beside it.
 */
export interface Settings {
  readonly storage?: Readonly<Record<string, unknown>>
  readonly http?: Readonly<Record<string, unknown>>
  readonly [section: string]: unknown
}

export interface Pair extends AsyncDisposable {
  readonly theirs: Contestant
  readonly ours: Contestant
}

/** Two empty data folders, and what both registries find beside them, until it is all disposed of. */
export interface Surroundings extends AsyncDisposable {
  readonly path: string
  /** A server that answers 200, until it is gone. */
  readonly neighbourPort: number
  /** Makes whatever checks look at fail: the neighbour is gone, and the file `closed` is there. */
  fallIll(): Promise<void>
}

export function newSurroundings(): Surroundings {
  const path = mkdtempSync(join(tmpdir(), 'differential-'))
  writeFiles(path)
  const neighbour = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('well') })
  return {
    path,
    neighbourPort: neighbour.port ?? 0,
    async fallIll() {
      writeFileSync(join(path, 'closed'), '')
      await neighbour.stop(true)
    },
    async [Symbol.asyncDispose]() {
      await neighbour.stop(true)
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** `program` is `docker-registry`, or `registry` of version 3. */
export async function startPair(
  program: string,
  settings: Settings,
  surroundings: Surroundings,
): Promise<Pair> {
  const closers = new AsyncDisposableStack()
  try {
    const starting = [
      startPeer(program, surroundings, settings, closers),
      startOurs(surroundings, settings, closers),
    ] as const
    // Both have ended when one could not start: what the other one holds is released too.
    await Promise.allSettled(starting)
    const [theirs, ours] = await Promise.all(starting)
    return { theirs, ours, [Symbol.asyncDispose]: () => closers.disposeAsync() }
  } catch (error) {
    await closers.disposeAsync()
    throw error
  }
}

async function startPeer(
  program: string,
  surroundings: Surroundings,
  settings: Settings,
  closers: AsyncDisposableStack,
): Promise<Contestant> {
  const ports = await findPorts()
  const file = writeConfig(surroundings, 'theirs', settings, ports)
  const daemon = startDaemon(program, ['serve', file], {
    logFile: join(surroundings.path, 'theirs.log'),
    env: { OTEL_TRACES_EXPORTER: 'none' },
  })
  closers.defer(() => daemon.stop())
  const scheme = isEncrypted(settings) ? 'https' : 'http'
  await until(`${program} answers`, async () => {
    const tls = { rejectUnauthorized: false }
    const answer = await fetch(`${scheme}://127.0.0.1:${ports.main}/`, { tls }).catch(() => null)
    return answer !== null
  })
  return new Contestant(program, ports, isEncrypted(settings))
}

async function startOurs(
  surroundings: Surroundings,
  settings: Settings,
  closers: AsyncDisposableStack,
): Promise<Contestant> {
  const { path } = surroundings
  const ports = await findPorts()
  const file = writeConfig(surroundings, 'ours', settings, ports)
  const tls = isEncrypted(settings) ? { tls: { authority: join(path, 'tls.crt') } } : {}
  closers.use(await startBerth({ port: ports.main, args: [file], data: join(path, 'ours'), ...tls }))
  return new Contestant('berth', ports, isEncrypted(settings))
}

async function findPorts(): Promise<Ports> {
  return { main: await findFreePort(), debug: await findFreePort() }
}

function isEncrypted({ http }: Settings): boolean {
  return http?.['tls'] !== undefined
}

/** Its path. */
function writeConfig(
  { path, neighbourPort }: Surroundings,
  name: string,
  { storage, http, ...others }: Settings,
  ports: Ports,
): string {
  const text = JSON.stringify({
    version: '0.1',
    log: { level: 'info' },
    storage: { filesystem: { rootdirectory: join(path, name) }, ...storage },
    http: { addr: `127.0.0.1:${ports.main}`, ...http },
    ...others,
  })
  const file = join(path, `${name}.yml`)
  const words = { folder: path, debug: ports.debug, neighbour: neighbourPort }
  writeFileSync(
    file,
    Object.entries(words).reduce((filled, [word, value]) => filled.replaceAll(`{${word}}`, `${value}`), text),
  )
  return file
}
