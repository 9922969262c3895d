/** Collection: how it stands, and what would be collected. */
import { route } from '../../http/router.ts'
import { findGarbage, GARBAGE_BEGIN, garbagePlaceOf } from '../../registry/gc/garbage.ts'
import { collectionStatus } from '../../registry/gc/status.ts'
import { NotNow } from './errors.ts'
import { type OwnerAnswer, ownerAnswer } from './exchange.ts'
import { checked, type ManagementContext, type ManagementRoute } from './route.ts'

export const gcRoutes: readonly ManagementRoute[] = [
  route('GET', '/api/v1/gc', { needs: 'owner', handle: getStatus }),
  route('POST', '/api/v1/garbage-collection', { needs: 'owner', handle: postGarbageCollection }),
]

async function getStatus({ registry, isReadOnly, jobs }: ManagementContext): Promise<OwnerAnswer> {
  const status = await collectionStatus(registry, { isReadOnly })
  return ownerAnswer(200, { ...status, jobs: await jobs() })
}

/** One page of what nothing needs. */
async function postGarbageCollection({ registry, body }: ManagementContext): Promise<OwnerAnswer> {
  const { garbageCollectionRequest } = await import('../../contract/garbage-collection.ts')
  const { deleteUntagged, cursor } = checked(garbageCollectionRequest, body)
  const place = garbagePlaceOf(registry)
  if (place === null) throw new NotNow(IN_MEMORY)
  return ownerAnswer(200, await findGarbage(place, { deleteUntagged }, cursor ?? GARBAGE_BEGIN))
}

const IN_MEMORY = 'Everything is in memory, so there is nothing to collect: it is gone when Berth stops.'
