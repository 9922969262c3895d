/** What every Prometheus client tells of its process, and alerts are built on. Several processes are summed. */
import { readdir } from 'node:fs/promises'
import { gauge, type Metric } from './metrics.ts'

export async function describeProcess(): Promise<Metric[]> {
  const { user, system } = process.cpuUsage()
  const started = Date.now() / 1000 - process.uptime()
  const descriptors = await countDescriptors()
  const one = (value: number) => [{ labels: {}, value }]
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
      'process_open_fds',
      'Number of open file descriptors.',
      descriptors === null ? [] : one(descriptors),
    ),
  ]
}

/** Null where the system does not tell. */
async function countDescriptors(): Promise<number | null> {
  const names = await readdir('/proc/self/fd').catch(() => null)
  return names === null ? null : names.length
}
