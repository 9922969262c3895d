/**
 * Makes sure before anything else starts that the server can have its port. With several workers on one port
 * the kernel would not complain: a second Berth would silently get half of the requests.
 */
import { createServer } from 'node:net'
import type { ListenAddress } from '../config/config.ts'
import { EXIT, Failure } from './failure.ts'
import { findPortHolder, type PortHolder } from './port-holder.ts'

type TcpAddress = Extract<ListenAddress, { kind: 'tcp' }>

/** Ports tried beyond the taken one, to find one to offer. */
const OFFERED_WITHIN = 50

/**
 * The address with a number in place of port 0. Throws Failure where another program has the port; what else
 * may be wrong with an address, the server says when it starts.
 */
export async function requireFreePort(address: ListenAddress): Promise<ListenAddress> {
  if (address.kind === 'unix') return address
  const outcome = await probe(address)
  if (outcome === 'taken') throw new Failure(EXIT.FAILED, await describeTaken(address))
  return outcome === 'unknown' ? address : { ...address, port: outcome }
}

/** The port that could be had, which is the one asked for unless that was 0. */
function probe(address: TcpAddress): Promise<number | 'taken' | 'unknown'> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) =>
      resolve('code' in error && error.code === 'EADDRINUSE' ? 'taken' : 'unknown'),
    )
    server.listen({ host: address.hostname, port: address.port, exclusive: true }, () => {
      const bound = server.address()
      server.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : 'unknown'))
    })
  })
}

/** One sentence on who holds the port, and one on what to do. */
async function describeTaken(address: TcpAddress): Promise<string> {
  const holder = await findPortHolder(address.port)
  const free = await findFreePort(address)
  const offer =
    free === null ? 'choose another with --addr' : `use one that is free: --addr ${withPort(address, free)}`
  return `Port ${address.port} is taken by ${describeHolder(address.port, holder)}. Stop it, or ${offer}`
}

function describeHolder(port: number, holder: PortHolder | null): string {
  if (
    port === 5000 &&
    process.platform === 'darwin' &&
    (holder?.command ?? 'ControlCenter').includes('ControlCenter')
  ) {
    return 'the AirPlay Receiver of this Mac (turn it off in System Settings, General, AirDrop & Handoff)'
  }
  if (holder === null) return 'a program of another user'
  const short = holder.command.length > 120 ? `${holder.command.slice(0, 120)}…` : holder.command
  return `process ${holder.pid}${short === '' ? '' : ` (${short})`}`
}

function withPort({ hostname }: TcpAddress, port: number): string {
  if (hostname === '::') return `:${port}`
  return hostname.includes(':') ? `[${hostname}]:${port}` : `${hostname}:${port}`
}

async function findFreePort(address: TcpAddress): Promise<number | null> {
  const last = Math.min(address.port + OFFERED_WITHIN, 65_535)
  for (let port = address.port + 1; port <= last; port++) {
    if ((await probe({ ...address, port })) === port) return port
  }
  return null
}
