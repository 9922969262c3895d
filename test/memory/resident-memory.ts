/**
 * How much memory a server takes, seen from outside: by what Linux tells of it (/proc).
 *
 * What counts is resident memory (RSS), everything included: about 40 MB of every process are Bun's program
 * itself, which the kernel keeps once, but which is counted for each. Peaks are the kernel's own (VmHWM), so no
 * short one is missed; the sum of those of several processes is at least what they ever had together.
 */
import { existsSync, readFileSync } from 'node:fs'

const KIB = 1024

/** Bytes; the peak is since the start of each process. */
export interface ResidentMemory {
  readonly now: number
  readonly peak: number
}

/** What stands in the way of tests that look at it. */
export function memoryObstacles(): string[] {
  return existsSync('/proc/self/status')
    ? []
    : ['needs /proc, which tells how much memory a process has (run it on Linux, or in a Linux container)']
}

/** Of these processes together, which must all live. */
export function residentMemoryOf(pids: readonly number[]): ResidentMemory {
  const all = pids.map((pid) => readFileSync(`/proc/${pid}/status`, 'utf8'))
  const sum = (field: string) => all.reduce((total, status) => total + bytesIn(status, field), 0)
  return { now: sum('VmRSS'), peak: sum('VmHWM') }
}

function bytesIn(status: string, field: string): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)
  if (found === null) throw new Error(`/proc says nothing of ${field}`)
  return Number(found[1]) * KIB
}
