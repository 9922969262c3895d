/** For an upload whose bytes are in place, and whose blob is just being deleted: it does not wait for whoever deletes it. */
import type { Digest } from '../../oci/digest.ts'
import { isBeingDeleted } from '../blobs.commands.ts'
import type { Registry } from '../registry.ts'
import { finishDeletion } from './deletion.ts'

/** Milliseconds, in all. */
const PATIENCE = 5_000

/**
 * Does the work; where it meets the blob being deleted, it finishes that deletion, puts the bytes in their place
 * again, which may be the upload's own, and does it once more. Throws UNAVAILABLE where that does not come to an end.
 */
export async function pastDeletion<T>(
  registry: Registry,
  digest: Digest,
  work: () => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + PATIENCE
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isBeingDeleted(error) || performance.now() > deadline) throw error
      await finishDeletion(registry, digest)
      await registry.blobs.putBack(digest)
    }
  }
}
