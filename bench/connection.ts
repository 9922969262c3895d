/**
 * The client of the writes and the small reads: one connection that is kept, one request after another, as
 * little work as possible on the way. It mends nothing and retries nothing. Bodies of answers are held in
 * memory, so it is not for large blobs.
 */
import type { Socket } from 'bun'

const HEAD_END = '\r\n\r\n'
const PATIENCE_SECONDS = 60
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

export interface OutgoingRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** Sends the body as one chunk without announcing its length, as docker does. */
  readonly isChunked?: boolean
}

export interface Answer {
  readonly status: number
  readonly body: Buffer
  /** The value of a header, or null. */
  header(name: string): string | null
}

interface Waiting {
  readonly hasBody: boolean
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

export class Connection implements Disposable {
  readonly #port: number
  #socket: Socket<undefined> | null = null
  #received: Buffer = Buffer.alloc(0)
  #unsent: Buffer = Buffer.alloc(0)
  #waiting: Waiting | null = null
  #broken: Error | null = null

  private constructor(port: number) {
    this.#port = port
  }

  /** Throws when nobody listens there. */
  static async open(port: number): Promise<Connection> {
    const connection = new Connection(port)
    connection.#socket = await Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: {
        data: (_, bytes) => connection.#receive(bytes),
        drain: () => connection.#flush(),
        close: () => connection.#fail('it closed the connection'),
        error: (_, error) => connection.#fail(error.message),
        timeout: (socket) => {
          connection.#fail(`no answer within ${PATIENCE_SECONDS} s`)
          socket.end()
        },
      },
    })
    return connection
  }

  /** Throws when the server closes the connection before it has answered in full. */
  async request(outgoing: OutgoingRequest): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    if (this.#broken !== null) throw this.#broken
    this.#socket?.timeout(PATIENCE_SECONDS)
    this.#waiting = { hasBody: outgoing.method !== 'HEAD', resolve, reject }
    this.#unsent = encodeRequest(outgoing, this.#port)
    this.#flush()
    return await promise
  }

  [Symbol.dispose](): void {
    this.#socket?.end()
  }

  #flush(): void {
    if (this.#unsent.length === 0) return
    const taken = this.#socket?.write(this.#unsent) ?? 0
    this.#unsent = this.#unsent.subarray(Math.max(taken, 0))
  }

  #receive(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#received, bytes])
    const waiting = this.#waiting
    const answer = waiting === null ? null : parseAnswer(this.#received, waiting.hasBody)
    if (answer === null) return
    this.#received = Buffer.alloc(0)
    this.#waiting = null
    waiting?.resolve(answer)
  }

  #fail(reason: string): void {
    this.#broken ??= new Error(`The server did not answer in full: ${reason}.`)
    this.#waiting?.reject(this.#broken)
    this.#waiting = null
  }
}

function encodeRequest(
  { method, path, headers = {}, body, isChunked = false }: OutgoingRequest,
  port: number,
): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `\r\n${name}: ${value}`)
  const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}${lines.join('')}`
  if (isChunked)
    return Buffer.concat([Buffer.from(`${head}\r\nTransfer-Encoding: chunked${HEAD_END}`), ...chunksOf(body)])
  const length = body !== undefined || method !== 'GET' ? `\r\nContent-Length: ${body?.length ?? 0}` : ''
  return Buffer.concat([Buffer.from(`${head}${length}${HEAD_END}`), body ?? Buffer.alloc(0)])
}

function chunksOf(body: Uint8Array | undefined): Uint8Array[] {
  if (body === undefined || body.length === 0) return [LAST_CHUNK]
  return [Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n'), LAST_CHUNK]
}

/** An answer that has come whole, or null. */
export function parseAnswer(received: Buffer, hasBody: boolean): Answer | null {
  const headEnd = received.indexOf(HEAD_END)
  if (headEnd === -1) return null
  const head = received.toString('latin1', 0, headEnd)
  const header = (name: string) => new RegExp(`^${name}: *(.*)$`, 'im').exec(head)?.[1]?.trim() ?? null
  const body = hasBody ? parseBody(received.subarray(headEnd + HEAD_END.length), header) : Buffer.alloc(0)
  return body === null ? null : { status: Number(head.slice(9, 12)), body, header }
}

function parseBody(rest: Buffer, header: Answer['header']): Buffer | null {
  if (header('transfer-encoding') === 'chunked') return joinChunks(rest)
  const length = Number(header('content-length') ?? 0)
  return rest.length < length ? null : rest.subarray(0, length)
}

/** Null until the last chunk has come. */
function joinChunks(bytes: Buffer): Buffer | null {
  if (!bytes.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)) return null
  const chunks: Buffer[] = []
  for (let position = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', position)
    if (lineEnd === -1) return null
    const size = Number.parseInt(bytes.toString('latin1', position, lineEnd), 16)
    if (size === 0) return Buffer.concat(chunks)
    chunks.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    position = lineEnd + 2 + size + 2
  }
}
