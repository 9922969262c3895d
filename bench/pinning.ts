/**
 * Has a server and its client share one core for a while. On cores of their own the server pays for waking the
 * client, an interrupt to another core each time it has read everything: on a virtual machine that is most of
 * what sending a file costs, and says nothing about the server.
 */
import { readFileSync } from 'node:fs'
import { findTool } from '../test/tools/find-tool.ts'
import type { Server } from './server.ts'

/** Does the work with the server on one core; `client` is what stands before a command that is to run there, too. */
export async function onOneCore(
  server: Server,
  work: (client: readonly string[]) => Promise<void>,
): Promise<void> {
  const taskset = findTool('taskset')
  if (taskset === null) throw new Error('There is no taskset here.')
  const cores = allowedCores()
  const core = Number.parseInt(cores, 10)
  const put = (where: string) => {
    for (const pid of server.pids()) run([taskset, '-a', '-c', '-p', where, String(pid)])
  }
  put(String(core))
  try {
    await work([taskset, '-c', String(core)])
  } finally {
    put(cores)
  }
}

/** As a list such as `0-1,4`. */
function allowedCores(): string {
  const cores = /^Cpus_allowed_list:\s+(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  if (cores === undefined) throw new Error('The kernel does not say which cores may be used.')
  return cores
}

function run(command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command)
  if (exitCode !== 0) throw new Error(`${command.join(' ')} failed: ${stderr}`)
}
