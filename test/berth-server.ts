/**
 * Starts Berth for a test the way a person does, on a free loopback port with a folder of its own, and
 * ends it again. Each server runs in a process group of its own, so that whatever it started can be found
 * and ended, and nothing else.
 *
 * await using berth = await startBerth()                       // stopped and cleaned up at the end of the block
 * await startBerth({ env: { REGISTRY_STORAGE: 'inmemory' } })  // settings as a user gives them
 * await startBerth({ data: earlier.data })                     // the same folder again
 * await startBerth({ program: ['strace', '-f', ..., ...FROM_SOURCE] })
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { until } from './until.ts'

const checkout = join(import.meta.dir, '..')

/** Berth's source under the pinned Bun: one process, so `pid` is the server itself. The default. */
export const FROM_SOURCE: readonly string[] = [
  process.execPath,
  '--no-env-file',
  join(checkout, 'src/main.ts'),
]

/** What `npm start` runs: a small Node program that runs Bun. `pid` is the launcher, the server is its child. */
export const AS_USER: readonly string[] = ['node', join(checkout, 'scripts/berth.mjs')]

export interface BerthOptions {
  /** The program and what stands before `serve`; FROM_SOURCE unless given. */
  readonly program?: readonly string[]
  /** Further arguments of `serve`. */
  readonly args?: readonly string[]
  /** Variables beside the caller's own; `REGISTRY_*` and `BERTH_*` of the caller are not passed on. */
  readonly env?: Readonly<Record<string, string>>
  /** Without the caller's variables: `env` is all there is. */
  readonly isolated?: boolean
  /** An existing data folder, which is kept afterwards. Without it a new one is made, and removed on dispose. */
  readonly data?: string
  /** A free one unless given. */
  readonly port?: number
  /** How to speak TLS with it, where `env` or `args` make it do so. */
  readonly tls?: ClientTls
  /** How long the server may take until `/readyz` answers 200. */
  readonly readyWithinMilliseconds?: number
}

/** Paths of PEM files: whom a client trusts, and what it shows where it is asked to. */
export interface ClientTls {
  readonly authority: string
  readonly certificate?: string
  readonly key?: string
}

export interface ExitStatus {
  /** The exit code; 128 + signal number where a signal ended it. */
  readonly code: number
  /** From the signal (or the call) to the end of the process. */
  readonly milliseconds: number
}

export interface BerthServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, or with `https:` where it speaks TLS. */
  readonly url: string
  /** `127.0.0.1:<port>`: what stands before an image's name. */
  readonly host: string
  readonly port: number
  readonly pid: number
  /** The data folder. Empty for ever when the storage is memory. */
  readonly data: string
  /** Everything that it has printed so far, stdout and stderr. */
  log(): string
  /** Resolves when the process that was started has ended. */
  readonly exited: Promise<number>
  /**
   * Pids of its processes that live now: launcher, server, workers, writer. What comes and goes meanwhile is not
   * among them: the `sync` with which the server makes many files durable at once, and a child that is no program yet.
   */
  processes(): number[]
  /** To the process that was started. Nothing happens when it has ended. */
  signal(name: NodeJS.Signals): void
  /** SIGTERM, and waits for the end. Throws when that takes longer than 15 s. */
  stop(): Promise<ExitStatus>
  /** SIGKILL to all of its processes, and waits for the end of each, also of a `sync` that waits for the disk. */
  kill(): Promise<void>
}

/**
 * Starts Berth and waits until it is ready: it answers, and has logged that it listens (so not with
 * REGISTRY_LOG_LEVEL above info). Throws with everything that it printed when it is not.
 */
export async function startBerth(options: BerthOptions = {}): Promise<BerthServer> {
  const server = await launchBerth(options)
  const withinMilliseconds = options.readyWithinMilliseconds ?? 20_000
  try {
    await until('Berth answers /readyz', () => isReady(server, options.tls), { withinMilliseconds })
    return server
  } catch (error) {
    const log = server.log()
    await server[Symbol.asyncDispose]()
    throw new Error(`${error instanceof Error ? error.message : error}\nIt printed:\n${log}`)
  }
}

async function isReady(server: BerthServer, tls: ClientTls | undefined): Promise<boolean> {
  const ended = await Promise.race([server.exited, Promise.resolve(null)])
  if (ended !== null) throw new Error(`Berth ended with ${ended} instead of starting`)
  const answer = await fetch(`${server.url}/readyz`, fetchOptions(tls)).catch(() => null)
  await answer?.arrayBuffer()
  return answer?.status === 200 && saysSo(server)
}

