/** Whole repositories: deleting one. Taking it back is the trash's affair. */
import { route } from '../../http/router.ts'
import { parseRepositoryName } from '../../oci/repository-name.ts'
import { deleteRepository } from '../../registry/repositories.ts'
import { type OwnerAnswer, ownerAnswer } from './exchange.ts'
import { checked, type ManagementContext, type ManagementRoute, OWNER, requireWritable } from './route.ts'

export const repositoryRoutes: readonly ManagementRoute[] = [
  route('POST', '/api/v1/repositories/delete', { needs: 'owner', handle: postDelete }),
]

async function postDelete(context: ManagementContext): Promise<OwnerAnswer> {
  const { deleteRepositoryRequest } = await import('../../contract/repositories.ts')
  requireWritable(context)
  const repository = parseRepositoryName(checked(deleteRepositoryRequest, context.body).repository)
  const { registry } = context
  const trash = await deleteRepository(registry, { repository, by: OWNER })
  return ownerAnswer(200, { trash, keptFor: registry.policy.trash.keepFor })
}
