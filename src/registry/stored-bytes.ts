/**
 * Whether a blob's bytes are really where the database says. A process that decided to delete them long ago, and slept
 * since, may have taken them away although the blob was pushed again: then they lie aside, and are put back.
 */
import type { Digest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { reviewBytesCommand } from './gc/deletion.commands.ts'
import type { Registry } from './registry.ts'

/** Milliseconds. */
const PATIENCE = 2_000
const LOOK_AGAIN_AFTER = 20

type Stores = Pick<Registry, 'blobs' | 'database'>

/** Somebody else may take them away, or put them back, between two looks. */
const MOST_LOOKS = 3

/** The size in bytes of what lies there, or null. Throws StorageUnavailable. */
export async function findStoredSize(registry: Stores, digest: Digest): Promise<number | null> {
  for (let look = 1; ; look++) {
    const size = await registry.blobs.stat(digest)
    if (size !== null || look === MOST_LOOKS) return size
    await putBackBytes(registry, digest)
  }
}

/**
 * Puts bytes back that lie aside. True: they are in their place because of this. The blob may have been deleted for good
 * between the question that led here and now: so collection looks at what lies there.
 */
export async function putBackBytes({ blobs, database }: Stores, digest: Digest): Promise<boolean> {
  if (!(await blobs.putBack(digest))) return false
  await database.write(reviewBytesCommand, { digest })
  return true
}

/** Before a push is answered. Throws UNAVAILABLE where the bytes are gone. */
export async function requireStored(
  registry: Stores,
  { digest, size }: { readonly digest: Digest; readonly size: number },
): Promise<void> {
  const deadline = performance.now() + PATIENCE
  for (;;) {
    const found = await findStoredSize(registry, digest)
    if (found === size) return
    // Whoever deletes it at this moment puts back what is needed.
    if (found !== null || performance.now() > deadline) break
    await Bun.sleep(LOOK_AGAIN_AFTER)
  }
  throw new RegistryError(
    'UNAVAILABLE',
    `The bytes of the blob ${digest} were taken away while it was being stored. Please push it again.`,
    { digest },
  )
}
