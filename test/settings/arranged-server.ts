/**
 * Berth with settings that are given as a table of keys, once by a file and once by variables, so that every key is
 * seen to work in both ways. Nothing else is said to it: no flags.
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { variableOf } from '../../src/config/variables.ts'
import { FROM_SOURCE, findFreePort } from '../berth-server.ts'
import { until } from '../until.ts'

/** By the names of the schema: `http.addr`; `health.file[].file` is that of the first item. */
export type Settings = Readonly<Record<string, unknown>>

export type Way = 'the file' | 'variables'

/** What settings may name. */
export interface Place {
  /** Empty at first, and with a short name. */
  readonly folder: string
  readonly port: number
  /** Where nobody listens. */
  readonly otherPort: number
  /** What belongs to the server, and is closed after it. */
  readonly closers: DisposableStack
}

export interface ArrangedServer extends AsyncDisposable {
  readonly place: Place
  readonly pid: number
  /** Asks it, over whatever it listens on. */
  ask(path: string, init?: BunFetchRequestInit): Promise<Response>
  hasEnded(): boolean
  /** What it has written so far. */
  stdout(): string
  stderr(): string
  /** SIGTERM, and waits for its end. */
  stop(): Promise<void>
}

export interface Arrangement {
  /** What a client must say to be let in, beside the address. */
  readonly client?: BunFetchRequestInit
  readonly scheme?: 'http' | 'https'
  /** It says nothing of its start. */
  readonly isQuiet?: boolean
  /** Instead of the port: a socket in the folder. */
  readonly socket?: string
  settings(place: Place): Settings | Promise<Settings>
}

export async function startArranged(arrangement: Arrangement, way: Way): Promise<ArrangedServer> {
  const folder = mkdtempSync(join(tmpdir(), 'set-'))
  const closers = new DisposableStack()
  const place = { folder, closers, port: await findFreePort(), otherPort: await findFreePort() }
  const settings = { ...usualSettings(place), ...(await arrangement.settings(place)) }
  if ('storage.inmemory' in settings) delete settings['storage.filesystem.rootdirectory']
  const server = launch(
    place,
    arrangement,
    way === 'the file' ? byFile(place, settings) : byVariables(settings),
  )
  try {
    await until('it answers and has started', () => isReady(server, arrangement), {
      withinMilliseconds: 20_000,
    })
    return server
  } catch (error) {
    const log = server.stderr()
    await server[Symbol.asyncDispose]()
    throw new Error(`${error}\nIt printed:\n${log}`)
  }
}

async function isReady(server: ArrangedServer, { isQuiet = false }: Arrangement): Promise<boolean> {
  if (server.hasEnded()) throw new Error('it has ended instead of starting')
  const answer = await server.ask('/healthz').catch(() => null)
  return answer?.status === 200 && (isQuiet || server.stderr().includes('listening on '))
}

function usualSettings({ folder, port }: Place): Record<string, unknown> {
  return { 'http.addr': `127.0.0.1:${port}`, 'storage.filesystem.rootdirectory': join(folder, 'data') }
}

interface Given {
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

function byFile({ folder }: Place, settings: Settings): Given {
  const file = join(folder, 'config.yml')
  writeFileSync(file, Bun.YAML.stringify(asTree(settings), null, 2))
  return { args: [file], environment: {} }
}

function byVariables(settings: Settings): Given {
  const entries = Object.entries(settings).map(([key, value]) => [
    variableOf(key.replace('[]', '.0')),
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  return { args: [], environment: Object.fromEntries(entries) }
}

/** Sections in sections, as the file has them. */
function asTree(settings: Settings): Record<string, unknown> {
  const tree: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(settings)) {
    const steps = name.split('.')
    let at = tree
    for (const [index, step] of steps.entries()) {
      const key = step.replace('[]', '')
      if (index === steps.length - 1) at[key] = value
      else at = step.endsWith('[]') ? firstItem(at, key) : sectionOf(at, key)
    }
  }
  return tree
}

function sectionOf(parent: Record<string, unknown>, key: string): Record<string, unknown> {
  parent[key] ??= {}
  return parent[key] as Record<string, unknown>
}

function firstItem(parent: Record<string, unknown>, key: string): Record<string, unknown> {
  parent[key] ??= [{}]
  return (parent[key] as Record<string, unknown>[])[0] ?? {}
}

function launch(place: Place, arrangement: Arrangement, { args, environment }: Given): ArrangedServer {
  const { folder, port } = place
  const { client = {}, scheme = 'http', socket } = arrangement
  const outputs = ['stdout', 'stderr'].map((name) => join(folder, name))
  const descriptors = outputs.map((path) => openSync(path, 'a'))
  const cwd = join(folder, 'cwd')
  mkdirSync(cwd)
  const child = Bun.spawn([...FROM_SOURCE, 'serve', ...args], {
    cwd,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...environment },
    stdio: ['ignore', descriptors[0], descriptors[1]],
  })
  for (const descriptor of descriptors) closeSync(descriptor)
  const unix = socket === undefined ? {} : { unix: join(folder, socket) }
  return {
    place,
    pid: child.pid,
    ask: (path, init = {}) =>
      fetch(`${scheme}://127.0.0.1:${port}${path}`, { redirect: 'manual', ...client, ...unix, ...init }),
    hasEnded: () => child.exitCode !== null,
    stdout: () => readFileSync(outputs[0] ?? '', 'utf8'),
    stderr: () => readFileSync(outputs[1] ?? '', 'utf8'),
    async stop() {
      child.kill('SIGTERM')
      await child.exited
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await child.exited
      place.closers.dispose()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
