/**
 * What a server's processes cost, read from outside: each server is started as the leader of a process group of
 * its own, and whatever it starts stays in it. Linux only (/proc).
 */
import { readdirSync, readFileSync } from 'node:fs'

/** The unit of times in /proc/<pid>/stat, the same on every Linux: USER_HZ. */
const TICKS_PER_SECOND = 100
const KIBIBYTE = 1024

export interface ProcessEntry {
  readonly pid: number
  readonly group: number
  readonly isZombie: boolean
  /** User and system time, its own and that of its children which have ended and were waited for. */
  readonly cpuSeconds: number
}

/** The members of a group that have not ended. */
export function membersOf(leader: number): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readIfThere(`/proc/${name}/stat`, parseStat))
    .filter((entry) => entry.group === leader && !entry.isZombie)
}

/** CPU seconds that the group has used since it was started; steps of 10 ms. */
export function cpuSecondsOf(leader: number): number {
  return membersOf(leader).reduce((total, { cpuSeconds }) => total + cpuSeconds, 0)
}

/** Resident memory of all members together, in bytes; pages that two of them share count twice. */
export function residentBytesOf(leader: number): number {
  return membersOf(leader)
    .flatMap(({ pid }) => readIfThere(`/proc/${pid}/smaps_rollup`, parseResident))
    .reduce((total, bytes) => total + bytes, 0)
}

/** The most that each member which lives has had of resident memory, added up, in bytes. */
export function peakBytesOf(leader: number): number {
  return membersOf(leader)
    .flatMap(({ pid }) => readIfThere(`/proc/${pid}/status`, parsePeak))
    .reduce((total, bytes) => total + bytes, 0)
}

/** The member with this word among its arguments, or null. */
export function findMember(leader: number, argument: string): number | null {
  const runs = ({ pid }: ProcessEntry) =>
    readIfThere(`/proc/${pid}/cmdline`, (text) => text.split('\0')).some((words) => words.includes(argument))
  return membersOf(leader).find(runs)?.pid ?? null
}

/** A line of /proc/<pid>/stat. The name, second and in brackets, may hold anything. */
export function parseStat(text: string): ProcessEntry {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, , group] = fields
  const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0)
  return {
    pid: Number.parseInt(text, 10),
    group: Number(group),
    isZombie: state === 'Z',
    cpuSeconds: ticks / TICKS_PER_SECOND,
  }
}

function parseResident(text: string): number {
  return Number(/^Rss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * KIBIBYTE
}

function parsePeak(text: string): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * KIBIBYTE
}

/** One element, or none where the process has ended meanwhile. */
function readIfThere<T>(file: string, parse: (text: string) => T): T[] {
  try {
    return [parse(readFileSync(file, 'utf8'))]
  } catch {
    return []
  }
}
