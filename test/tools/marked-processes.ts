/**
 * Finds the processes that descend from one we started, by a mark in their environment, which every child
 * inherits, also when it has left its parent's group or its parent has ended. Only marked ones are ended.
 * Linux only; elsewhere nothing is found.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** The environment variable that holds the mark. */
export const MARK_VARIABLE = 'TEST_SUITE_MARK'

const GRACE = 2000
const STEP = 50

interface MarkedProcess {
  readonly pid: number
  readonly commandLine: string
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return '' // It ended while the list was read.
  }
}

function markedProcesses(mark: string): MarkedProcess[] {
  if (process.platform !== 'linux') return []
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids
    .filter((pid) => read(`/proc/${pid}/environ`).includes(`${MARK_VARIABLE}=${mark}`))
    .map((pid) => ({
      pid: Number(pid),
      commandLine: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim(),
    }))
    .filter(({ commandLine }) => commandLine !== '')
}

function end({ pid }: MarkedProcess): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

/** Gives marked processes a moment to end by themselves, then ends the rest. Tells which ones. */
export async function endMarkedProcesses(mark: string): Promise<string[]> {
  const deadline = performance.now() + GRACE
  let left = markedProcesses(mark)
  while (left.length > 0 && performance.now() < deadline) {
    await Bun.sleep(STEP)
    left = markedProcesses(mark)
  }
  left.forEach(end)
  return left.map(({ commandLine }) => commandLine)
}
