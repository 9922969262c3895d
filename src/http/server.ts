/**
 * Bun's HTTP server behind our own words: requests come as IncomingRequest, replies go as Reply.
 *
 * Invariants: every reply carries X-Request-Id; whatever a handler throws becomes a reply, and no stack or
 * path goes out; `stop` ends what is in flight, or cuts it when the grace time is over. The reply to a
 * request with a body never says `Connection: close`: where the body is refused half way, that would reach Go
 * clients as a broken pipe; Bun swallows the rest of the body instead.
 * The parser answers what is no HTTP at all (400, 413, 431, 505) by itself, without a body.
 */
import http from 'node:http'
import { parseHeaderFields } from '../lib/header-fields.ts'
import { type NetworkList, parseNetworkList } from '../lib/network-list.ts'
import { type Address, claim } from './address.ts'
import { spelledOut } from './header-names.ts'
import { Listener, type Native } from './listener.ts'
import { type Reply, toResponse } from './reply.ts'
import { type Connection, type Discarding, IncomingRequest } from './request.ts'
import { Sending, type Sent, takesTime } from './sending.ts'
import type { TlsOptions } from './tls.ts'

export interface ServerOptions {
  readonly address: Address
  /** Several processes share the port; then the caller has made sure that nobody else has it. */
  readonly reusePort?: boolean
  /**
   * Whose `X-Forwarded-*` and `Forwarded` are believed: addresses and networks. Nobody's unless given. Whoever reaches a
   * Unix socket is believed anyway: who may, the file's permissions say.
   */
  readonly trustedProxies?: readonly string[]
  /** On every reply, unless it has its own: names in any case, each with its values. */
  readonly headers?: Readonly<Record<string, readonly string[]>>
  /** Plain HTTP unless given. */
  readonly tls?: TlsOptions
  /** Over TLS beside HTTP/1.1, for clients that choose it; without TLS for those that begin with it (h2c, prior knowledge). */
  readonly http2?: boolean
  /** How long a connection may rest without a byte in either direction; at most 255. */
  readonly idleSeconds?: number
  /** How long a refused body is read on before its refusal, where the connection ends with the reply. */
  readonly discarding?: Discarding
  handle(request: IncomingRequest): Promise<Reply>
  /**
   * The reply to what `handle` threw, in memory. Without a request where nobody knows any more whose it was:
   * for BodyLost, and for what this function threw itself.
   */
  onError(error: unknown, request: IncomingRequest | null): Reply
  /** A reply was sent, or its client has gone meanwhile: then the request's signal says so. Milliseconds since it came. */
  onReply?(request: IncomingRequest, reply: Reply, milliseconds: number): void
  /** A streamed body broke after its status was sent; the client saw the connection cut. */
  onBodyFailed?(error: unknown, request: IncomingRequest): void
}

export interface RunningServer {
  /** Without a slash at its end. */
  readonly url: string
  /** Null on a Unix socket. */
  readonly port: number | null
  /**
   * New connections get this certificate; those that there are end when what is in flight on them has ended. Throws
   * where it cannot be used, and all stays as it was. For a server with TLS only.
   */
  replaceTls(tls: TlsOptions): void
  /**
   * Refuses new connections, closes those that rest, lets what is in flight finish within the grace time, then
   * cuts it. Resolves when all connections are closed and no handler runs any more (or does not heed its signal).
   * Called again with less grace, it hurries the first call too.
   */
  stop(options: { readonly graceMilliseconds: number }): Promise<void>
}

/** The file of a reply could not be opened when its body was to be sent. The client gets `onError`'s reply. */
export class BodyLost extends Error {
  override readonly name = 'BodyLost'

  constructor(cause: unknown) {
    super('The file of a reply could not be opened.', { cause })
  }
}

