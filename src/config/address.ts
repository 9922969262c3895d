/**
 * Where a server listens, as text and as a value: `:5000`, `127.0.0.1:5000`, `[::1]:5000`, `localhost:5000`
 * or `unix:/run/berth.sock`.
 */
import type { ListenAddress } from './config.ts'

/** Every address of the machine, IPv4 and IPv6. */
const EVERYWHERE = '::'

/** Null where the text is no address. */
export function parseListenAddress(text: string): ListenAddress | null {
  const socket = /^unix:(?:\/\/)?(\/.+)$/.exec(text)?.[1]
  if (socket !== undefined) return { kind: 'unix', path: socket }
  const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s/]*)):(\d{1,5})$/.exec(text) ?? []
  if (port === undefined || Number(port) > 65_535) return null
  return { kind: 'tcp', hostname: bracketed ?? (plain || EVERYWHERE), port: Number(port) }
}

/** `[::]:5000`, as registry:2 writes it. */
export function formatListenAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  return address.hostname.includes(':')
    ? `[${address.hostname}]:${address.port}`
    : `${address.hostname}:${address.port}`
}

/** An address by which this machine reaches the server: what a person types after `docker pull`. Null for a Unix socket. */
export function localHost(address: ListenAddress): string | null {
  if (address.kind === 'unix') return null
  const everywhere = ['::', '0.0.0.0', '127.0.0.1', '::1', 'localhost']
  if (everywhere.includes(address.hostname)) return `localhost:${address.port}`
  return formatListenAddress(address)
}
