/** Where a server listens, as people write it. */
import type { ListenAddress } from './config.ts'

/** Every address of the machine, IPv4 and IPv6. */
const EVERYWHERE = '::'

/**
 * `:5000`, `127.0.0.1:5000`, `[::1]:5000`, `localhost:5000` or `unix:/run/berth.sock`. Null where the text is
 * no address.
 */
export function parseListenAddress(text: string): ListenAddress | null {
  const socket = /^unix:(?:\/\/)?(\/.+)$/.exec(text)?.[1]
  if (socket !== undefined) return { kind: 'unix', path: socket }
  const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s/]*)):(\d{1,5})$/.exec(text) ?? []
  if (port === undefined || Number(port) > 65_535) return null
  return { kind: 'tcp', hostname: bracketed ?? (plain || EVERYWHERE), port: Number(port) }
}
