/** `/v2/`: whether this is a registry at all (distribution-spec "Determining Support"). */
import type { Reply } from '../../http/reply.ts'
import { route } from '../../http/router.ts'
import { textContent } from '../../lib/content.ts'
import { JSON_TYPE } from './json.ts'
import { emptyReply, type OciContext, type OciRoute } from './route.ts'

export const baseRoutes: readonly OciRoute[] = [
  route('GET', '/v2/?', { needs: 'ping', handle: get }),
  route('GET', '/', { needs: 'probe', handle: getRoot }),
]

function get(_context: OciContext): Promise<Reply> {
  return Promise.resolve({
    status: 200,
    headers: { 'content-type': JSON_TYPE },
    body: textContent('{}'),
  })
}

/** Load balancers that were set up for distribution probe this address, without a login. */
function getRoot(_context: OciContext): Promise<Reply> {
  return Promise.resolve(emptyReply(200, { 'cache-control': 'no-cache' }))
}
