/** Forgets uploads that nobody touches any more, and bytes that no upload knows. Small steps, safe to run anywhere at any time. */
import { findRepositoryName } from '../metadata/repositories.ts'
import { findUploadByFile, listIdleUploads } from '../metadata/uploads.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { UploadId } from '../oci/upload-id.ts'
import type { Registry } from './registry.ts'
import { type StepTime, UNLIMITED } from './step-time.ts'
import { expireUploadsCommand } from './uploads.commands.ts'

const AT_ONCE = 100

/**
 * Forgets every upload that has lain idle for longer than the policy allows, as far as it comes in its time, and gives
 * their number. Bytes that
 * cannot be discarded now are found later (discardOrphanedUploads).
 * Throws StorageUnavailable, DatabaseUnavailable, WriterUnavailable.
 */
export async function expireIdleUploads(registry: Registry, time: StepTime = UNLIMITED): Promise<number> {
  const { uploadExpiry, collection } = registry.policy
  const input = { idleFor: uploadExpiry, limit: AT_ONCE, reviewAfter: collection.lease }
  let expired = 0
  for (;;) {
    const uploads = await registry.database.write(expireUploadsCommand, input)
    for (const file of uploads.flat()) await registry.blobs.discard(file)
    expired += uploads.length
    if (uploads.length < AT_ONCE || time.isOver) return expired
  }
}

/** An upload that `expireIdleUploads` would forget. */
export interface IdleUpload {
  readonly id: UploadId
  /** Null where the repository is gone. */
  readonly repository: RepositoryName | null
  readonly receivedBytes: number
}

/** At most a hundred of those that would be forgotten now, the longest idle first. Throws DatabaseUnavailable. */
export async function listExpiredUploads({ database, policy }: Registry): Promise<IdleUpload[]> {
  const now = Date.now()
  const page = { before: now - policy.uploadExpiry, now, limit: AT_ONCE }
  const uploads = await listIdleUploads(database, page)
  return await Promise.all(
    uploads.map(async ({ id, repositoryId, received }) => ({
      id,
      repository: await findRepositoryName(database, repositoryId),
      receivedBytes: received,
    })),
  )
}

/**
 * Discards bytes whose upload has ended: left behind where a crash came between the row and the file. Safe
 * while others upload, for a row names its bytes before they are there, and until they are not needed; a file
 * that cannot be asked about is kept. Throws StorageUnavailable, DatabaseUnavailable.
 */
export async function discardOrphanedUploads(
  registry: Registry,
  time: StepTime = UNLIMITED,
): Promise<number> {
  let discarded = 0
  for await (const file of registry.blobs.listUploads()) {
    if (time.isOver) break
    if ((await findUploadByFile(registry.database, file)) !== null) continue
    await registry.blobs.discard(file)
    discarded++
  }
  return discarded
}
