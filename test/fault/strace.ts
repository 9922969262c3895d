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
export const STEPS = [
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

/** SIGKILL at the `count`-th call of `step` from the start of a request on, in whichever thread gets there first. */
export interface KillPoint {
  /** Number of the request in its round, from 0. */
  readonly request: number
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

/** Attaches to a process and all of its threads, and resolves when it is attached. */
async function attach(strace: string, pid: number, args: string[]): Promise<Tracer> {
  const folder = mkdtempSync(join(tmpdir(), 'strace-'))
  const [output, log] = [join(folder, 'output'), join(folder, 'log')]
  const daemon: Daemon = startDaemon(strace, ['-f', '-o', output, ...args, '-p', String(pid)], {
    logFile: log,
  })
  await until('strace is attached', () => daemon.log().includes('attached'))
  return {
    stop: daemon.stop,
    output: () => readFileSync(output, 'utf8'),
    async [Symbol.asyncDispose]() {
      await daemon.kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Writes down every step of the process from now on. */
export function traceSteps(strace: string, pid: number): Promise<Tracer> {
  return attach(strace, pid, ['-e', `trace=${STEPS.join(',')}`])
}

/** Kills the process at the given point. */
export function killAt(strace: string, pid: number, { step, count }: KillPoint): Promise<Tracer> {
  return attach(strace, pid, ['-e', `trace=${step}`, `--inject=${step}:signal=SIGKILL:when=${count}`])
}

/** Lets every sync of a file fail from now on, as a broken disk does. */
export function failSyncs(strace: string, pid: number): Promise<Tracer> {
  return attach(strace, pid, ['-e', 'trace=fsync', '--inject=fsync:error=EIO'])
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

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function pick<T>(values: readonly T[], random: () => number): T | undefined {
  return values[Math.floor(random() * values.length)]
}

function nameOf({ request, step, count }: KillPoint): string {
  return `${request} ${step} ${count}`
}

/**
 * `amount` different points, or fewer where there are no more: the requests of a round take turns, and in
 * each one its steps have equal chances, so that rare ones are met as often as frequent ones.
 */
export function spreadPoints(
  rounds: readonly StepCounts[],
  amount: number,
  random: () => number,
): KillPoint[] {
  const points = new Map<string, KillPoint>()
  const total = rounds.reduce((sum, counts) => sum + [...counts.values()].reduce((a, b) => a + b, 0), 0)
  const first = Math.floor(random() * rounds.length)
  for (let turn = first; points.size < Math.min(amount, total); turn += 1) {
    const request = turn % rounds.length
    const [step, most] = pick([...(rounds[request] ?? [])], random) ?? []
    if (step === undefined || most === undefined) continue
    const point: KillPoint = { request, step, count: 1 + Math.floor(random() * most) }
    points.set(nameOf(point), point)
  }
  return [...points.values()]
}
