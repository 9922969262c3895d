/**
 * What listens: Bun's server, and after a change of certificates its successor at the same address, for Bun takes new
 * certificates with a new server only (`reload({ tls })` does nothing).
 *
 * At such a change both listen for a second: the old one asks whoever keeps a connection to open another, then takes no
 * more and ends when all that was in flight has ended. Nothing in flight is cut. Only a client that is in the middle of
 * its handshake just when the old one ends may have to try again, as with any connection that is closed at rest.
 */
import { renameSync, rmSync } from 'node:fs'
import { codeOf } from '../lib/thrown.ts'
import { type Address, cannotListen, isEveryAddress, letReadersConnect, type UnixAddress } from './address.ts'
import { type TlsOptions, toBunTls } from './tls.ts'

export type Native = Bun.Server<undefined>

export interface ListenerOptions {
  readonly address: Address
  /** Several processes share the port. */
  readonly reusePort: boolean
  /** Null for plain HTTP. */
  readonly tls: TlsOptions | null
  /** With TLS it is offered beside HTTP/1.1; without, it is spoken with whoever begins with it ("prior knowledge"). */
  readonly http2: boolean
  readonly idleSeconds: number
  fetch(request: Request, native: Native): Promise<Response>
  error(cause: unknown): Response
}

/** How long clients that keep a connection have to leave the old server. */
const FAREWELL_MILLISECONDS = 1000
/** How often a server that stops is asked whether it still answers somebody. */
const PENDING_LOOK_MILLISECONDS = 20

export class Listener {
  readonly #options: ListenerOptions
  #current: Native
  readonly #leaving = new Set<Native>()
  #isStopping = false

  /** Throws CannotListen, and what Bun throws about certificates. */
  constructor(options: ListenerOptions) {
    this.#options = options
    this.#current = listen(options, options.address)
  }

  /** Without a slash at its end. */
  get url(): string {
    const { address } = this.#options
    return address.kind === 'unix' ? `unix://${address.path}` : this.#current.url.href.replace(/\/$/, '')
  }

  /** Null on a Unix socket. */
  get port(): number | null {
    return this.#current.port ?? null
  }

  /** Whether a server has a successor: then its clients had better open a new connection. */
  isLeaving(native: Native): boolean {
    return this.#leaving.has(native)
  }

  /** New connections get this certificate. Throws what the constructor throws; then all stays as it was. */
  replaceTls(tls: TlsOptions): void {
    if (this.#isStopping) return
    const old = this.#current
    const { address } = this.#options
    if (address.kind === 'unix') {
      this.#current = takeOver({ ...this.#options, tls }, address, () => this.#leave(old, 0))
    } else {
      this.#current = listen({ ...this.#options, tls }, { ...address, port: this.port ?? address.port })
      this.#leave(old, FAREWELL_MILLISECONDS)
    }
  }

  /** Takes no more connections. Resolves when all there are have ended, which `hurry` brings about at once. */
  async stop({ hurry }: { readonly hurry: boolean }): Promise<void> {
    this.#isStopping = true
    const natives = [this.#current, ...this.#leaving]
    await Promise.all(natives.map((native) => (hurry ? native.stop(true) : stopWhenAnswered(native))))
    const { address } = this.#options
    if (address.kind === 'unix') rmSync(address.path, { force: true })
  }

  #leave(native: Native, milliseconds: number): void {
    this.#leaving.add(native)
    const end = () => native.stop().finally(() => this.#leaving.delete(native))
    if (milliseconds === 0) void end()
    else setTimeout(end, milliseconds).unref()
  }
}

/** Bun waits twelve seconds for a connection with TLS that has not asked anything yet (seen); without TLS it does not. */
async function stopWhenAnswered(native: Native): Promise<void> {
  const stopped = native.stop()
  if (native.protocol === 'https') {
    while (native.pendingRequests > 0) await Bun.sleep(PENDING_LOOK_MILLISECONDS)
    await native.stop(true)
  }
  await stopped
}

function listen(options: ListenerOptions, address: Address): Native {
  const { reusePort, tls, http2, idleSeconds, fetch, error } = options
  const common = {
    development: false,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch,
    error,
    ...(tls === null ? {} : { tls: toBunTls(tls) }),
  } as const
  // Heeded on Unix sockets too, although Bun's types do not know it.
  const everywhere: object = { idleTimeout: idleSeconds, http2 }
  try {
    if (address.kind === 'unix') {
      const native = Bun.serve({ ...common, ...everywhere, unix: address.path })
      letReadersConnect(address)
      return native
    }
    const where = isEveryAddress(address)
      ? { port: address.port }
      : { port: address.port, hostname: address.hostname }
    // A successor is another socket on the same port.
    return Bun.serve({ ...common, ...everywhere, ...where, reusePort: reusePort || tls !== null })
  } catch (error) {
    throw isAboutCertificates(error) ? error : cannotListen(address, error)
  }
}

/** Bun's server removes the path that it was given when it ends: so the successor's socket comes to it afterwards. */
function takeOver(options: ListenerOptions, address: UnixAddress, endOld: () => void): Native {
  const beside: UnixAddress = { kind: 'unix', path: `${address.path}.new` }
  rmSync(beside.path, { force: true })
  const native = listen(options, beside)
  endOld()
  renameSync(beside.path, address.path)
  return native
}

function isAboutCertificates(error: unknown): boolean {
  return codeOf(error)?.startsWith('ERR_OSSL') === true
}
