/** Berth's processes and the sockets they hold, read from /proc: so on Linux only. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { BerthServer } from '../berth-server.ts'

export const TWO_WORKERS = { BERTH_WORKERS: '2' } as const

/** Pids of Berth's living children of one kind. */
export function childrenOf(berth: BerthServer, kind: 'worker' | 'writer'): number[] {
  return berth.processes().filter((pid) => commandOf(pid).at(-1) === kind)
}

/** Throws when there is none, or more than one. */
export function writerOf(berth: BerthServer): number {
  const [writer, ...others] = childrenOf(berth, 'writer')
  if (writer === undefined || others.length > 0) throw new Error('there is not one writer')
  return writer
}

function commandOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)
  } catch {
    return [] // It has ended.
  }
}

/** Bytes that a process has read from files so far; what comes over a connection is not among them. */
export function bytesRead(pid: number): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
}

/** How many sockets listen on a port, whoever holds them. */
export function countListeners(port: number): number {
  return listeningOn(port).length
}

/** Those of the processes that listen on a port. */
export function listenersOn(port: number, pids: readonly number[]): number[] {
  const inodes = new Set(listeningOn(port))
  return pids.filter((pid) => socketsOf(pid).some((inode) => inodes.has(inode)))
}

function listeningOn(port: number): string[] {
  return tcpSockets()
    .filter((socket) => socket.state === LISTENING && socket.port === port)
    .map(({ inode }) => inode)
}

/** Whether a process holds the server's end of a connection, which it gets with the first bytes. */
export function holdsConnection(pid: number, port: number, clientPort: number): boolean {
  const end = tcpSockets().find(
    (socket) => socket.state === CONNECTED && socket.port === port && socket.remotePort === clientPort,
  )
  return end !== undefined && socketsOf(pid).includes(end.inode)
}

const CONNECTED = '01'
const LISTENING = '0A'

interface TcpSocket {
  readonly port: number
  readonly remotePort: number
  readonly state: string
  readonly inode: string
}

/** Rows of /proc/net/tcp: "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode". */
function tcpSockets(): TcpSocket[] {
  const rows = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1)
  return rows.map((row) => {
    const [, local = '', remote = '', state = '', , , , , , inode = ''] = row.trim().split(/\s+/)
    return { port: portOf(local), remotePort: portOf(remote), state, inode }
  })
}

function portOf(address: string): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16)
}

function socketsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).flatMap(
      (name) => /^socket:\[(\d+)\]$/.exec(targetOf(`${folder}/${name}`))?.[1] ?? [],
    )
  } catch {
    return [] // It has ended.
  }
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return '' // It was closed while the list was read.
  }
}
