/** `/v2/<name>/tags/list`: distribution-spec "Listing Tags". */
import type { Reply } from '../../http/reply.ts'
import { listRepositoryTags } from '../../registry/tags.ts'
import { listReply, pageRequestOf } from './list.ts'
import { type OciContext, type OciRoute, repositoryOf } from './route.ts'

/** Without `n` distribution gives all tags, and clients that do not page rely on it: so the page is a long one. */
const TAGS_PAGE = { byDefault: 10_000, atMost: 10_000 }

export const tagRoutes: readonly OciRoute[] = [
  { method: 'GET', pattern: '/v2/:name+/tags/list', needs: 'pull', handle: get },
]

async function get({ registry, request, params }: OciContext): Promise<Reply> {
  const name = repositoryOf(params)
  const page = pageRequestOf(request, TAGS_PAGE)
  const { items, hasMore } = await listRepositoryTags(registry.database, name, page)
  return listReply(request, page, { name, tags: items }, hasMore ? items.at(-1) : undefined)
}
