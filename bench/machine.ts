/** Where a run took place: what its figures depend on beside the contestants. Linux only (/proc). */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { summarize } from './statistics.ts'

const SYNCS = 50
const BLOCK_BYTES = 4096
const CREATIONS = 1000
const GIGABYTE = 1e9

/** Lines for the head of a report. `folder` lies on the disk that is measured. */
export function describeMachine(folder: string): string[] {
  const { type, device } = findMount(folder)
  const memory = `${(os.totalmem() / GIGABYTE).toFixed(0)} GB of memory`
  return [
    `Linux ${os.release()}, ${os.cpus().length} × ${os.cpus()[0]?.model ?? 'unknown processor'}, ${memory}`,
    `Disk: ${type} on ${device}; appending 4 KiB and syncing it takes ${syncMilliseconds(folder).toFixed(2)} ms, making a folder with a file in it ${creationMicroseconds(folder).toFixed(0)} µs of CPU`,
    `Load average when it began: ${os.loadavg()[0]?.toFixed(2)}`,
  ]
}

/** Bytes that can still be written there. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

interface Mount {
  readonly device: string
  readonly point: string
  readonly type: string
}

function findMount(folder: string): Mount {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line): Mount => {
      const [device = '', point = '', type = ''] = line.split(' ')
      return { device, point, type }
    })
  const holds = ({ point }: Mount) =>
    point !== '' && `${folder}/`.startsWith(point.endsWith('/') ? point : `${point}/`)
  const [mount] = mounts.filter(holds).sort((a, b) => b.point.length - a.point.length)
  return mount ?? { device: 'unknown device', point: '/', type: 'unknown' }
}

function syncMilliseconds(folder: string): number {
  const path = join(folder, 'sync-probe')
  const file = openSync(path, 'w')
  const block = Buffer.alloc(BLOCK_BYTES, 1)
  const times = Array.from({ length: SYNCS }, () => {
    const began = performance.now()
    writeSync(file, block)
    fsyncSync(file)
    return performance.now() - began
  })
  closeSync(file)
  rmSync(path)
  return summarize(times).median
}

/** Several times as much when many files were deleted there within the last minutes. They stay, for the same reason. */
function creationMicroseconds(folder: string): number {
  const before = process.cpuUsage()
  for (let count = 0; count < CREATIONS; count++) {
    const path = join(folder, 'creation-probe', String(count))
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, 'file'), 'content')
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / CREATIONS
}
