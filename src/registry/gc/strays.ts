/**
 * Bytes under `blobs/` that the database knows nothing of: what an upload left that died after its bytes were in place,
 * or another registry. Once it is known that no upload is about to make a blob of them, they are deleted as other blobs are.
 */
import type { Digest } from '../../oci/digest.ts'
import type { Registry } from '../registry.ts'
import { takeStraysCommand } from './deletion.commands.ts'

/** Gives how many of these digests, of which no blob is known, are being deleted now. Throws StorageUnavailable. */
export async function takeStrays({ blobs, database }: Registry, digests: readonly Digest[]): Promise<number> {
  if (digests.length === 0) return 0
  const found = await Promise.all(digests.map(async (digest) => ({ digest, size: await blobs.stat(digest) })))
  return await database.write(takeStraysCommand, { found })
}