/** For Bun's `fetch`. The files may come only with the server's start. */
export function fetchOptions(tls: ClientTls | undefined): BunFetchRequestInit {
  if (tls === undefined) return {}
  const { authority, certificate, key } = tls
  const shown =
    certificate === undefined || key === undefined
      ? {}
      : { cert: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') }
  return existsSync(authority) ? { tls: { ca: readFileSync(authority, 'utf8'), ...shown } } : {}
}

/** The first of several workers answers before Berth as a whole has started. */
function saysSo(server: BerthServer): boolean {
  return server.log().includes('listening on ')
}

/** Starts Berth without waiting for anything: for servers that are expected to refuse. */
export async function launchBerth(options: BerthOptions = {}): Promise<BerthServer> {
  const scratch = mkdtempSync(join(tmpdir(), 'berth-test-'))
  const port = options.port ?? (await findFreePort())
  const data = options.data ?? join(scratch, 'data')
  const environment = environmentFor(options)
  const cwd = join(scratch, 'cwd')
  mkdirSync(cwd)
  const logFile = join(scratch, 'log')
  const output = openSync(logFile, 'a')
  const child = Bun.spawn({
    cmd: [
      ...(options.program ?? FROM_SOURCE),
      'serve',
      ...addressArguments(environment, port, data),
      ...(options.args ?? []),
    ],
    cwd,
    env: environment,
    detached: true,
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  const scheme = options.tls === undefined ? 'http' : 'https'
  return handle(child, { scratch, port, data, logFile, scheme })
}

/** Flags for what the environment leaves open: a test of a variable must not be overruled by a flag. */
function addressArguments(environment: Record<string, string>, port: number, data: string): string[] {
  const addr = environment['REGISTRY_HTTP_ADDR'] === undefined ? ['--addr', `127.0.0.1:${port}`] : []
  const elsewhere = [
    'REGISTRY_STORAGE',
    'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY',
    'REGISTRY_CONFIGURATION_PATH',
  ]
  return elsewhere.some((name) => environment[name] !== undefined) ? addr : [...addr, '--data', data]
}

function environmentFor({ env = {}, isolated = false }: BerthOptions): Record<string, string> {
  const inherited = Object.entries(isolated ? {} : process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !/^(REGISTRY|BERTH)_/.test(entry[0]),
  )
  return { ...Object.fromEntries(inherited), ...env }
}

interface Place {
  readonly scratch: string
  readonly port: number
  readonly data: string
  readonly logFile: string
  readonly scheme: 'http' | 'https'
}

function handle(child: Bun.Subprocess, place: Place): BerthServer {
  const endAll = () => signalTo(-child.pid, 'SIGKILL')
  process.once('exit', endAll)
  const kill = async () => {
    endAll()
    await child.exited
    await until('all of its processes have ended', () => livingInGroup(child.pid).length === 0, {
      withinMilliseconds: SYNC_ENDS_WITHIN_MS,
    })
    process.off('exit', endAll)
  }
  return {
    url: `${place.scheme}://127.0.0.1:${place.port}`,
    host: `127.0.0.1:${place.port}`,
    port: place.port,
    pid: child.pid,
    data: place.data,
    log: () => readFileSync(place.logFile, 'utf8'),
    exited: child.exited,
    processes: () => lastingProcesses(child.pid),
    signal: (name) => signalIfAlive(child, name),
    stop: () => stop(child),
    kill,
    async [Symbol.asyncDispose]() {
      await kill()
      rmSync(place.scratch, { recursive: true, force: true })
    },
  }
}

async function stop(child: Bun.Subprocess): Promise<ExitStatus> {
  const asked = performance.now()
  signalIfAlive(child, 'SIGTERM')
  const code = await within(child.exited, 15_000, 'Berth did not end within 15 s of SIGTERM')
  return { code, milliseconds: performance.now() - asked }
}

/** Its pid may be another's once it has ended. */
function signalIfAlive(child: Bun.Subprocess, name: NodeJS.Signals): void {
  if (child.exitCode === null && child.signalCode === null) signalTo(child.pid, name)
}

/** A negative number is a process group. */
function signalTo(target: number, name: NodeJS.Signals): void {
  try {
    process.kill(target, name)
  } catch {
    // It has ended.
  }
}

/** Not even SIGKILL ends a `sync` before the disk has taken what everybody on the machine has written. */
const SYNC_ENDS_WITHIN_MS = 30_000

/** Those of a process group that have not ended. */
function livingInGroup(leader: number): ProcessEntry[] {
  return listProcesses().filter((each) => each.group === leader && each.state !== 'Z')
}

/** Without those that come and go while the server does its work: a set of these is the same a moment later. */
function lastingProcesses(leader: number): number[] {
  return livingInGroup(leader)
    .filter(({ command, isProgram }) => isProgram && command !== 'sync')
    .map(({ pid }) => pid)
}

interface ProcessEntry {
  readonly pid: number
  readonly group: number
  readonly state: string
  /** The name of its program. */
  readonly command: string
  /** False between fork and exec, where a child looks like its parent. */
  readonly isProgram: boolean
}

/** PF_FORKNOEXEC in the kernel's flags of a process. */
const HAS_NOT_EXECUTED = 0x40

function listProcesses(): ProcessEntry[] {
  if (process.platform !== 'linux') return listProcessesWithPs()
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(readProcess)
}

function readProcess(name: string): ProcessEntry[] {
  try {
    const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
    const command = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
    const [state = '', , group, , , , flags] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const isProgram = (Number(flags) & HAS_NOT_EXECUTED) === 0
    return [{ pid: Number(name), group: Number(group), state, command, isProgram }]
  } catch {
    return [] // It ended while the list was read.
  }
}

function listProcessesWithPs(): ProcessEntry[] {
  const listed = Bun.spawnSync(['ps', '-A', '-o', 'pid=,pgid=,state=,comm=']).stdout.toString()
  return listed
    .trim()
    .split('\n')
    .map((line) => {
      const [pid, group, state = '', ...command] = line.trim().split(/\s+/)
      return {
        pid: Number(pid),
        group: Number(group),
        state: state.slice(0, 1),
        command: basename(command.join(' ')),
        isProgram: true,
      }
    })
}

/**
 * A port nobody listens on, below the range that the kernel gives to outgoing connections, so that no
 * client takes it before the server does.
 */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000)
    if (await canListen(port)) return port
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)))
  })
}

async function within<T>(promise: Promise<T>, milliseconds: number, sentence: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(sentence)), milliseconds)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
