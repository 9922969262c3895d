/**
 * A client for tests that shows the wire as it is: what was sent, in which pieces, and how it ended.
 * It mends nothing, follows nothing and retries nothing.
 */
import net from 'node:net'
import tls from 'node:tls'
import type { Reply } from './reply.ts'
import type { IncomingRequest } from './request.ts'
import { type RunningServer, type ServerOptions, startServer } from './server.ts'

/** A server on a free loopback port that answers with `handle`, and errors with their names. */
export function serveForTest(
  handle: (request: IncomingRequest) => Promise<Reply> | Reply,
  options: Partial<ServerOptions> = {},
): Promise<RunningServer> {
  return startServer({
    address: { kind: 'tcp', hostname: '127.0.0.1', port: 0 },
    handle: async (request) => handle(request),
    onError: (error) =>
      textReply(500, error instanceof Error ? `${error.name}: ${error.message}` : String(error)),
    ...options,
  })
}

export function textReply(status: number, text: string, headers: Reply['headers'] = {}): Reply {
  return { status, headers, body: { kind: 'bytes', bytes: new TextEncoder().encode(text) } }
}

export interface RawResponse {
  readonly status: number
  /** By lower-case name; the values of a name that came twice are joined by ` | `. */
  readonly headers: Readonly<Record<string, string>>
  /** Chunks joined. */
  readonly body: Buffer
  /** Whether the body came to its announced end: its length, or its last chunk. */
  readonly isWhole: boolean
}

/** A port of loopback, or a Unix socket. With TLS whatever certificate is shown is taken. */
export type RawTarget = { readonly port: number; readonly isEncrypted?: boolean } | { readonly path: string }

function connect(target: RawTarget): net.Socket {
  if ('path' in target) return net.connect(target)
  const place = { port: target.port, host: '127.0.0.1' }
  return target.isEncrypted === true
    ? tls.connect({ ...place, rejectUnauthorized: false })
    : net.connect(place)
}

/** One connection. Bytes are kept as they come. */
export class RawConnection {
  readonly #socket: net.Socket
  #received: Buffer = Buffer.alloc(0)
  #isClosed = false

  constructor(target: RawTarget) {
    this.#socket = connect(target)
    this.#socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes])
    })
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      this.#isClosed = true
    })
  }

  get received(): Buffer {
    return this.#received
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Resolves when the kernel has taken it. */
  write(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#socket.write(bytes, () => resolve()))
  }

  /** Says that nothing more will come; what the server still sends is read. */
  end(): void {
    this.#socket.end()
  }

  stopReading(): void {
    this.#socket.pause()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Waits until something came that has this text in it, and gives everything so far. */
  async until(text: string): Promise<string> {
    await waitFor(() => this.#received.includes(text), `"${text}" on the wire`)
    return this.#received.toString('latin1')
  }

  async closed(patience = PATIENCE_MILLISECONDS): Promise<Buffer> {
    await waitFor(() => this.#isClosed, 'the connection to close', patience)
    return this.#received
  }
}

/** Sends one request on a connection of its own, and waits until the server closes it. */
export async function exchange(port: number | null, head: string, body = ''): Promise<RawResponse> {
  const connection = new RawConnection({ port: port ?? 0 })
  await connection.write(`${head}\r\nHost: test\r\nConnection: close\r\n\r\n${body}`)
  return parseResponse(await connection.closed())
}

/** The only answer on a connection, or what has come of it. */
export function parseResponse(bytes: Buffer): RawResponse {
  return parseOne(bytes, 'to the end').response
}

/**
 * Every answer on a connection, in order; the interim ones (1xx) are left out. `head` says that the first one
 * answers a HEAD, so that its length is not that of a body.
 */
export function parseResponses(bytes: Buffer, { head = false } = {}): RawResponse[] {
  const responses: RawResponse[] = []
  let rest = bytes
  while (rest.includes('\r\n\r\n')) {
    const { response, end } = parseOne(rest, head && responses.length === 0 ? 'no body' : 'to its length')
    rest = rest.subarray(end)
    if (response.status >= 200) responses.push(response)
  }
  return responses
}

/** `to the end`: whatever follows the headers is the body, be it as long as announced or not. */
type Extent = 'to the end' | 'to its length' | 'no body'

function parseOne(bytes: Buffer, extent: Extent): { response: RawResponse; end: number } {
  const headEnd = bytes.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = bytes.subarray(0, Math.max(headEnd, 0)).toString('latin1').split('\r\n')
  const status = Number(statusLine.split(' ')[1] ?? 0)
  const headers = parseHeaders(lines)
  const rest = headEnd === -1 ? Buffer.alloc(0) : bytes.subarray(headEnd + 4)
  const { body, isWhole, length } = parseBody(rest, headers, hasNoBody(status) ? 'no body' : extent)
  return { response: { status, headers, body, isWhole }, end: headEnd + 4 + length }
}

function parseHeaders(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase()
    const value = line.slice(line.indexOf(':') + 1).trim()
    headers[name] = name in headers ? `${headers[name]} | ${value}` : value
  }
  return headers
}

function hasNoBody(status: number): boolean {
  return (status >= 100 && status < 200) || status === 204 || status === 304
}

/** `length` is what the body takes on the wire (RFC 9112 §6.3). */
function parseBody(
  rest: Buffer,
  headers: Readonly<Record<string, string>>,
  extent: Extent,
): { body: Buffer; isWhole: boolean; length: number } {
  if (extent === 'no body') return { body: Buffer.alloc(0), isWhole: true, length: 0 }
  if (headers['transfer-encoding'] === 'chunked') return joinChunks(rest)
  const announced = Number(headers['content-length'] ?? (extent === 'to the end' ? 0 : rest.length))
  const body = extent === 'to the end' ? rest : rest.subarray(0, announced)
  return { body, isWhole: body.length === announced, length: body.length }
}

function joinChunks(bytes: Buffer): { body: Buffer; isWhole: boolean; length: number } {
  const chunks: Buffer[] = []
  let position = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', position)
    if (lineEnd === -1) return { body: Buffer.concat(chunks), isWhole: false, length: bytes.length }
    const size = Number.parseInt(bytes.subarray(position, lineEnd).toString('latin1'), 16)
    if (size === 0) return { body: Buffer.concat(chunks), isWhole: true, length: lineEnd + 4 }
    chunks.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    position = lineEnd + 2 + size + 2
  }
}

const PATIENCE_MILLISECONDS = 4000

/** Waits for a condition; fails with its name when it does not come about. */
export async function waitFor(
  condition: () => boolean,
  what: string,
  patience = PATIENCE_MILLISECONDS,
): Promise<void> {
  const deadline = performance.now() + patience
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Waits until a number has not changed for a while: until something rests. */
export async function waitUntilSteady(read: () => number): Promise<void> {
  let before = read()
  let since = performance.now()
  await waitFor(() => {
    if (read() !== before) since = performance.now()
    before = read()
    return performance.now() - since > 150
  }, 'a number to stop changing')
}
