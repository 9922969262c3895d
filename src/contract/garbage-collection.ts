/**
 * `POST /api/v1/garbage-collection`: what nothing needs, a page at a time. Whoever asks begins without a cursor, and
 * sends back what each answer has under `next`, until that is null. Nothing is deleted. `…/delete` takes the same, and
 * deletes: manifests go into the trash, and collection is told of bytes that nobody knows.
 */
import { z } from 'zod'

const count = z.number().int().nonnegative()

const cursor = z.strictObject({
  step: z.enum(['repositories', 'referred', 'manifests', 'count', 'list']),
  after: z.string().max(1000),
  manifest: z.string().max(200).nullable(),
  counts: z.strictObject({ kept: count, blobs: count, manifests: count, inTrash: count }),
})

export const garbageCollectionRequest = z.strictObject({
  /** Whether manifests that no tag names are garbage. */
  deleteUntagged: z.boolean().default(false),
  cursor: cursor.nullable().default(null),
})
