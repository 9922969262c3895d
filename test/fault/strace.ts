/**
 * Faults from outside: strace attached to a running server counts its syscalls, or kills it with SIGKILL at
 * exactly the N-th call of one kind. Calls are counted by strace for each thread apart.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Daemon, startDaemon } from '../tools/command.ts'
import { until } from '../until.ts'

/** The steps of a write: bytes, their flush, names, removals, and the answer on the wire. */
const STEPS = [
  'pwrite64',
  'pwritev',
  'write',
  'writev',
  'fsync',
  'fdatasync',
  'rename',
  'renameat',
  'renameat2',
  'mkdir',
  'unlink',
  'unlinkat',
  'ftruncate',
  'sendto',
  'sendmsg',
] as const

export type Step = (typeof STEPS)[number]

/** How often each step was taken, in the thread that took it most often. */
export type StepCounts = ReadonlyMap<Step, number>

/** The `count`-th call of a step from some moment on, in whichever thread gets there first. */
export interface Call {
  readonly step: Step
  readonly count: number
}

/** Disposing of it ends strace the hard way: beside a killed process it may not heed SIGTERM for long. */
export interface Tracer extends AsyncDisposable {
  /** Lets go of the process, which goes on if it still lives. */
  stop(): Promise<void>
  /** What strace wrote; complete when it has stopped. */
  output(): string
}

/** Attaches to processes and all of their threads, and resolves when it is attached. */
async function attach(strace: string, pids: readonly number[], args: string[]): Promise<Tracer> {
  const folder = mkdtempSync(join(tmpdir(), 'strace-'))
  const [output, log] = [join(folder, 'output'), join(folder, 'log')]
  const targets = pids.flatMap((pid) => ['-p', String(pid)])
  const daemon: Daemon = startDaemon(strace, ['-f', '-o', output, ...args, ...targets], { logFile: log })
  await until('strace is attached', () =>
    pids.every((pid) => daemon.log().includes(`Process ${pid} attached`)),
  )
  return {
    stop: daemon.stop,
    output: () => readFileSync(output, 'utf8'),
    async [Symbol.asyncDispose]() {
      await daemon.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Writes down every step of the processes from now on. */
export function traceSteps(strace: string, pids: readonly number[]): Promise<Tracer> {
  return attach(strace, pids, ['-e', `trace=${STEPS.join(',')}`])
}

/** Kills whichever of the processes comes to the call, before it is made. */
export function killAt(strace: string, pids: readonly number[], { step, count }: Call): Promise<Tracer> {
  return attach(strace, pids, ['-e', `trace=${step}`, `--inject=${step}:signal=SIGKILL:when=${count}`])
}

/** Makes each of these steps wait before it is made, in its own thread, from now on. */
export function slowDown(
  strace: string,
  pids: readonly number[],
  steps: readonly Step[],
  milliseconds: number,
): Promise<Tracer> {
  const slow = `--inject=${steps.join(',')}:delay_enter=${milliseconds}ms`
  return attach(strace, pids, ['-e', `trace=${steps.join(',')}`, slow])
}

/** Refuses what a process writes at a place of a file, as SQLite does, as a disk that has become read-only. */
export function refuseOpenFiles(strace: string, pid: number): Promise<Tracer> {
  return attach(strace, [pid], ['-e', 'trace=pwrite64,ftruncate', '--inject=pwrite64,ftruncate:error=EROFS'])
}

/** Refuses the bytes of uploads, as a quota that is used up. */
export function refuseUploads(strace: string, pid: number): Promise<Tracer> {
  return attach(strace, [pid], ['-e', 'trace=writev,pwritev', '--inject=writev,pwritev:error=EDQUOT'])
}

/** Lets every sync of a file fail from now on, as a broken disk does. */
export function failSyncs(strace: string, pid: number): Promise<Tracer> {
  return attach(strace, [pid], ['-e', 'trace=fsync', '--inject=fsync:error=EIO'])
}

/** Counts the steps in what `traceSteps` wrote. */
export function countSteps(output: string): StepCounts {
  const counts = new Map<Step, Map<string, number>>()
  for (const [, thread = '', name = ''] of output.matchAll(/^(\d+) +(\w+)\(/gm)) {
    const step = STEPS.find((each) => each === name)
    if (step === undefined) continue
    const threads = counts.get(step) ?? new Map<string, number>()
    threads.set(thread, (threads.get(thread) ?? 0) + 1)
    counts.set(step, threads)
  }
  return new Map([...counts].map(([step, threads]) => [step, Math.max(...threads.values())]))
}

/** Makes each sync of a whole volume wait, also those of programs that the process starts. */
export function slowVolumeSyncs(strace: string, pid: number, milliseconds: number): Promise<Tracer> {
  return attach(strace, [pid], ['-e', 'trace=syncfs', `--inject=syncfs:delay_enter=${milliseconds}ms`])
}
