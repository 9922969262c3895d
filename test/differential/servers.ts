/** Both registries, fresh and configured alike: the same v0.1 file but for the address and the folder. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFreePort, startBerth } from '../berth-server.ts'
import { startDaemon } from '../tools/command.ts'
import { until } from '../until.ts'
import { Contestant } from './contestant.ts'

/** A v0.1 file as plain data, without `version`, `http.addr` and the storage's folder. */
export interface Settings {
  readonly storage?: Readonly<Record<string, unknown>>
  readonly http?: Readonly<Record<string, unknown>>
  readonly [section: string]: unknown
}

export interface Pair extends AsyncDisposable {
  readonly theirs: Contestant
  readonly ours: Contestant
}

/** Two empty data folders, until they are disposed of. */
export interface Volumes extends Disposable {
  readonly path: string
}

export function newVolumes(): Volumes {
  const path = mkdtempSync(join(tmpdir(), 'differential-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** `program` is `docker-registry`, or `registry` of version 3. */
export async function startPair(
  program: string,
  settings: Settings,
  { path: scratch }: Volumes,
): Promise<Pair> {
  const closers = new AsyncDisposableStack()
  try {
    const starting = [
      startPeer(program, scratch, settings, closers),
      startOurs(scratch, settings, closers),
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
  scratch: string,
  settings: Settings,
  closers: AsyncDisposableStack,
): Promise<Contestant> {
  const port = await findFreePort()
  const file = join(scratch, 'theirs.yml')
  writeFileSync(file, configFile(settings, port, join(scratch, 'theirs')))
  const daemon = startDaemon(program, ['serve', file], {
    logFile: join(scratch, 'theirs.log'),
    env: { OTEL_TRACES_EXPORTER: 'none' },
  })
  closers.defer(() => daemon.stop())
  await until(`${program} answers`, async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => null)
    return answer !== null
  })
  return new Contestant(program, port)
}

async function startOurs(
  scratch: string,
  settings: Settings,
  closers: AsyncDisposableStack,
): Promise<Contestant> {
  const port = await findFreePort()
  const file = join(scratch, 'ours.yml')
  writeFileSync(file, configFile(settings, port, join(scratch, 'ours')))
  const berth = await startBerth({ port, args: [file], data: join(scratch, 'ours') })
  closers.use(berth)
  return new Contestant('berth', port)
}

function configFile({ storage, http, ...others }: Settings, port: number, root: string): string {
  return JSON.stringify({
    version: '0.1',
    log: { level: 'info' },
    storage: { filesystem: { rootdirectory: root }, ...storage },
    http: { addr: `127.0.0.1:${port}`, ...http },
    ...others,
  })
}
