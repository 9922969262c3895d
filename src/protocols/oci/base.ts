/** `/v2/`: whether this is a registry at all (distribution-spec "Determining Support"). */
import type { Reply } from '../../http/reply.ts'
import { route } from '../../http/router.ts'
import { textContent } from '../../lib/content.ts'
import { emptyReply, type OciContext, type OciRoute } from './route.ts'

export const baseRoutes: readonly OciRoute[] = [
  route('GET', '/v2/?', { needs: 'ping', handle: get }),
  route('GET', '/', { needs: 'ping', handle: getRoot }),
]

function get(_context: OciContext): Promise<Reply> {
  return Promise.resolve({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: textContent('{}'),
  })
}

/** Load balancers that were set up for distribution probe this address. */
function getRoot(_context: OciContext): Promise<Reply> {
  return Promise.resolve(emptyReply(200, { 'cache-control': 'no-cache' }))
}
