/**
 * `/healthz`: this process answers. `/readyz`: it can also reach its database and its storage, and its writes are taken.
 * A full or read-only disk is told with a 200: a load balancer that heeded it would take the pulls away too.
 * For probes, without login: so the answers name no path and no host, and the log does.
 */
import type { Reply } from '../../http/reply.ts'
import type { IncomingRequest } from '../../http/request.ts'
import { textContent } from '../../lib/content.ts'
import type { Log } from '../../observability/log.ts'
import { checkReadiness } from '../../registry/readiness.ts'
import type { Registry } from '../../registry/registry.ts'

const ALLOW = { allow: 'GET, HEAD' }

/** What is wrong now, by what finds it: sentences that anybody may read. */
export interface Problems {
  readonly problems: Readonly<Record<string, string>>
}

export interface Watching {
  /** The operator's checks: while one fails, nobody is served. */
  readonly checks: Problems
  /** What keeps everything from being stored: pulls go on, so whoever sends requests here shall go on too. */
  readonly obstacles: Problems
}

const NOTHING: Problems = { problems: {} }

const LOOK = 'The log of this registry says why.'

/** Null for addresses that are not about health. */
export function healthHandler(
  registry: Registry,
  log: Log,
  watching: Watching = { checks: NOTHING, obstacles: NOTHING },
): (request: IncomingRequest) => Promise<Reply> | null {
  return ({ method, path }) => {
    if (path !== '/healthz' && path !== '/readyz') return null
    if (method === 'OPTIONS') return Promise.resolve({ status: 200, headers: ALLOW, body: null })
    if (method !== 'GET' && method !== 'HEAD') return Promise.resolve(notAllowed(method))
    return path === '/readyz' ? ready(registry, log, watching) : Promise.resolve(plain(200, ['ok']))
  }
}

async function ready(registry: Registry, log: Log, { checks, obstacles }: Watching): Promise<Reply> {
  if (Object.keys(checks.problems).length > 0) return plain(503, ['A health check fails.', LOOK])
  const { isReady, problems } = await checkReadiness(registry)
  for (const { sentence, error } of problems) log.error({ error }, `not ready: ${sentence}`)
  return isReady
    ? plain(200, ['ready', ...Object.values(obstacles.problems)])
    : plain(503, [...problems.map(({ sentence }) => sentence), LOOK])
}

function notAllowed(method: string): Reply {
  const reply = plain(405, [`This address does not take ${method}; it takes GET and HEAD.`])
  return { ...reply, headers: { ...reply.headers, ...ALLOW } }
}

function plain(status: number, lines: readonly string[]): Reply {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
    body: textContent(`${lines.join('\n')}\n`),
  }
}
