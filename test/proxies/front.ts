/**
 * A proxy in front of a registry: Debian's nginx, HAProxy or Caddy, with a configuration of the test's on a free
 * loopback port.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFreePort } from '../berth-server.ts'
import { startDaemon } from '../tools/command.ts'
import { until } from '../until.ts'
import type { Certificate } from './certificate.ts'

/** What a configuration is made for. */
export interface Site {
  readonly port: number
  /** `127.0.0.1:5000`, or `unix:/path`. */
  readonly upstream: string
  /** Null without TLS. */
  readonly certificate: Certificate | null
}

/** Where requests go. */
export interface Entrance {
  /** `https://127.0.0.1:<port>`, or with http. */
  readonly url: string
  /** Null without TLS. */
  readonly certificate: Certificate | null
}

export interface Front extends Entrance, AsyncDisposable {
  /** `127.0.0.1:<port>` */
  readonly host: string
  readonly port: number
  /** What the proxy has printed. */
  log(): string
}

/** How one of the programs is run. */
export interface ProxyProgram {
  readonly path: string
  /** The whole configuration. `folder` is for what the program writes. */
  configure(site: Site, folder: string): string
  arguments(configuration: string, folder: string): string[]
}

/** Starts it, and waits until it takes connections. */
export async function startFront(program: ProxyProgram, wanted: Omit<Site, 'port'>): Promise<Front> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-front-'))
  chmodSync(folder, 0o755) // nginx's workers are another user.
  const port = await findFreePort()
  const configuration = join(folder, 'configuration')
  writeFileSync(configuration, program.configure({ ...wanted, port }, folder))
  const env = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
  const logFile = join(folder, 'log')
  const daemon = startDaemon(program.path, program.arguments(configuration, folder), { logFile, env })
  const front: Front = {
    url: `${wanted.certificate === null ? 'http' : 'https'}://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    port,
    certificate: wanted.certificate,
    log: daemon.log,
    async [Symbol.asyncDispose]() {
      await daemon.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  await until('the proxy answers', () => answers(front, daemon.exited)).catch(async (error) => {
    const log = daemon.log()
    await front[Symbol.asyncDispose]()
    throw new Error(`${error instanceof Error ? error.message : error}\nIt printed:\n${log}`)
  })
  return front
}

async function answers(front: Front, exited: Promise<number>): Promise<boolean> {
  const ended = await Promise.race([exited, Promise.resolve(null)])
  if (ended !== null) throw new Error(`the proxy ended with ${ended} instead of starting`)
  return (await ask(front, 'GET', '/').catch(() => null)) !== null
}

/** One request through the proxy, whose certificate is trusted. Redirects are not followed. */
export function ask(
  front: Entrance,
  method: string,
  target: string,
  init: RequestInit = {},
): Promise<Response> {
  const { certificate } = front
  const tls = certificate === null ? {} : { tls: { ca: Bun.file(certificate.certificate) } }
  return fetch(new URL(target, front.url), { ...init, ...tls, method, redirect: 'manual' })
}
