/** `/healthz`: this process answers. `/readyz`: it can also reach its database and its storage. For probes, without login. */
import type { Reply } from '../../http/reply.ts'
import type { IncomingRequest } from '../../http/request.ts'
import { textContent } from '../../lib/content.ts'
import { checkReadiness } from '../../registry/readiness.ts'
import type { Registry } from '../../registry/registry.ts'

/** Null for addresses that are not about health. */
export function healthHandler(registry: Registry): (request: IncomingRequest) => Promise<Reply> | null {
  return ({ path }) => {
    if (path === '/healthz') return Promise.resolve(plain(200, ['ok']))
    if (path === '/readyz') return ready(registry)
    return null
  }
}

async function ready(registry: Registry): Promise<Reply> {
  const { isReady, problems } = await checkReadiness(registry)
  return isReady ? plain(200, ['ready']) : plain(503, problems)
}

function plain(status: number, lines: readonly string[]): Reply {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
    body: textContent(`${lines.join('\n')}\n`),
  }
}
