/**
 * What a proxy says about the client that stands before it: the address that the client used, and the client's own.
 * `X-Forwarded-*` and RFC 7239's `Forwarded`. Whether the proxy is believed at all is the caller's affair.
 *
 * Invariant: what comes out can stand in a header, in a URL and in a log line. A value that is not what its header is
 * for is passed over as if it were not there, for a proxy may hand on what a client made up.
 */
import { isIP } from 'node:net'

/** A request, as far as it is needed here. Several lines of one name are joined by a comma. */
export interface HasHeaders {
  header(name: string): string | null
}

/** How the request came to us, as we see it ourselves. */
export interface Arrival {
  readonly scheme: Scheme
  /** The Host header. */
  readonly host: string | null
}

export type Scheme = 'http' | 'https'

/**
 * The scheme and host by which the client reached the proxy: `https://registry.example.com`, without a default port.
 * Null where neither the proxy nor the request named a host. Of several values the first is the client's own proxy's,
 * as distribution has it.
 */
export function forwardedOrigin(request: HasHeaders, arrival: Arrival): string | null {
  const said = parseForwarded(request.header('forwarded'))[0]
  const scheme = parseScheme(said?.proto ?? first(request.header('x-forwarded-proto'))) ?? arrival.scheme
  const host =
    parseHost(said?.host) ?? parseHost(first(request.header('x-forwarded-host'))) ?? parseHost(arrival.host)
  if (host === null) return null
  return formatOrigin(scheme, { ...host, port: host.port ?? forwardedPort(request) })
}

/** The same without a proxy. */
export function ownOrigin({ scheme, host }: Arrival): string | null {
  const parsed = parseHost(host)
  return parsed === null ? null : formatOrigin(scheme, parsed)
}

/**
 * The client's address as the proxies tell it, or null where they do not. Each proxy adds the address that it saw at the
 * right, so the client is the right-most one that is not a proxy itself; where all are, it is the left-most.
 */
export function forwardedClient(request: HasHeaders, isProxy: (address: string) => boolean): string | null {
  const chain = split(request.header('x-forwarded-for'))
  const hops =
    chain.length > 0 ? chain : parseForwarded(request.header('forwarded')).map((each) => each.for ?? '')
  let client: string | null = null
  for (const hop of hops.reverse()) {
    const address = parseNode(hop)
    if (address === null) break
    client = address
    if (!isProxy(address)) break
  }
  return client ?? parseNode(request.header('x-real-ip') ?? '')
}

/** A path as a proxy cuts it off: made of plain segments, so that it cannot be taken for another host. */
const PREFIX = /^(?:\/[\w.~-]+)+\/?$/

/** What a proxy has cut off the path before it handed the request on, such as `/registry`; mostly nothing: ''. */
export function forwardedPrefix(request: HasHeaders): string {
  const prefix = first(request.header('x-forwarded-prefix'))
  if (prefix === null || !PREFIX.test(prefix)) return ''
  const segments = prefix.split('/').filter((segment) => segment !== '')
  return segments.some((segment) => segment === '.' || segment === '..') ? '' : `/${segments.join('/')}`
}

function split(list: string | null): string[] {
  return list === null ? [] : list.split(',').map((value) => value.trim())
}

function first(list: string | null): string | null {
  return split(list)[0] ?? null
}

function parseScheme(text: string | null): Scheme | null {
  const scheme = text?.toLowerCase()
  return scheme === 'http' || scheme === 'https' ? scheme : null
}

interface Host {
  readonly name: string
  readonly port: number | null
}

/** A name or an address, and perhaps a port (RFC 3986 §3.2.2); names with other characters are none of a registry. */
const HOST = /^(?<name>[\w.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(?::(?<port>\d{1,5}))?$/

function parseHost(text: string | null | undefined): Host | null {
  const { name = '', port = null } = HOST.exec(text ?? '')?.groups ?? {}
  // Knows which numbers are addresses in disguise: 8443 would be 0.0.32.251 to a client.
  const isOwnName = URL.parse(`http://${name}`)?.hostname === name.toLowerCase()
  const number = parsePort(port)
  return isOwnName && (port === null || number !== null) ? { name, port: number } : null
}

function parsePort(text: string | null): number | null {
  const port = text !== null && /^\d{1,5}$/.test(text) ? Number(text) : 0
  return port >= 1 && port <= 65_535 ? port : null
}

const USUAL_PORTS: Readonly<Record<Scheme, number>> = { http: 80, https: 443 }

/**
 * Null for both usual ports: a proxy behind the one that ends TLS tells its own port 80, beside the scheme that it was
 * told, and neither is ever needed.
 */
function forwardedPort(request: HasHeaders): number | null {
  const port = parsePort(first(request.header('x-forwarded-port')))
  return port === USUAL_PORTS.http || port === USUAL_PORTS.https ? null : port
}

function formatOrigin(scheme: Scheme, { name, port }: Host): string {
  const isUsual = port === null || port === USUAL_PORTS[scheme]
  return `${scheme}://${name.toLowerCase()}${isUsual ? '' : `:${port}`}`
}

/** What stands for a machine in both headers: an address, with a port or without, IPv6 in brackets or not. */
function parseNode(text: string): string | null {
  const bare = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text
  return isIP(bare) === 0 || bare.includes('%') ? null : bare.replace(/^::ffff:(?=[\d.]+$)/i, '')
}

/** One element of `Forwarded`: what one proxy says. */
interface Forwarded {
  readonly for?: string
  readonly host?: string
  readonly proto?: string
}

/** RFC 7239 §4, and values that should be quoted and are not, such as `for=192.0.2.1:80`. */
const PAIR = /\s*([!#$%&'*+.^`|~\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+))\s*(?:([;,])|$)/y

/** Nothing at all for a header that is not written by the rules. */
function parseForwarded(text: string | null): readonly Forwarded[] {
  if (text === null) return []
  const elements: Record<string, string>[] = [{}]
  PAIR.lastIndex = 0
  while (PAIR.lastIndex < text.length) {
    const pair = PAIR.exec(text)
    if (pair === null) return []
    const [, name = '', quoted, token = '', end] = pair
    Object.assign(elements.at(-1) ?? {}, { [name.toLowerCase()]: quoted?.replace(/\\(.)/g, '$1') ?? token })
    if (end === ',') elements.push({})
  }
  return elements
}
