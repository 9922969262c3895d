/** What every Prometheus client tells of its process, and alerts are built on. Several processes are summed. */
import { readdir, readFile } from 'node:fs/promises'
import { gauge, type Metric, type MetricValue } from './metrics.ts'

export async function describeProcess(): Promise<Metric[]> {
  const { user, system } = process.cpuUsage()
  const started = Date.now() / 1000 - process.uptime()
  const [descriptors, mostDescriptors, kilobytes] = await Promise.all([
    countDescriptors(),
    findNumber('/proc/self/limits', /^Max open files\s+(\d+)/m),
    findNumber('/proc/self/status', /^VmSize:\s+(\d+) kB/m),
  ])
  return [
    {
      name: 'process_cpu_seconds_total',
      help: 'Total user and system CPU time spent in seconds.',
      type: 'counter',
      aggregator: 'sum',
      values: one((user + system) / 1e6),
    },
    gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', one(process.memoryUsage.rss())),
    gauge(
      'process_start_time_seconds',
      'Start time of the process since unix epoch in seconds.',
      one(started),
      'min',
    ),
    gauge(
      'process_virtual_memory_bytes',
      'Virtual memory size in bytes.',
      one(kilobytes === null ? null : kilobytes * 1024),
    ),
    gauge('process_open_fds', 'Number of open file descriptors.', one(descriptors)),
    gauge('process_max_fds', 'Maximum number of open file descriptors.', one(mostDescriptors)),
  ]
}

/** None where the system does not tell. */
function one(value: number | null): MetricValue[] {
  return value === null ? [] : [{ labels: {}, value }]
}

/** The first group of the pattern; null where the system does not tell, or sets no limit. */
async function findNumber(path: string, pattern: RegExp): Promise<number | null> {
  const text = await readFile(path, 'utf8').catch(() => '')
  const found = pattern.exec(text)?.[1]
  return found === undefined ? null : Number(found)
}

/** Null where the system does not tell. */
async function countDescriptors(): Promise<number | null> {
  const names = await readdir('/proc/self/fd').catch(() => null)
  return names === null ? null : names.length
}
