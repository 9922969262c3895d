/**
 * Faults from outside: strace attached to a running server counts its syscalls, or kills it with SIGKILL at
 * exactly the N-th call of one kind. Calls are counted by strace for each thread apart.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../berth-server.ts'
import { type Daemon, startDaemon } from '../tools/command.ts'

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

/** SIGKILL at the `count`-th call of `step` in whichever thread gets there first. */
export interface KillPoint {
  readonly step: Step
  readonly count: number
}

export interface Tracer extends AsyncDisposable {
  /** What strace wrote so far. */
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
    output: () => readFileSync(output, 'utf8'),
    async [Symbol.asyncDispose]() {
      await daemon.stop()
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

/** How often each step was taken, in the thread that took it most often. */
export function countSteps(output: string): Map<Step, number> {
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

/** `amount` different points, taken from the steps in turn, so that rare ones are met as often as frequent ones. */
export function spreadPoints(
  counts: ReadonlyMap<Step, number>,
  amount: number,
  random: () => number,
): KillPoint[] {
  const points: KillPoint[] = []
  const left = new Map(
    [...counts].map(([step, count]) => [step, Array.from({ length: count }, (_, at) => at + 1)]),
  )
  while (points.length < amount && left.size > 0) {
    for (const [step, numbers] of [...left].slice(0, amount - points.length)) {
      const [count] = numbers.splice(Math.floor(random() * numbers.length), 1)
      if (count !== undefined) points.push({ step, count })
      if (numbers.length === 0) left.delete(step)
    }
  }
  return points
}
