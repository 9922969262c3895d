/**
 * A request as handlers see it: parsed defensively, and lazily where most handlers do not look.
 *
 * Invariants: making one never throws; the path is decoded exactly once; no body is in memory beyond the cap
 * that its reader names, and a body that ends early is an error, never a shorter body.
 * It knows no route, no status and no user.
 */
import { forwardedClient, forwardedOrigin, forwardedPrefix, ownOrigin, type Scheme } from './forwarded.ts'

/** What came is not one request that everybody reads alike. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest'
}

/** The body is larger than its reader takes. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge'
  readonly limit: number

  constructor(limit: number) {
    super(`The request's body is too large: at most ${limit} bytes are taken here.`)
    this.limit = limit
  }
}

/** The client went away, or sent less than it had announced. Nobody is there to read an answer, as a rule. */
export class BodyAborted extends Error {
  override readonly name = 'BodyAborted'
  readonly received: number

  constructor(received: number, expected: number | null) {
    const announced = expected === null ? 'its end' : `${expected} bytes`
    super(`The request's body broke off after ${received} bytes, before ${announced}. Send it again.`)
    this.received = received
  }
}

/** The connection's side of a request. */
export interface Connection {
  /** Whether it has TLS up to here. */
  readonly isEncrypted: boolean
  /** Null on a Unix socket, and once the client is gone where nobody asked before and no body came. */
  remoteAddress(): string | null
  /** Whether the other end is a proxy that is believed about its client. */
  isFromProxy(): boolean
  /** Whether an address is that of a proxy that is believed. */
  isProxy(address: string): boolean
  /** Lets this request rest for that long without a byte in either direction. */
  allowSlow(milliseconds: number): void
  /** Whether it may speak HTTP/2: Bun does not tell which one it does. */
  readonly mayBeHttp2: boolean
  /** Bytes of the body have come: the time to rest begins anew. */
  bodyArrived(): void
}

/** The query part of an address. Tolerant: what cannot be decoded is taken as it stands. */
export interface Query {
  /** The first value of a name, or null. */
  get(name: string): string | null
  all(name: string): readonly string[]
}

/** An id that others gave is kept if no log or header can be fooled by it. */
const SAFE_REQUEST_ID = /^[\w.:+/=@-]{1,128}$/

