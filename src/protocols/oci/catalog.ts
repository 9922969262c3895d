/** `/v2/_catalog`: distribution's list of repositories, which the specification leaves to registries. */
import { visibleTo } from '../../access/authorize.ts'
import type { Reply } from '../../http/reply.ts'
import { route } from '../../http/router.ts'
import { listRepositories } from '../../registry/repositories.ts'
import { listReply, pageRequestOf } from './list.ts'
import type { OciContext, OciRoute } from './route.ts'

const CATALOG_PAGE = { byDefault: 100, atMost: 1_000 }

export const catalogRoutes: readonly OciRoute[] = [
  route('GET', '/v2/_catalog', { needs: 'list', handle: get }),
]

async function get({ registry, principal, request }: OciContext): Promise<Reply> {
  const page = pageRequestOf(request, CATALOG_PAGE)
  const { items, hasMore } = await listRepositories(registry, visibleTo(principal), page)
  return listReply(request, page, { repositories: items }, hasMore ? items.at(-1) : undefined)
}
