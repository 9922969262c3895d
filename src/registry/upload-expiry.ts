/** Forgets uploads that nobody touches any more, and bytes that no upload knows. Small steps, safe to run anywhere at any time. */
import { findUpload, findUploadByFile, listIdleUploads } from '../metadata/uploads.ts'
import type { Registry } from './registry.ts'
import { expireUploadCommand } from './uploads.commands.ts'

const AT_ONCE = 100

/** Forgets every upload that has lain idle for longer than the policy allows, and gives their number. */
export async function expireIdleUploads(registry: Registry, now: number): Promise<number> {
  const idleFor = registry.policy.uploadExpiry
  let expired = 0
  for (;;) {
    const idle = await listIdleUploads(registry.database, { before: now - idleFor, now, limit: AT_ONCE })
    let progress = 0
    for (const upload of idle) {
      if (!(await registry.database.write(expireUploadCommand, { id: upload.id, idleFor }))) continue
      await registry.blobs.discard(upload.file)
      progress++
    }
    expired += progress
    if (progress === 0) return expired
  }
}

/**
 * Discards bytes whose upload has ended: left behind where a crash came between the row and the file. Safe
 * while others upload, for a row is there before its file; a file that cannot be asked about is kept.
 */
export async function discardOrphanedUploads(registry: Registry): Promise<number> {
  let discarded = 0
  for await (const file of registry.blobs.listUploads()) {
    const isKnown =
      (await findUpload(registry.database, file)) !== null ||
      (await findUploadByFile(registry.database, file)) !== null
    if (isKnown) continue
    await registry.blobs.discard(file)
    discarded++
  }
  return discarded
}
