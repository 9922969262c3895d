/**
 * Where a server listens, and whether it can: Bun lets two servers share a port without a word (the second on
 * another of its addresses, or as a worker), so whoever wants it alone asks first.
 */
import { chmodSync } from 'node:fs'
import { lstat, unlink } from 'node:fs/promises'
import { codeOf, messageOf } from '../lib/thrown.ts'

export type Address = TcpAddress | UnixAddress

/** An empty hostname, or `::`, is every address of this machine, of both families. Port 0 is any free one. */
export interface TcpAddress {
  readonly kind: 'tcp'
  readonly hostname: string
  readonly port: number
}

export interface UnixAddress {
  readonly kind: 'unix'
  readonly path: string
}

export type ListenProblem =
  | 'in-use'
  | 'not-allowed'
  | 'no-such-address'
  | 'not-a-socket'
  | 'path-too-long'
  | 'no-such-folder'
  | 'other'

/** The server could not start. The message says why, and what to do. */
export class CannotListen extends Error {
  override readonly name = 'CannotListen'
  readonly address: Address
  readonly problem: ListenProblem

  /** `who`: what was to listen there, where that is not plain, such as `the debug server (http.debug.addr)`. */
  constructor(address: Address, problem: ListenProblem, options?: ErrorOptions & { readonly who?: string }) {
    super(sentence(address, problem, options), options)
    this.address = address
    this.problem = problem
  }
}

/** As people write it: `127.0.0.1:5000`, `[::]:5000`, or a path. */
export function formatAddress(address: Address): string {
  if (address.kind === 'unix') return address.path
  const hostname = address.hostname === '' ? '::' : address.hostname
  return `${hostname.includes(':') ? `[${bare(hostname)}]` : hostname}:${address.port}`
}

/** Whether a program answers there now. */
export async function isAnswering(address: Address): Promise<boolean> {
  try {
    const socket = await connect(address)
    socket.terminate()
    return true
  } catch {
    return false
  }
}

/** Makes sure that nobody else has the address, and removes the socket that a killed server left behind. Throws CannotListen. */
export async function claim(address: Address): Promise<void> {
  if (address.kind === 'tcp') {
    if (address.port !== 0 && (await isAnswering(address))) throw new CannotListen(address, 'in-use')
    return
  }
  const found = await lstat(address.path).catch(() => null)
  if (found === null) return
  if (!found.isSocket()) throw new CannotListen(address, 'not-a-socket')
  if (await isAnswering(address)) throw new CannotListen(address, 'in-use')
  await unlink(address.path)
}

/** Reading of a file by owner, group and others, as in a mode. */
const READ_BITS = 0o444

/**
 * Whoever may read this user's files may connect. Connecting needs the right to write, which the usual umask takes from
 * everybody else: nginx, which is another user, would get "permission denied".
 */
export function letReadersConnect({ path }: UnixAddress): void {
  const readers = READ_BITS & ~process.umask()
  chmodSync(path, readers | (readers >> 1))
}

/** What a failed attempt to listen means. */
export function cannotListen(address: Address, cause: unknown): CannotListen {
  const problem = PROBLEMS[codeOf(cause) ?? '']
  return new CannotListen(address, problem ?? 'other', { cause })
}

/** ENOTCONN is what Bun says of a name that nobody knows. */
const PROBLEMS: Readonly<Record<string, ListenProblem>> = {
  EADDRINUSE: 'in-use',
  EACCES: 'not-allowed',
  EPERM: 'not-allowed',
  EADDRNOTAVAIL: 'no-such-address',
  ENOTCONN: 'no-such-address',
  ENAMETOOLONG: 'path-too-long',
  ENOENT: 'no-such-folder',
}

const SENTENCES: Readonly<Record<ListenProblem, string>> = {
  'in-use': 'another program already answers there. Stop it, or choose another address.',
  'not-allowed':
    'this user may not. Ports below 1024 need root: choose a higher one. A socket needs a folder that this user may write to.',
  'no-such-address': 'this machine has no such address. Leave the host out to listen on all of them.',
  'not-a-socket': 'there is a file at this path already. Remove it, or choose another path.',
  'path-too-long': 'the path of a socket has about 100 bytes at most. Choose a shorter one.',
  'no-such-folder': 'the folder of this socket does not exist. Make it, or choose another path.',
  other: 'the system refused',
}

function sentence(
  address: Address,
  problem: ListenProblem,
  { cause, who }: { readonly cause?: unknown; readonly who?: string } = {},
): string {
  const subject = who === undefined ? 'Cannot listen' : `Cannot start ${who}: cannot listen`
  const why = problem === 'other' ? ` (${messageOf(cause)}).` : ''
  return `${subject} on ${formatAddress(address)}: ${SENTENCES[problem]}${why}`
}

/** Both families, where the machine has both. */
export function isEveryAddress({ hostname }: TcpAddress): boolean {
  return hostname === '' || bare(hostname) === '::'
}

/** Every address of this machine, be it of one family alone. */
export function isWildcard(address: TcpAddress): boolean {
  return isEveryAddress(address) || address.hostname === '0.0.0.0'
}

function connect(address: Address): Promise<Bun.Socket<undefined>> {
  const socket = { data() {} }
  if (address.kind === 'unix') return Bun.connect({ unix: address.path, socket })
  const { hostname, port } = reachableHere(address)
  return Bun.connect({ hostname: bare(hostname), port, socket })
}

/** Where this machine reaches it: who listens on every address listens on this one too. */
export function reachableHere(address: TcpAddress): TcpAddress {
  return isWildcard(address) ? { ...address, hostname: '127.0.0.1' } : address
}

/** An IPv6 address without the brackets that it has in URLs. */
function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}
