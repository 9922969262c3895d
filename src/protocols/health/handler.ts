/**
 * `/healthz`: this process answers. `/readyz`: it can also reach its database and its storage, and write.
 * For probes, without login: so the answers name no path and no host, and the log does.
 */
import type { Reply } from '../../http/reply.ts'
import type { IncomingRequest } from '../../http/request.ts'
import { textContent } from '../../lib/content.ts'
import type { Log } from '../../observability/log.ts'
import { checkReadiness } from '../../registry/readiness.ts'
import type { Registry } from '../../registry/registry.ts'

const ALLOW = { allow: 'GET, HEAD' }

/** The operator's checks that fail now, by their names. */
export interface Checks {
  readonly problems: Readonly<Record<string, string>>
}

const LOOK = 'The log of this registry says why.'

/** Null for addresses that are not about health. */
export function healthHandler(
  registry: Registry,
  log: Log,
  checks: Checks = { problems: {} },
): (request: IncomingRequest) => Promise<Reply> | null {
  return ({ method, path }) => {
    if (path !== '/healthz' && path !== '/readyz') return null
    if (method === 'OPTIONS') return Promise.resolve({ status: 200, headers: ALLOW, body: null })
    if (method !== 'GET' && method !== 'HEAD') return Promise.resolve(notAllowed(method))
    return path === '/readyz' ? ready(registry, log, checks) : Promise.resolve(plain(200, ['ok']))
  }
}

async function ready(registry: Registry, log: Log, { problems: failing }: Checks): Promise<Reply> {
  if (Object.keys(failing).length > 0) return plain(503, ['A health check fails.', LOOK])
  const { isReady, problems } = await checkReadiness(registry)
  for (const { sentence, error } of problems) log.error({ error }, `not ready: ${sentence}`)
  return isReady ? plain(200, ['ready']) : plain(503, [...problems.map(({ sentence }) => sentence), LOOK])
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
