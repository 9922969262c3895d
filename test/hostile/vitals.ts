/** What a process holds, as the kernel counts it. Zeros where there is no /proc. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'

export interface Vitals {
  readonly descriptors: number
  /** Bytes of resident memory, now. */
  readonly memory: number
  /** Bytes of resident memory, when it was most. */
  readonly peak: number
}

export function readVitals(pid: number): Vitals {
  if (!existsSync(`/proc/${pid}/status`)) return { descriptors: 0, memory: 0, peak: 0 }
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
  return { descriptors: readdirSync(`/proc/${pid}/fd`).length, memory: bytes('VmRSS'), peak: bytes('VmHWM') }
}
