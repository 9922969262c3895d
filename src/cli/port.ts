/**
 * Makes sure before anything else starts that the server can have its port. With several workers on one port
 * the kernel would not complain: a second Berth would silently get half of the requests.
 */
import { createServer } from 'node:net'
import type { ListenAddress } from '../config/config.ts'
import { cannotListen, formatAddress, isAnswering, isEveryAddress, type TcpAddress } from '../http/address.ts'
import { EXIT, Failure } from './failure.ts'
import { findPortAnswer, type PortAnswer } from './port-answer.ts'
import { findPortHolder, type PortHolder } from './port-holder.ts'

/** Ports tried beyond the taken one, to find one to offer. */
const OFFERED_WITHIN = 50

/**
 * The address with a number in place of port 0. Throws Failure where another program has the port, and
 * CannotListen where the machine does not have the address or does not allow it.
 * `root`: the data folder, or null where there is none.
 */
export async function requireFreePort(address: ListenAddress, root: string | null): Promise<ListenAddress> {
  if (address.kind === 'unix') return address
  const outcome = await probe(address)
  if (outcome instanceof Error) return requireUsable(address, root, outcome)
  // A Mac gives out one address of a port although another program listens on all of them.
  if (address.port !== 0 && (await isAnswering(address))) throw await taken(address, root)
  return { ...address, port: outcome }
}

async function requireUsable(address: TcpAddress, root: string | null, error: Error): Promise<ListenAddress> {
  const cannot = cannotListen(address, error)
  if (cannot.problem === 'in-use') throw await taken(address, root)
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

async function taken(address: TcpAddress, root: string | null): Promise<Failure> {
  return new Failure(EXIT.FAILED, await describeTaken(address, root))
}

/** One sentence on who holds the port, and one on what to do. */
async function describeTaken(address: TcpAddress, root: string | null): Promise<string> {
  const [holder, answer, free] = await Promise.all([
    findPortHolder(address.port),
    findPortAnswer(address, root),
    findFreePort(address),
  ])
  const offered = free === null ? '--addr' : `--addr ${withPort(address, free)}`
  return (
    `Port ${address.port} is taken by ${describeHolder(address.port, holder)}${WHAT_ANSWERS[answer]}. ` +
    (answer === 'same-folder'
      ? `Use that one, or stop it. Beside it, another needs a folder and a port of its own: --data <folder> ${offered}`
      : `Stop it, or ${free === null ? 'choose another with' : 'use one that is free:'} ${offered}`)
  )
}

const WHAT_ANSWERS: Readonly<Record<PortAnswer, string>> = {
  'same-folder': ': it is Berth, already running on this data folder',
  berth: ': it is a Berth that is already running',
  registry: ': it is a registry that is already running',
  other: '',
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