/** For a layer of gigabytes that nginx has on its disk this is plenty; for a client on a thin line there is a limit. */
const DISCARDING: Discarding = { restMilliseconds: 3000, wholeMilliseconds: 30_000 }
/** Longer than the 60 s for which load balancers keep a connection, so that it is never we who close it first. */
const IDLE_SECONDS = 120
/** The most that Bun counts; beyond, its timer is off. */
const LONGEST_IDLE_SECONDS = 255
/** Bearer tokens and requests for a thousand ranges do not fit Bun's 16 KiB. */
const HEADER_BYTES = 64 * 1024
/** How long handlers may take to notice that their clients have been cut off. */
const LAST_WORDS_MILLISECONDS = 1000

/** Brings a client that keeps its connection to the server that has the new certificate. HTTP/2 has no such header. */
const FAREWELL = { connection: 'close' } as const

/** A server that runs. */
interface Serving {
  readonly options: ServerOptions
  readonly circumstances: Circumstances
  readonly inFlight: InFlight
  readonly sending: Sending
}

/**
 * Throws CannotListen; BadNetwork for `trustedProxies`, BadHeader for `headers`, CipherSuiteRefused and what Bun says of
 * certificates for `tls`.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  if (options.reusePort !== true) await claim(options.address)
  Reflect.set(http, 'maxHeaderSize', HEADER_BYTES)
  const serving = {
    options,
    circumstances: circumstancesOf(options),
    inFlight: new InFlight(),
    sending: new Sending(),
  }
  const listener = new Listener({
    address: options.address,
    reusePort: options.reusePort ?? false,
    tls: options.tls ?? null,
    http2: options.http2 ?? false,
    idleSeconds: serving.circumstances.idleSeconds,
    fetch: (request, native) =>
      answer(serving, new BunConnection(request, native, serving.circumstances), () => farewell(native)),
    error: (cause) => lastReply(options.onError, serving.circumstances.headers, cause),
  })
  const farewell = (native: Native) => (listener.isLeaving(native) ? FAREWELL : {})
  return {
    url: listener.url,
    port: listener.port,
    replaceTls: (tls) => listener.replaceTls(tls),
    stop: ({ graceMilliseconds }) => stop(listener, serving, graceMilliseconds),
  }
}

async function answer(
  serving: Serving,
  connection: BunConnection,
  farewell: () => Reply['headers'],
): Promise<Response> {
  const { options, inFlight, sending } = serving
  const started = performance.now()
  inFlight.begin()
  const request = new IncomingRequest(connection.request, connection)
  const send = async (reply: Reply) => {
    if (request.bytesToDiscard > 0) await request.discardBody(options.discarding ?? DISCARDING)
    const failed = (error: unknown) => options.onBodyFailed?.(error, request)
    const common = { ...serving.circumstances.headers, ...(mayHaveBody(request) ? {} : farewell()) }
    const response = await toResponse(complete(reply, common, request.id), request, failed)
    connection.endSlowness()
    const tell = () => options.onReply?.(request, reply, performance.now() - started)
    if (takesTime(request.method, reply)) sending.watch(connection, tell)
    else tell()
    return response
  }
  try {
    request.requireWellFormed()
    return await send(await options.handle(request))
  } catch (error) {
    return await send(options.onError(error, request))
  } finally {
    inFlight.end()
  }
}

/** Whether bytes of it may still be on their way when it is answered. */
function mayHaveBody(request: IncomingRequest): boolean {
  return (request.contentLength ?? 0) > 0 || request.header('transfer-encoding') !== null
}

/** With the headers that every reply has. */
function complete({ status, headers, body }: Reply, common: Reply['headers'], id: string): Reply {
  return { status, headers: { ...common, ...headers, 'x-request-id': id }, body }
}

/** Bun opens files after we have replied, and when it cannot, it does not say to whom we did. */
function lastReply(onError: ServerOptions['onError'], common: Reply['headers'], cause: unknown): Response {
  const isSystemError = cause instanceof Error && 'syscall' in cause
  const reply = onError(isSystemError ? new BodyLost(cause) : cause, null)
  const { status, headers, body } = complete(reply, common, crypto.randomUUID())
  return new Response(body?.kind === 'bytes' ? body.bytes : null, { status, headers: spelledOut(headers) })
}

