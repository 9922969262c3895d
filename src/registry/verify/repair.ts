/**
 * Mends a damaged blob, or keeps its bytes from being served: from the database where they are a manifest's, from what was
 * set aside where that is right, else by quarantine. Then the blob counts as missing, so that its next push heals it.
 * Only the very bytes that were hashed are taken out of their place.
 */
import { findDamage } from '../../metadata/damage.ts'
import { findPayload } from '../../metadata/manifests.ts'
import type { StoredBlob } from '../../metadata/verification.ts'
import { algorithmOf, type Digest, digestFrom, digestOf } from '../../oci/digest.ts'
import type { Registry } from '../registry.ts'
import { putBackBytes } from '../stored-bytes.ts'
import type { BlobDamage } from './judge.ts'
import { forgetDamageCommand, noteDamageCommand, showPayloadCommand } from './repair.commands.ts'

/** What was done. `healthy`: it was pushed again meanwhile, and nothing needed to be done. */
export type Repair = 'written again' | 'put back' | 'set aside' | 'noted' | 'healthy'

const ALL = { offset: 0, length: Number.MAX_SAFE_INTEGER }

/** Throws StorageUnavailable. */
export async function repairBlob(
  registry: Registry,
  { digest, size }: Pick<StoredBlob, 'digest' | 'size'>,
  damage: BlobDamage,
): Promise<Repair> {
  const { database, blobs } = registry
  if (await isPayload(registry, digest)) {
    await database.write(showPayloadCommand, { digest })
    return 'written again'
  }
  if (damage.kind === 'missing' && (await putBack(registry, digest))) return 'put back'
  await database.write(noteDamageCommand, { digest, size, why: damage.kind })
  if (damage.kind === 'missing') return 'noted'
  if (await blobs.quarantine(digest, damage.bytes)) return 'set aside'
  await database.write(forgetDamageCommand, { digest })
  return 'healthy'
}

/** A blob was hashed and is whole: somebody may have put its file back. True where it was known to be damaged. */
export async function forgetHealed({ database }: Registry, digest: Digest): Promise<boolean> {
  if ((await findDamage(database, digest)) === null) return false
  return await database.write(forgetDamageCommand, { digest })
}

async function isPayload({ database }: Registry, digest: Digest): Promise<boolean> {
  const bytes = await findPayload(database, digest)
  return bytes !== null && digestOf(bytes, algorithmOf(digest)) === digest
}

/** Bytes that lie aside and are right: as condemned, or as damaged. */
async function putBack(registry: Registry, digest: Digest): Promise<boolean> {
  if (await putBackBytes(registry, digest)) return true
  const { blobs, database } = registry
  const algorithm = algorithmOf(digest)
  const hasher = new Bun.CryptoHasher(algorithm)
  for await (const chunk of blobs.readQuarantined(digest, ALL)) hasher.update(chunk)
  if (digestFrom(hasher, algorithm) !== digest || !(await blobs.releaseQuarantined(digest))) return false
  await database.write(forgetDamageCommand, { digest })
  return true
}
