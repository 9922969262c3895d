/** What everything takes up. */
import { route } from '../../http/router.ts'
import { parseDigest } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/repository-name.ts'
import { parseTag } from '../../oci/tag.ts'
import { usageOfAll, usageOfImage, usageOfLargest, usageOfRepository } from '../../registry/usage.ts'
import { type OwnerAnswer, ownerAnswer } from './exchange.ts'
import { checked, type ManagementContext, type ManagementRoute } from './route.ts'

export const usageRoutes: readonly ManagementRoute[] = [
  route('GET', '/api/v1/usage', { needs: 'owner', handle: getUsage }),
  route('GET', '/api/v1/usage/repositories', { needs: 'owner', handle: getRepositories }),
]

async function getUsage({ registry, query }: ManagementContext): Promise<OwnerAnswer> {
  const { usageRequest } = await import('../../contract/usage.ts')
  const { repository, tag, digest } = checked(usageRequest, Object.fromEntries(query))
  if (repository === undefined) return ownerAnswer(200, await usageOfAll(registry))
  const name = parseRepositoryName(repository)
  if (tag !== undefined) {
    return ownerAnswer(200, await usageOfImage(registry, name, { kind: 'tag', tag: parseTag(tag) }))
  }
  if (digest !== undefined) {
    const reference = { kind: 'digest', digest: parseDigest(digest) } as const
    return ownerAnswer(200, await usageOfImage(registry, name, reference))
  }
  return ownerAnswer(200, await usageOfRepository(registry, name))
}

async function getRepositories({ registry, query }: ManagementContext): Promise<OwnerAnswer> {
  const { largestRepositoriesRequest } = await import('../../contract/usage.ts')
  const { limit, after = null } = checked(largestRepositoriesRequest, Object.fromEntries(query))
  return ownerAnswer(200, await usageOfLargest(registry, { after, limit }))
}
