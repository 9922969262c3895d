/**
 * Blobs that are known to be damaged, as those meet them who pull or push: they count as missing until they are pushed
 * again. What lies in storage decides, for somebody may have put the file back; the note says only where to look.
 */
import { findDamage, hasDamage } from '../metadata/damage.ts'
import type { Digest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import type { Registry } from './registry.ts'

/** Those of the digests whose bytes are known to be damaged or gone. Costs one small read where nothing is damaged at all. */
export async function findLostBlobs(
  { database, blobs }: Registry,
  digests: readonly Digest[],
): Promise<Digest[]> {
  if (!(await hasDamage(database))) return []
  const lost: Digest[] = []
  for (const digest of digests) {
    const known = await findDamage(database, digest)
    if (known !== null && (await blobs.stat(digest)) !== known.size) lost.push(digest)
  }
  return lost
}

/**
 * The refusal for a blob whose file is not as it should be; `found` is its size in bytes, null where there is none.
 * 404 and not 500: a client that is told so pushes the blob again, and that heals it.
 */
export async function damagedBlob(
  { database }: Registry,
  digest: Digest,
  { expected, found }: { readonly expected: number; readonly found: number | null },
): Promise<RegistryError> {
  const known = await findDamage(database, digest)
  const message =
    known === null || known.why === 'missing'
      ? `The blob ${digest} was stored, but ${stateOf(expected, found)}. Push it again to repair it.`
      : `The blob ${digest} was stored, but its bytes were found to be damaged on ${dayOf(known.foundAt)}. Push it again to repair it.`
  return new RegistryError('BLOB_UNKNOWN', message, { digest })
}

function stateOf(expected: number, found: number | null): string {
  return found === null ? 'its file is missing' : `its file has ${found} bytes instead of ${expected}`
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10)
}
