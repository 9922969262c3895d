/** Tags: what each has named, and letting it name that again. */
import { route } from '../../http/router.ts'
import { parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/repository-name.ts'
import { parseTag } from '../../oci/tag.ts'
import { listTagHistory, restoreTag, type TagHistoryPlace } from '../../registry/tags.ts'
import { type OwnerAnswer, ownerAnswer } from './exchange.ts'
import { checked, type ManagementContext, type ManagementRoute, OWNER, requireWritable } from './route.ts'

export const tagRoutes: readonly ManagementRoute[] = [
  route('GET', '/api/v1/tags/history', { needs: 'owner', handle: getHistory }),
  route('POST', '/api/v1/tags/restore', { needs: 'owner', handle: postRestore }),
]

async function getHistory({ registry, query }: ManagementContext): Promise<OwnerAnswer> {
  const { historyRequest } = await import('../../contract/tags.ts')
  const { repository, tag, after, limit } = checked(historyRequest, Object.fromEntries(query))
  const name = { repository: parseRepositoryName(repository), tag: parseTag(tag) }
  const page = await listTagHistory(registry, name, { after: placeOf(after), limit })
  const next = page.next === null ? null : `${page.next.id}.${page.next.position}`
  return ownerAnswer(200, { positions: page.positions, next })
}

function placeOf(after: string | undefined): TagHistoryPlace | null {
  if (after === undefined) return null
  const [id = 0, position = 0] = after.split('.').map(Number)
  return { id, position }
}

async function postRestore(context: ManagementContext): Promise<OwnerAnswer> {
  const { restoreTagRequest } = await import('../../contract/tags.ts')
  requireWritable(context)
  const { repository, tag, to } = checked(restoreTagRequest, context.body)
  const restored = await restoreTag(context.registry, {
    repository: parseRepositoryName(repository),
    tag: parseTag(tag),
    to: typeof to === 'number' ? to : parseDigest(to),
    by: OWNER,
  })
  return ownerAnswer(200, restored)
}
