/**
 * Who listens on a port of this machine: read from /proc on Linux, asked of lsof elsewhere. What cannot be
 * found out (another user's process, no lsof) is simply not said.
 */
import { readdir, readFile, readlink } from 'node:fs/promises'

export interface PortHolder {
  readonly pid: number
  /** As it was typed, or as much as the system shows. */
  readonly command: string
}

export async function findPortHolder(port: number): Promise<PortHolder | null> {
  return process.platform === 'linux' ? findInProc(port) : findWithLsof(port)
}

async function findInProc(port: number): Promise<PortHolder | null> {
  const sockets = new Set((await listeningInodes(port)).map((inode) => `socket:[${inode}]`))
  const pids = (await namesIn('/proc')).filter((name) => /^\d+$/.test(name))
  for (const pid of sockets.size === 0 ? [] : pids) {
    if (await holdsOneOf(pid, sockets)) return { pid: Number(pid), command: await commandOf(pid) }
  }
  return null
}

/** Rows of /proc/net/tcp: "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode"; state 0A listens. */
async function listeningInodes(port: number): Promise<string[]> {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(textOf))
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return tables
    .flatMap((table) => table.split('\n'))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(ending) && fields[3] === '0A')
    .flatMap((fields) => fields[9] ?? [])
}

async function holdsOneOf(pid: string, sockets: ReadonlySet<string>): Promise<boolean> {
  const descriptors = await namesIn(`/proc/${pid}/fd`)
  for (const descriptor of descriptors) {
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')
    if (sockets.has(target)) return true
  }
  return false
}

async function commandOf(pid: string): Promise<string> {
  const words = (await textOf(`/proc/${pid}/cmdline`)).split('\0').filter((word) => word !== '')
  return words.join(' ')
}

async function findWithLsof(port: number): Promise<PortHolder | null> {
  const pid = Number(await outputOf(['lsof', '-nP', '-t', `-iTCP:${port}`, '-sTCP:LISTEN']))
  if (!Number.isInteger(pid) || pid === 0) return null
  return { pid, command: await outputOf(['ps', '-o', 'command=', '-p', String(pid)]) }
}

/** The first line that a program prints, or nothing where it cannot be run. */
async function outputOf(command: string[]): Promise<string> {
  if (Bun.which(command[0] ?? '') === null) return ''
  const child = Bun.spawn(command, { stdout: 'pipe', stderr: 'ignore' })
  const text = await new Response(child.stdout).text()
  return text.trim().split('\n')[0] ?? ''
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => [])
}

function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}
