/** The trash: what lies in it, taking it back, emptying it. */
import { route } from '../../http/router.ts'
import { parseRepositoryName } from '../../oci/repository-name.ts'
import { type EmptiedTrash, emptyTrash, listTrash, restoreTrash, type TrashId } from '../../registry/trash.ts'
import { type OwnerAnswer, ownerAnswer } from './exchange.ts'
import { checked, type ManagementContext, type ManagementRoute, OWNER, requireWritable } from './route.ts'

export const trashRoutes: readonly ManagementRoute[] = [
  route('GET', '/api/v1/trash', { needs: 'owner', handle: getTrash }),
  route('POST', '/api/v1/trash/empty', { needs: 'owner', handle: postEmpty }),
  route('POST', '/api/v1/trash/:id/restore', { needs: 'owner', handle: postRestore }),
]

async function getTrash({ registry, query }: ManagementContext): Promise<OwnerAnswer> {
  const { trashRequest } = await import('../../contract/trash.ts')
  const { repository, before, limit } = checked(trashRequest, Object.fromEntries(query))
  const page = await listTrash(registry, {
    repository: repository === undefined ? null : parseRepositoryName(repository),
    before: (before ?? null) as TrashId | null,
    limit,
  })
  return ownerAnswer(200, page)
}

async function postRestore(
  context: ManagementContext,
  { id }: { readonly id: string },
): Promise<OwnerAnswer> {
  const { trashId } = await import('../../contract/trash.ts')
  requireWritable(context)
  return ownerAnswer(200, await restoreTrash(context.registry, checked(trashId, id) as TrashId, OWNER))
}

async function postEmpty(context: ManagementContext): Promise<OwnerAnswer> {
  const { emptyRequest } = await import('../../contract/trash.ts')
  requireWritable(context)
  const wanted = checked(emptyRequest, context.body)
  const which: EmptiedTrash =
    'repository' in wanted
      ? { repository: parseRepositoryName(wanted.repository) }
      : 'id' in wanted
        ? { id: wanted.id as TrashId }
        : wanted
  return ownerAnswer(200, await emptyTrash(context.registry, which, OWNER))
}
