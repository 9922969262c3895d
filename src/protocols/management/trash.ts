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
  const which = whichOf(checked(emptyRequest, context.body))
  return ownerAnswer(200, await emptyTrash(context.registry, which, OWNER, LONGEST))
}

/** Milliseconds, well under what an answer may take: whoever asks goes on asking. */
const LONGEST = 30_000

type EmptyRequest =
  | { readonly id: number }
  | { readonly repository: string; readonly before?: number | undefined }
  | { readonly all: true; readonly before?: number | undefined }

function whichOf(wanted: EmptyRequest): EmptiedTrash {
  if ('id' in wanted) return { id: wanted.id as TrashId }
  const before = (wanted.before ?? null) as TrashId | null
  return 'repository' in wanted
    ? { repository: parseRepositoryName(wanted.repository), before }
    : { all: true, before }
}
