/** What lies aside as damaged: it is kept for whoever wants to look, and may go a while after the blob has been healed. */

import { findDamage } from '../../metadata/damage.ts'
import { findStoredBlob } from '../../metadata/verification.ts'
import type { QuarantinedBytes } from '../../storage/blob-store.ts'
import { quarantinePath } from '../../storage/layout.ts'
import type { Registry } from '../registry.ts'
import { finding, mended } from './finding.ts'
import type { Look } from './look.ts'

/** Milliseconds for which bytes lie aside at least. */
export const KEPT_ASIDE = 7 * 24 * 60 * 60 * 1000

export async function lookAtQuarantine(look: Look): Promise<null> {
  const { blobs } = look.registry
  for await (const bytes of blobs.listQuarantined()) {
    const { digest, size } = bytes
    const path = quarantinePath(digest)
    const message = `${path} (${size} bytes) holds what was taken for the blob ${digest} and is not.`
    const found = finding('bytes in quarantine', message, { digest, path })
    const isDiscarded =
      look.options.repair && (await look.at(path, () => discardOld(look.registry, bytes), false))
    look.tell(isDiscarded ? mended(found, 'The blob is whole again, so they were removed.') : found)
  }
  return null
}

/** True where the bytes were removed: the blob is whole again, or gone from every image, and they have lain there for long. */
export async function discardOld(
  { blobs, database }: Registry,
  { digest, since }: QuarantinedBytes,
  now = Date.now(),
): Promise<boolean> {
  if (since > now - KEPT_ASIDE || (await findDamage(database, digest)) !== null) return false
  const blob = await findStoredBlob(database, digest)
  if (blob !== null && (await blobs.stat(digest)) !== blob.size) return false
  await blobs.discardQuarantined(digest)
  return true
}
