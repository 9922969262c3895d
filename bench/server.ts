/**
 * A contestant's server: started in a process group of its own with a fixed environment, asked until it answers,
 * and ended. What it costs is read from outside, for all of its processes together.
 */
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findFreePort } from '../test/berth-server.ts'
import { until } from '../test/until.ts'
import { Connection } from './connection.ts'
import { commandLine, fillIn, type Placeholders, type ServerContestant } from './contestant.ts'
import { cpuSecondsOf, findMember, membersOf, peakBytesOf, residentBytesOf } from './process-group.ts'

const START_MILLISECONDS = 20_000
const STOP_MILLISECONDS = 10_000
const POLL_MILLISECONDS = 1
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export interface Server extends AsyncDisposable {
  readonly port: number
  readonly data: string
  /** From just before it was executed to its first answer. */
  readonly startMilliseconds: number
  /** What all of its processes have used since they were started, in steps of 10 ms. */
  cpuSeconds(): number
  residentBytes(): number
  /** The most that each of its processes has had of resident memory, together. */
  peakBytes(): number
  /** Of the processes that live now. */
  pids(): number[]
  /** The process that alone writes, where the contestant has one. */
  findWriter(): number | null
}

export interface ServerPlace {
  /** For its configuration, its log and its temporary files. */
  readonly folder: string
  /** What it keeps. */
  readonly data: string
  /** Paths of PEM files: it speaks TLS with them, as its file says how. */
  readonly tls?: { readonly certificate: string; readonly key: string }
  /** Beside the contestant's own. */
  readonly environment?: Readonly<Record<string, string>>
  /** The path that answers with 200 when it has started; the contestant's own unless given. */
  readonly ready?: string
}

/** Resolves with its first answer. Throws with its log when it does not start. */
export async function startServer(contestant: ServerContestant, place: ServerPlace): Promise<Server> {
  const port = await findFreePort()
  const { folder, data } = place
  const { tls } = place
  const values = { port: String(port), folder, data, configuration: join(folder, 'configuration'), ...tls }
  mkdirSync(data, { recursive: true })
  writeFileSync(values.configuration, fillIn(configurationOf(contestant, place), values))
  const environment = { ...environmentOf(contestant, place, values), ...place.environment }
  const log = join(folder, 'log')
  const began = performance.now()
  const child = spawn(commandLine(contestant.command, values), { folder, log, environment })
  const end = endOf(child)
  try {
    const path = place.ready ?? contestant.ready
    await answers(child, tls === undefined ? () => isReady(port, path) : () => isReadyWithTls(port, path))
  } catch (error) {
    await end()
    throw new Error(`${contestant.name} did not start: ${error}\n${readFileSync(log, 'utf8').slice(-2000)}`)
  }
  return {
    port,
    data,
    startMilliseconds: performance.now() - began,
    cpuSeconds: () => cpuSecondsOf(child.pid),
    residentBytes: () => residentBytesOf(child.pid),
    peakBytes: () => peakBytesOf(child.pid),
    pids: () => membersOf(child.pid).map(({ pid }) => pid),
    findWriter: () => (contestant.writer ? findMember(child.pid, contestant.writer.argument) : null),
    [Symbol.asyncDispose]: end,
  }
}

function configurationOf({ name, configuration, tls }: ServerContestant, place: ServerPlace): string {
  if (place.tls === undefined) return configuration
  if (tls === undefined) throw new Error(`${name}.yaml does not say how it speaks TLS.`)
  return tls.configuration ?? configuration
}

function environmentOf(
  { environment, tls }: ServerContestant,
  place: ServerPlace,
  values: Placeholders,
): Record<string, string> {
  const forTls = Object.entries(place.tls === undefined ? {} : (tls?.environment ?? {}))
  const filled = Object.fromEntries(forTls.map(([name, value]) => [name, fillIn(value, values)]))
  return { PATH, HOME: place.folder, TMPDIR: place.folder, ...environment, ...filled }
}

interface SpawnOptions {
  readonly folder: string
  readonly log: string
  readonly environment: Record<string, string>
}

function spawn(cmd: string[], { folder, log, environment }: SpawnOptions): Bun.Subprocess {
  const output = openSync(log, 'a')
  const stdio: ['ignore', number, number] = ['ignore', output, output]
  const child = Bun.spawn({ cmd, cwd: folder, env: environment, detached: true, stdio })
  closeSync(output)
  return child
}

async function answers(child: Bun.Subprocess, isReady: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + START_MILLISECONDS
  while (!(await isReady())) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    if (performance.now() > deadline) throw new Error(`no answer within ${START_MILLISECONDS / 1000} s`)
    await Bun.sleep(POLL_MILLISECONDS)
  }
}

async function isReady(port: number, path: string): Promise<boolean> {
  try {
    using connection = await Connection.open(port)
    return (await connection.request({ method: 'GET', path })).status === 200
  } catch {
    return false
  }
}

/** Whatever certificate it shows. */
async function isReadyWithTls(port: number, path: string): Promise<boolean> {
  try {
    const answer = await fetch(`https://127.0.0.1:${port}${path}`, { tls: { rejectUnauthorized: false } })
    return answer.status === 200
  } catch {
    return false
  }
}

/** SIGTERM to the leader, and SIGKILL to what is left of the group; also when this process ends before. */
function endOf(child: Bun.Subprocess): () => Promise<void> {
  const kill = () => signal(-child.pid, 'SIGKILL')
  // Before the folder of the run is removed, from under its processes.
  process.prependOnceListener('exit', kill)
  return async () => {
    if (child.exitCode === null) signal(child.pid, 'SIGTERM')
    const hard = setTimeout(kill, STOP_MILLISECONDS)
    await child.exited
    clearTimeout(hard)
    kill()
    await until('all processes of a server have ended', () => membersOf(child.pid).length === 0)
    process.off('exit', kill)
  }
}

function signal(target: number, name: NodeJS.Signals): void {
  try {
    process.kill(target, name)
  } catch {
    // It has ended.
  }
}