/** What all connections of a server have in common. */
interface Circumstances {
  readonly idleSeconds: number
  /** On every reply, by lower-case name. */
  readonly headers: Reply['headers']
  readonly proxies: NetworkList
  readonly isUnixSocket: boolean
  readonly http2: boolean
}

function circumstancesOf(options: ServerOptions): Circumstances {
  const { address, headers = {}, trustedProxies = [], idleSeconds } = options
  return {
    headers: parseHeaderFields(headers),
    idleSeconds: idleSeconds ?? IDLE_SECONDS,
    proxies: parseNetworkList(trustedProxies),
    isUnixSocket: address.kind === 'unix',
    http2: options.http2 ?? false,
  }
}

class BunConnection implements Connection, Sent {
  readonly request: Request
  readonly #server: Native
  readonly #circumstances: Circumstances
  #patience: number
  /** Remembered, for Bun does not tell it any more once the other end is gone. */
  #address: string | null = null

  constructor(request: Request, server: Native, circumstances: Circumstances) {
    this.request = request
    this.#server = server
    this.#circumstances = circumstances
    this.#patience = circumstances.idleSeconds
  }

  get mayBeHttp2(): boolean {
    return this.#circumstances.http2
  }

  get isEncrypted(): boolean {
    return this.#server.protocol === 'https'
  }

  remoteAddress(): string | null {
    this.#address ??= this.#server.requestIP(this.request)?.address.replace(/^::ffff:(?=[\d.]+$)/, '') ?? null
    return this.#address
  }

  get signal(): AbortSignal {
    return this.request.signal
  }

  /** On a Unix socket Bun knows no address from the beginning, so there a reply is done as soon as somebody asks. */
  isDone(): boolean {
    return this.#server.requestIP(this.request) === null
  }

  isFromProxy(): boolean {
    if (this.#circumstances.isUnixSocket) return true
    const address = this.remoteAddress()
    return address !== null && this.isProxy(address)
  }

  isProxy(address: string): boolean {
    return this.#circumstances.proxies.includes(address)
  }

  allowSlow(milliseconds: number): void {
    const seconds = Math.max(Math.ceil(milliseconds / 1000), this.#circumstances.idleSeconds)
    this.#patience = seconds > LONGEST_IDLE_SECONDS ? 0 : seconds
    this.#server.timeout(this.request, this.#patience)
  }

  /** By itself Bun takes less than 16 KiB a second for silence, and cuts uploads over a thin line (seen). */
  bodyArrived(): void {
    this.remoteAddress()
    this.#server.timeout(this.request, this.#patience)
  }

  /** Otherwise the connection would keep its patience for ever, and never be closed (seen). */
  endSlowness(): void {
    const { idleSeconds } = this.#circumstances
    if (this.#patience !== idleSeconds) this.#server.timeout(this.request, idleSeconds)
  }
}

/** Counts the handlers that run. */
class InFlight {
  #count = 0
  #settled: PromiseWithResolvers<void> | null = null

  begin(): void {
    this.#count++
  }

  end(): void {
    this.#count--
    if (this.#count === 0) this.#settled?.resolve()
  }

  /** Waits for those that run now; only for a server that takes no more. */
  async settled(): Promise<void> {
    if (this.#count === 0) return
    this.#settled ??= Promise.withResolvers<void>()
    await this.#settled.promise
  }
}

async function stop(
  listener: Listener,
  { inFlight, sending }: Serving,
  graceMilliseconds: number,
): Promise<void> {
  await withDeadline(listener.stop({ hurry: false }), graceMilliseconds)
  await listener.stop({ hurry: true })
  await withDeadline(Promise.all([inFlight.settled(), sending.settled()]), LAST_WORDS_MILLISECONDS)
}

/** Waits for the work, but no longer than that. */
async function withDeadline(work: Promise<unknown>, milliseconds: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, milliseconds)
  await Promise.race([work, promise])
  clearTimeout(timer)
}
