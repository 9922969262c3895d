/** registry:2's kinds of checks that have nothing to do with a registry, with its sentences. */
import { stat } from 'node:fs/promises'
import type { HealthCheck } from './health.ts'

/** Unhealthy while the file exists: a maintenance notice. */
export function fileCheck(options: {
  readonly file: string
  readonly everyMilliseconds: number
}): HealthCheck {
  return {
    name: options.file,
    everyMilliseconds: options.everyMilliseconds,
    threshold: 1,
    async look() {
      const found = await stat(options.file).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
        throw new Error(`the file cannot be looked at (${error.code})`)
      })
      if (found !== null) throw new Error('file exists')
    },
  }
}

export interface HttpCheckOptions {
  readonly uri: string
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly statusCode: number
  readonly timeoutMilliseconds: number
  readonly everyMilliseconds: number
  readonly threshold: number
}

/** A HEAD request that must be answered with one status. */
export function httpCheck(options: HttpCheckOptions): HealthCheck {
  const { uri, everyMilliseconds, threshold, statusCode, timeoutMilliseconds } = options
  const headers = Object.entries(options.headers).flatMap(([name, values]) =>
    values.map((value): [string, string] => [name, value]),
  )
  return {
    name: uri,
    everyMilliseconds,
    threshold,
    async look(signal) {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMilliseconds)])
      const answer = await fetch(uri, { method: 'HEAD', headers, signal: limit }).catch(() => null)
      if (answer === null) throw new Error(`error while checking: ${uri}`)
      if (answer.status !== statusCode) {
        throw new Error(`downstream service returned unexpected status: ${answer.status}`)
      }
    },
  }
}

export interface TcpCheckOptions {
  /** `host:port`. */
  readonly address: string
  readonly timeoutMilliseconds: number
  readonly everyMilliseconds: number
  readonly threshold: number
}

/** A connection that must come about. */
export function tcpCheck(options: TcpCheckOptions): HealthCheck {
  const { address, everyMilliseconds, threshold, timeoutMilliseconds } = options
  return {
    name: address,
    everyMilliseconds,
    threshold,
    async look(signal) {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMilliseconds)])
      if (!(await connects(address, limit))) throw new Error(`connection to ${address} failed`)
    },
  }
}

async function connects(address: string, limit: AbortSignal): Promise<boolean> {
  const colon = address.lastIndexOf(':')
  const hostname = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  const connecting = Bun.connect({
    hostname: hostname === '' ? '127.0.0.1' : hostname,
    port: Number(address.slice(colon + 1)),
    socket: { data() {} },
  })
  const closed = connecting.then(
    (socket) => {
      socket.terminate()
      return true
    },
    () => false,
  )
  const late = Promise.withResolvers<false>()
  limit.addEventListener('abort', () => late.resolve(false), { once: true })
  if (limit.aborted) return false
  return await Promise.race([closed, late.promise])
}
