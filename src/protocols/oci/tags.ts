/** `/v2/<name>/tags/list`: distribution-spec "Listing Tags". */
import type { Reply } from '../../http/reply.ts'
import { type ParamsOf, route } from '../../http/router.ts'
import { listRepositoryTags } from '../../registry/tags.ts'
import { listReply, pageRequestOf } from './list.ts'
import { type OciContext, type OciRoute, repositoryOf } from './route.ts'

/** Without `n` distribution gives all tags, and clients that do not page rely on it: so the page is a long one. */
const USUAL_PAGE = 10_000

const PATTERN = '/v2/:name+/tags/list'

export const tagRoutes: readonly OciRoute[] = [route('GET', PATTERN, { needs: 'pull', handle: get })]

async function get(
  { registry, request, lists }: OciContext,
  address: ParamsOf<typeof PATTERN>,
): Promise<Reply> {
  const name = repositoryOf(address)
  const page = pageRequestOf(request, { byDefault: USUAL_PAGE, atMost: lists.tagsMax })
  const { items, hasMore } = await listRepositoryTags(registry, name, page)
  return listReply(request, page, { name, tags: items }, hasMore ? items.at(-1) : undefined)
}
