/**
 * What lies aside. As damaged: it is kept for whoever wants to look, and may go a while after the blob has been healed.
 * As condemned: it goes by itself; that of a blob which is needed after all, and has no bytes, is put back.
 */

import { findDamage, listDamage } from '../../metadata/damage.ts'
import type { Read } from '../../metadata/database.ts'
import { listUsers } from '../../metadata/garbage.ts'
import { findStoredBlob } from '../../metadata/verification.ts'
import type { Digest } from '../../oci/digest.ts'
import type { QuarantinedBytes } from '../../storage/blob-store.ts'
import { blobDataPath, condemnedFolder, quarantinePath } from '../../storage/layout.ts'
import type { Registry } from '../registry.ts'
import { putBackBytes } from '../stored-bytes.ts'
import { finding, mended } from './finding.ts'
import { imagesWith } from './images.ts'
import type { Look, Position } from './look.ts'
import { forgetDamageCommand } from './repair.commands.ts'

/** Milliseconds for which bytes lie aside at least. */
export const KEPT_ASIDE = 7 * 24 * 60 * 60 * 1000

export function lookAtQuarantine(look: Look, from: Position): Promise<Position | null> {
  return look.through(look.registry.blobs.listQuarantined(from.after), from, {
    nameOf: ({ digest }) => digest,
    work: (bytes) => lookAtQuarantined(look, bytes),
  })
}

async function lookAtQuarantined(look: Look, bytes: QuarantinedBytes): Promise<void> {
  const { digest, size } = bytes
  const path = quarantinePath(digest)
  const message = `${path} (${size} bytes) holds what was taken for the blob ${digest} and is not.`
  const found = finding('bytes in quarantine', message, { digest, path })
  const isDiscarded =
    look.options.repair && (await look.at(path, () => discardOld(look.registry, bytes), false))
  look.tell(isDiscarded ? mended(found, 'The blob is whole again, so they were removed.') : found)
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

const NOTES_AT_ONCE = 100

/** Forgets damage of blobs that are gone for good: collected, and in no image any more. Some at a time; without `repair` none. */
export async function lookAtDamage(
  { registry: { database }, options }: Look,
  from: Position,
): Promise<Position | null> {
  if (!options.repair) return null
  const notes = await listDamage(database, { after: from.after, limit: NOTES_AT_ONCE })
  for (const { digest } of notes) {
    if (!(await isKnown(database, digest))) await database.write(forgetDamageCommand, { digest })
  }
  const last = notes.at(-1)
  return last === undefined || notes.length < NOTES_AT_ONCE ? null : { ...from, after: last.digest }
}

/** Whether there is such a blob, or an image that needs it: a start forgets the row of one whose file is not there. */
async function isKnown(read: Read, digest: Digest): Promise<boolean> {
  if ((await findStoredBlob(read, digest)) !== null) return true
  const users = await listUsers(read, digest, { after: { repository: 0, manifest: '' }, limit: 1 })
  return users.length > 0
}

export function lookAtCondemned(look: Look, from: Position): Promise<Position | null> {
  return look.through(look.registry.blobs.listCondemned(undefined, from.after), from, {
    nameOf: ({ place }) => place,
    work: ({ digest }) => look.at(condemnedFolder, () => lookAtCondemnedBlob(look, digest), undefined),
  })
}

async function lookAtCondemnedBlob(look: Look, digest: Digest): Promise<void> {
  if (!(await isNeededAndGone(look, digest)) || !(await isNeededAndGone(look, digest))) return
  const path = blobDataPath(digest)
  const message = `The bytes of the blob ${digest} were deleted although it is needed. They lie in ${condemnedFolder} still.`
  const images = await imagesWith(look.read, digest)
  const found = finding('blob set aside by mistake', message, { digest, path, ...images })
  const isBack = look.options.repair && (await putBackBytes(look.registry, digest))
  look.tell(isBack ? mended(found, 'They were put back.') : found)
}

async function isNeededAndGone({ read, registry }: Look, digest: Digest): Promise<boolean> {
  const blob = await findStoredBlob(read, digest)
  return blob !== null && blob.state !== 'deleting' && (await registry.blobs.stat(digest)) === null
}
