/**
 * Whether a blob's bytes are really where the database says. A process that decided to delete them long ago, and slept
 * since, may have taken them away although the blob was pushed again: then they lie aside, and are put back.
 */
import type { Digest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import type { Registry } from './registry.ts'

/** The size in bytes of what lies there, or null. Throws StorageUnavailable. */
export async function findStoredSize(
  { blobs }: Pick<Registry, 'blobs'>,
  digest: Digest,
): Promise<number | null> {
  const size = await blobs.stat(digest)
  if (size !== null) return size
  return (await blobs.putBack(digest)) ? await blobs.stat(digest) : null
}

/** Before a push is answered. Throws UNAVAILABLE where the bytes are gone. */
export async function requireStored(
  registry: Pick<Registry, 'blobs'>,
  { digest, size }: { readonly digest: Digest; readonly size: number },
): Promise<void> {
  if ((await findStoredSize(registry, digest)) === size) return
  throw new RegistryError(
    'UNAVAILABLE',
    `The bytes of the blob ${digest} were taken away while it was being stored. Please push it again.`,
    { digest },
  )
}