/** What a host and its port are made of (RFC 3986 §3.2.2), but no comma, by which several Host headers arrive as one. */
const HOST = /^[\w.~!$&'()*+;=:%[\]-]*$/

/** A control of ASCII as a query has it. */
const ENCODED_CONTROL = /%(?:[01][0-9a-f]|7f)/i

/** What handlers find out about a request, for whoever counts it and writes it down. */
export interface RequestNotes {
  /** The name of its kind, such as `manifest`: one of few. */
  kind?: string
  /** What its address names, such as `name`. */
  variables?: Readonly<Record<string, string>>
  /** Who asks, where a login told. */
  user?: string
  /** Why it was refused. */
  refusal?: { readonly code: string; readonly message: string; readonly detail?: unknown }
}

/** How long a body is read on that nobody wants. */
export interface Discarding {
  /** Without a byte. */
  readonly restMilliseconds: number
  readonly wholeMilliseconds: number
}

/** What clients send over HTTP/2 before they look for a reply: manifests, small blobs. */
const HTTP_2_COURTESY = 1024 * 1024

/** Methods without a body that anybody reads. */
const READS: ReadonlySet<string> = new Set(['GET', 'HEAD'])

export class IncomingRequest {
  readonly notes: RequestNotes = {}
  /** Stands in the reply (X-Request-Id) and in every log line. */
  readonly id: string
  readonly method: string
  /** Decoded: `%2F` is a slash like any other. Not decoded where that is impossible; then nobody handles it. */
  readonly path: string
  /** As it came, for whoever writes down what was asked. */
  readonly pathAsSent: string
  readonly #native: Request
  readonly #connection: Connection
  readonly #search: string
  readonly #isDecoded: boolean
  #query: Query | null = null
  #received = 0
  #rest: AsyncIterator<Uint8Array, undefined> | null = null
  /** Whether the body has come to its end, one way or another. */
  #isEnded = false

  constructor(native: Request, connection: Connection) {
    const { path, search } = splitTarget(native.url)
    const decoded = decode(path)
    this.id = requestId(native.headers.get('x-request-id'))
    this.method = native.method
    this.path = decoded ?? path
    this.pathAsSent = path
    this.#native = native
    this.#connection = connection
    this.#search = search
    this.#isDecoded = decoded !== null
  }

  /** What follows the path as it came: '' or a question mark and the rest. */
  get search(): string {
    return this.#search === '' ? '' : `?${this.#search}`
  }

  get query(): Query {
    this.#query ??= parseQuery(this.#search)
    return this.#query
  }

  /** The length that the client announced, or null: no body, or one of unknown length. */
  get contentLength(): number | null {
    const header = this.header('content-length')
    return header === null ? null : Number(header)
  }

  /** How many bytes of the body have been read so far. */
  get received(): number {
    return this.#received
  }

  /** Aborts when the client goes away, or the server stops for good. */
  get signal(): AbortSignal {
    return this.#native.signal
  }

  /**
   * The client's own address, also where it came through a proxy that is believed. Null where the proxy on a Unix
   * socket does not tell, and once the other end is gone.
   */
  get remoteAddress(): string | null {
    const connection = this.#connection
    const told = connection.isFromProxy()
      ? forwardedClient(this, (address) => connection.isProxy(address))
      : null
    return told ?? connection.remoteAddress()
  }

  /**
   * The scheme and host by which the client knows this server, such as `https://registry.example.com`. Null for a
   * request that names no host (HTTP/1.0 may leave it out).
   */
  get origin(): string | null {
    return this.originUnlessTold('http')
  }

  /** The same, with this scheme where neither TLS up to here nor a believed proxy tells it. */
  originUnlessTold(assumed: Scheme): string | null {
    const arrival = {
      scheme: this.#connection.isEncrypted ? 'https' : assumed,
      host: this.header('host'),
    } as const
    return this.#connection.isFromProxy() ? forwardedOrigin(this, arrival) : ownOrigin(arrival)
  }

  /** What a believed proxy has cut off the path, such as `/registry`; mostly nothing: ''. */
  get cutPrefix(): string {
    return this.#connection.isFromProxy() ? forwardedPrefix(this) : ''
  }

  /** Who speaks for a client without being believed: the address of what may be a proxy that nobody has named. Or null. */
  get disbelieved(): string | null {
    const speaks = this.header('x-forwarded-for') ?? this.header('forwarded')
    return speaks === null || this.#connection.isFromProxy() ? null : this.#connection.remoteAddress()
  }

  /** Several lines of one name are joined by a comma, as RFC 9110 §5.3 has it. */
  header(name: string): string | null {
    return this.#native.headers.get(name)
  }

  /**
   * Throws BadRequest for what no handler should see: a path that cannot be decoded, controls in the query
   * (no name has any, and PostgreSQL takes no NUL), and what two programs on the way could take for two
   * different requests (RFC 9112 §3.2 and §6.3).
   */
  requireWellFormed(): void {
    if (!this.#isDecoded)
      throw new BadRequest('The address has a percent sign that does not encode a character.')
    if (ENCODED_CONTROL.test(this.#search))
      throw new BadRequest('The query of the address has a control character. Leave it out.')
    const host = this.header('host') ?? ''
    if (host.includes(',')) throw new BadRequest('The request has more than one Host header.')
    if (!HOST.test(host))
      throw new BadRequest('The Host header is no host: write the name and the port of this registry.')
    if (this.header('content-length')?.includes(',')) {
      throw new BadRequest('The request has more than one Content-Length header.')
    }
  }

  /**
   * The body as it comes; empty where there is none. Its chunks are the reader's, who may free them. A client
   * is not held back before Bun has 1.5 MB that nobody has read. Throws BodyAborted. Can be read once.
   */
  async *body(): AsyncGenerator<Uint8Array, void> {
    try {
      for await (const chunk of this.#chunks()) {
        this.#arrived(chunk)
        yield chunk
      }
      this.#end()
    } catch (error) {
      this.#end()
      throw isAbort(error) ? new BodyAborted(this.#received, this.contentLength) : error
    }
  }

  /** Whoever holds the reader holds the last chunks, and a handler may be busy for long after them. */
  #end(): void {
    this.#isEnded = true
    this.#rest = null
  }

  /** Where a rest may have to be discarded, leaving the loop early must not cancel the stream. */
  #chunks(): AsyncIterable<Uint8Array> | readonly Uint8Array[] {
    const { body } = this.#native
    if (body === null) return []
    if (this.bytesToDiscard === 0) return body
    const rest = body[Symbol.asyncIterator]()
    this.#rest = rest
    return { [Symbol.asyncIterator]: () => ({ next: () => rest.next() }) }
  }

  #arrived(chunk: Uint8Array): void {
    this.#received += chunk.length
    this.#connection.bodyArrived()
  }

  /** Before a reply: reads what is left of the body, and throws it away. Who sends nothing is not waited for. */
  async discardBody({ restMilliseconds, wholeMilliseconds }: Discarding): Promise<void> {
    const deadline = performance.now() + wholeMilliseconds
    const most = this.bytesToDiscard
    const end = this.#received + most
    const rest = this.#rest ?? this.#native.body?.[Symbol.asyncIterator]()
    try {
      while (this.#received < end && performance.now() < deadline) {
        const next = await orNull(rest?.next(), restMilliseconds)
        if (next?.value === undefined) break
        this.#arrived(next.value)
      }
    } catch {
      // Who has gone away gets no reply.
    }
    // Where the connection goes on, Bun swallows what still comes; that it has done so is not waited for.
    if (Number.isFinite(most)) rest?.return?.().catch(() => {})
  }

  /**
   * How much of a body that nobody wants must be read before the reply, for the client to see it.
   *
   * All of it where the connection ends with the reply, as nginx wants it with each request: bytes that are unread
   * then would reset it, and nginx would tell its client 502 instead. A little where HTTP/2 may be spoken: there the
   * reply ends the stream (RFC 9113 §8.1), which curl takes for a failure while it still sends (seen); Go does not.
   */
  get bytesToDiscard(): number {
    if (this.#isEnded || READS.has(this.method) || this.#native.body === null) return 0
    if (this.#endsConnection) return Number.POSITIVE_INFINITY
    return this.#connection.mayBeHttp2 ? HTTP_2_COURTESY : 0
  }

  get #endsConnection(): boolean {
    return /\bclose\b/i.test(this.header('connection') ?? '')
  }

  /** The whole body in memory. Throws BodyTooLarge as early as that is known, and BodyAborted. */
  async bytes({ atMost }: { readonly atMost: number }): Promise<Uint8Array> {
    if (this.contentLength !== null && this.contentLength > atMost) throw new BodyTooLarge(atMost)
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of this.body()) {
      size += chunk.length
      if (size > atMost) throw new BodyTooLarge(atMost)
      chunks.push(chunk)
    }
    return concatenate(chunks, size)
  }

  /** For a handler that may wait long before it reads or replies. It needs a deadline of its own all the same. */
  allowSlow(milliseconds: number): void {
    this.#connection.allowSlow(milliseconds)
  }
}

/** Bun's address is absolute, or a path alone where the Host is missing or no host at all. */
function splitTarget(url: string): { path: string; search: string } {
  const start = url.startsWith('/') ? 0 : url.indexOf('/', url.indexOf('://') + 3)
  if (start === -1) return { path: '', search: '' }
  const end = url.search(/[?#]/)
  if (end === -1) return { path: url.slice(start), search: '' }
  const search = url[end] === '?' ? url.slice(end + 1).replace(/#.*$/, '') : ''
  return { path: url.slice(start, end), search }
}

function decode(path: string): string | null {
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path)
  } catch {
    return null
  }
}

function requestId(given: string | null): string {
  return given !== null && SAFE_REQUEST_ID.test(given) ? given : crypto.randomUUID()
}

function parseQuery(search: string): Query {
  const parameters = new URLSearchParams(search)
  return {
    get: (name) => parameters.get(name),
    all: (name) => parameters.getAll(name),
  }
}

function concatenate(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size)
  let offset = 0
  for (const chunk of chunks) {
    whole.set(chunk, offset)
    offset += chunk.length
  }
  return whole
}

/** Null where it takes longer than that. */
async function orNull<Value>(
  promise: Promise<Value> | undefined,
  milliseconds: number,
): Promise<Value | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>()
  const timer = setTimeout(resolve, milliseconds, null)
  try {
    return await Promise.race([promise ?? null, late])
  } finally {
    clearTimeout(timer)
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
