/** Collection: how it stands, what would be collected, and doing it now. */
import { route } from '../../http/router.ts'
import { COLLECT_BEGIN } from '../../registry/gc/collect.ts'
import { findGarbage, GARBAGE_BEGIN, garbagePlaceOf } from '../../registry/gc/garbage.ts'
import { deleteGarbage } from '../../registry/gc/garbage-deletion.ts'
import type { KeepRules } from '../../registry/gc/kept.ts'
import { collectFor } from '../../registry/gc/run.ts'
import { collectionStatus } from '../../registry/gc/status.ts'
import { NotNow } from './errors.ts'
import { type OwnerAnswer, ownerAnswer } from './exchange.ts'
import { checked, type ManagementContext, type ManagementRoute, OWNER, requireWritable } from './route.ts'

export const gcRoutes: readonly ManagementRoute[] = [
  route('GET', '/api/v1/gc', { needs: 'owner', handle: getStatus }),
  route('POST', '/api/v1/gc/run', { needs: 'owner', handle: postRun }),
  route('POST', '/api/v1/garbage-collection', { needs: 'owner', handle: postGarbageCollection }),
  route('POST', '/api/v1/garbage-collection/delete', { needs: 'owner', handle: postGarbageDeletion }),
]

async function getStatus({ registry, isServed, collects, jobs }: ManagementContext): Promise<OwnerAnswer> {
  const status = await collectionStatus(registry, { isServed, isEnabled: collects })
  return ownerAnswer(200, { ...status, jobs: await jobs() })
}

/** How long one answer collects, in milliseconds: whoever waits is told how far it is. */
const RUN = 1_000

/** A part of a run, without waiting for any grace. What is in the trash, and what a push has just named, stays. */
async function postRun(context: ManagementContext): Promise<OwnerAnswer> {
  const { registry, isAlone, body, signal } = context
  requireWritable(context)
  const { collectionRunRequest } = await import('../../contract/gc.ts')
  const { cursor } = checked(collectionRunRequest, body)
  // What was deleted lies aside for those who may still be pushing it; where this process is alone nobody is.
  const options = { signal, milliseconds: RUN, ...(isAlone ? { unlinkAfter: 0 } : {}) }
  const part = await collectFor(registry, { ...options, cursor: cursor ?? COLLECT_BEGIN })
  context.onCollected(part)
  return ownerAnswer(200, part)
}

/** One page of what nothing needs. */
async function postGarbageCollection(context: ManagementContext): Promise<OwnerAnswer> {
  const { registry, body } = context
  const { garbageCollectionRequest } = await import('../../contract/garbage-collection.ts')
  const { deleteUntagged, cursor } = checked(garbageCollectionRequest, body)
  const place = garbagePlaceOf(registry)
  if (place === null) throw new NotNow(IN_MEMORY)
  return ownerAnswer(200, await findGarbage(place, rulesOf(context, deleteUntagged), cursor ?? GARBAGE_BEGIN))
}

/** Deletes one page of it, as far as that is not collection's affair: manifests go into the trash. */
async function postGarbageDeletion(context: ManagementContext): Promise<OwnerAnswer> {
  const { registry, body } = context
  requireWritable(context)
  const { garbageCollectionRequest } = await import('../../contract/garbage-collection.ts')
  const { deleteUntagged, cursor } = checked(garbageCollectionRequest, body)
  const rules = rulesOf(context, deleteUntagged)
  return ownerAnswer(200, await deleteGarbage(registry, rules, { cursor, by: OWNER }))
}

/** What has come just now may be a part of an index that is on its way; where this process is alone, nothing is. */
function rulesOf({ registry, isAlone }: ManagementContext, deleteUntagged: boolean): KeepRules {
  if (isAlone) return { deleteUntagged }
  return { deleteUntagged, untaggedBefore: Date.now() - registry.policy.collection.lease }
}

const IN_MEMORY = 'Everything is in memory, so there is nothing to collect: it is gone when Berth stops.'
