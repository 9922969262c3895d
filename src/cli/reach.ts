/** What other machines call this server, and what their Docker will say where it speaks plain HTTP. */
import { existsSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import { isWildcard } from '../http/address.ts'
import { reachableAddresses } from '../lib/machine-names.ts'

/** What the answer depends on beside the settings. */
export interface Surroundings {
  /** Of this machine, for others. */
  readonly addresses: readonly string[]
  /** Then its addresses are those of a network that other machines do not see. */
  readonly isContainer: boolean
}

/** What stands in commands where nobody here can know it. */
const UNKNOWN_HOST = 'HOST'
const TRACES_OF_CONTAINERS = ['/.dockerenv', '/run/.containerenv', '/var/run/secrets/kubernetes.io']

export function lookAround(): Surroundings {
  return {
    addresses: reachableAddresses(),
    isContainer: TRACES_OF_CONTAINERS.some((path) => existsSync(path)),
  }
}

/** What people on other machines write before an image's name; null where no other machine reaches the server. */
export function hostForOthers(
  { address, host }: Pick<Config['http'], 'address' | 'host'>,
  { addresses, isContainer }: Surroundings,
): string | null {
  if (host !== null) return new URL(host).host
  if (address.kind === 'unix' || isLoopback(address.hostname)) return null
  if (!isWildcard(address)) return withPort(address.hostname, address.port)
  if (isContainer) return withPort(UNKNOWN_HOST, address.port)
  const [first] = addresses
  return first === undefined ? null : withPort(first, address.port)
}

/** One line for the start; null where it does not concern anybody. */
export function plainHttpHint(
  http: Pick<Config['http'], 'address' | 'host' | 'tls'>,
  surroundings: Surroundings,
  program: string,
): string | null {
  const isEncrypted = http.tls !== null || http.host?.startsWith('https:') === true
  const host = isEncrypted ? null : hostForOthers(http, surroundings)
  if (host === null) return null
  return (
    'Docker on other machines will answer "server gave HTTP response to HTTPS client". ' +
    `Write "insecure-registries": ["${host}"] in /etc/docker/daemon.json there and restart it, ` +
    `or start with TLS: ${tlsCure(surroundings, host, program)}`
  )
}

/** A container has its settings as variables, and cannot know the name that its certificate is for. */
function tlsCure({ isContainer }: Surroundings, host: string, program: string): string {
  return isContainer
    ? `set BERTH_TLS=auto and REGISTRY_HTTP_HOST=https://${host}`
    : `${program} serve --tls auto`
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '::1' || hostname.startsWith('127.')
}

function withPort(host: string, port: number): string {
  return `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`
}
