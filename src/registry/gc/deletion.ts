/**
 * Deletes the bytes of blobs that have no links and no references left: each file is renamed aside, durably, and then
 * the blob is forgotten. Whoever dies in between is followed by whoever looks next. A process that has slept since it
 * decided may take away a file that has been pushed again: so who commits a blob looks whether it is there, and so does
 * who reads one (`stored-bytes.ts`); and before bytes are unlinked for good the database is asked once more (`sweep.ts`).
 */
import type { Digest } from '../../oci/digest.ts'
import type { Registry } from '../registry.ts'
import { putBackBytes } from '../stored-bytes.ts'
import { endDeletionCommand, findLeavingBlobs, type LeavingBlob } from './deletion.commands.ts'

export interface Deletion {
  readonly deleted: number
  /** Bytes that lie aside now. */
  readonly bytes: number
}

/**
 * Those of the blobs that are being deleted. What the tree may still show is looked at again a little later.
 * Throws StorageUnavailable, after those whose files could be moved are gone; DatabaseUnavailable, WriterUnavailable.
 */
export async function deleteBlobs(registry: Registry, digests: readonly Digest[]): Promise<Deletion> {
  const leaving = await findLeavingBlobs(registry.database, digests)
  const putOff = leaving.filter(({ isMarked }) => isMarked).map(({ digest }) => digest)
  return await takeAway(
    registry,
    leaving.filter(({ isMarked }) => !isMarked),
    putOff,
  )
}

/**
 * For who has the bytes of a blob that is being deleted: finishes that deletion, so that the blob can be made anew. A
 * mark of the tree is not waited for, since the bytes come back at once.
 */
export async function finishDeletion(registry: Registry, digest: Digest): Promise<void> {
  await takeAway(registry, await findLeavingBlobs(registry.database, [digest]), [])
}

async function takeAway(
  registry: Registry,
  leaving: readonly LeavingBlob[],
  putOff: readonly Digest[],
): Promise<Deletion> {
  if (leaving.length + putOff.length === 0) return { deleted: 0, bytes: 0 }
  const outcomes = await Promise.allSettled(leaving.map((blob) => condemnBytes(registry, blob)))
  const gone = leaving.filter((_, index) => outcomes[index]?.status === 'fulfilled')
  const failed = leaving.filter((blob) => !gone.includes(blob)).map(({ digest }) => digest)
  const kept = await registry.database.write(endDeletionCommand, { gone, putOff, failed })
  for (const digest of kept) await putBackBytes(registry, digest)
  const failure = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failure !== undefined) throw failure.reason
  const deleted = gone.filter(({ digest }) => !kept.includes(digest))
  const moved = deleted.filter(({ isManifest }) => !isManifest)
  return { deleted: deleted.length, bytes: moved.reduce((sum, { size }) => sum + size, 0) }
}

async function condemnBytes({ blobs }: Registry, { digest, epoch, isManifest }: LeavingBlob): Promise<void> {
  if (!isManifest) await blobs.condemn(digest, epoch)
}
