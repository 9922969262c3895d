/** What is known of one digest. */
import { route } from '../../http/router.ts'
import { parseDigest } from '../../oci/digest.ts'
import { explainDigest } from '../../registry/gc/explain.ts'
import { type OwnerAnswer, ownerAnswer } from './exchange.ts'
import type { ManagementContext, ManagementRoute } from './route.ts'

export const blobRoutes: readonly ManagementRoute[] = [
  route('GET', '/api/v1/blobs/:digest', { needs: 'owner', handle: getBlob }),
]

async function getBlob(
  { registry }: ManagementContext,
  { digest }: { readonly digest: string },
): Promise<OwnerAnswer> {
  return ownerAnswer(200, await explainDigest(registry, parseDigest(digest)))
}
