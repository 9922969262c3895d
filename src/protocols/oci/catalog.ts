/** `/v2/_catalog`: distribution's list of repositories, which the specification leaves to registries. */
import { visibleTo } from '../../access/authorize.ts'
import type { Reply } from '../../http/reply.ts'
import { route } from '../../http/router.ts'
import { listRepositories } from '../../registry/repositories.ts'
import { listReply, pageRequestOf } from './list.ts'
import type { OciContext, OciRoute } from './route.ts'

/** A page as distribution makes it where nobody says how long. */
const USUAL_PAGE = 100

export const catalogRoutes: readonly OciRoute[] = [
  route('GET', '/v2/_catalog', { needs: 'list', handle: get }),
]

async function get({ registry, principal, request, lists }: OciContext): Promise<Reply> {
  const atMost = lists.catalogMaxEntries
  const page = pageRequestOf(request, { byDefault: Math.min(USUAL_PAGE, atMost), atMost })
  const { items, hasMore } = await listRepositories(registry, visibleTo(principal), page)
  return listReply(request, page, { repositories: items }, hasMore ? items.at(-1) : undefined)
}
