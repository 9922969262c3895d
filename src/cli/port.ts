/**
 * Makes sure before anything else starts that the server can have its port. With several workers on one port
 * the kernel would not complain: a second Berth would silently get half of the requests.
 */
import { createServer } from 'node:net'
import type { ListenAddress } from '../config/config.ts'
import { cannotListen, formatAddress, isAnswering, isEveryAddress } from '../http/address.ts'
import { EXIT, Failure } from './failure.ts'
import { findPortHolder, type PortHolder } from './port-holder.ts'

type TcpAddress = Extract<ListenAddress, { kind: 'tcp' }>

/** Ports tried beyond the taken one, to find one to offer. */
const OFFERED_WITHIN = 50

/**
 * The address with a number in place of port 0. Throws Failure where another program has the port, and
 * CannotListen where the machine does not have the address or does not allow it.
 */
export async function requireFreePort(address: ListenAddress): Promise<ListenAddress> {
  if (address.kind === 'unix') return address
  const outcome = await probe(address)
  if (outcome instanceof Error) return requireUsable(address, outcome)
  // A Mac gives out one address of a port although another program listens on all of them.
  if (address.port !== 0 && (await isAnswering(address))) throw await taken(address)
  return { ...address, port: outcome }
}

async function requireUsable(address: TcpAddress, error: Error): Promise<ListenAddress> {
  const cannot = cannotListen(address, error)
  if (cannot.problem === 'in-use') throw await taken(address)
  // A machine without IPv6 has no `::`, but the server knows how to do without; and names are looked up by it.
  if (isEveryAddress(address) || cannot.problem === 'other') return address
  throw cannot
}

/** The port that could be had, which is the one asked for unless that was 0; or why it could not. */
function probe(address: TcpAddress): Promise<number | Error> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', resolve)
    server.listen({ host: address.hostname, port: address.port, exclusive: true }, () => {
      const bound = server.address()
      const port = typeof bound === 'object' && bound !== null ? bound.port : address.port
      server.close(() => resolve(port))
    })
  })
}

async function taken(address: TcpAddress): Promise<Failure> {
  return new Failure(EXIT.FAILED, await describeTaken(address))
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

function withPort(address: TcpAddress, port: number): string {
  return isEveryAddress(address) ? `:${port}` : formatAddress({ ...address, port })
}

async function findFreePort(address: TcpAddress): Promise<number | null> {
  const last = Math.min(address.port + OFFERED_WITHIN, 65_535)
  for (let port = address.port + 1; port <= last; port++) {
    if ((await probe({ ...address, port })) === port) return port
  }
  return null
}
