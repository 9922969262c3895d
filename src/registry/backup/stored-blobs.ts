/**
 * After a database was filled from a backup: compares its blobs with the storage, which is newer. What is there lives;
 * what collection had already put aside is put back; what is gone is forgotten, and told where the trash needs it.
 */
import type { Database, Read } from '../../metadata/database.ts'
import { findRepositoryName } from '../../metadata/repositories.ts'
import { listTrashUsers } from '../../metadata/restored.ts'
import { listStoredBlobs } from '../../metadata/verification.ts'
import type { Digest } from '../../oci/digest.ts'
import type { BlobStore } from '../../storage/blob-store.ts'
import { settleBlobsCommand } from './stored-blobs.commands.ts'

const BLOBS_AT_ONCE = 200
const MOST_NAMED = 20

export interface StoredBlobsPlace {
  readonly database: Read & Pick<Database, 'write'>
  readonly blobs: Pick<BlobStore, 'stat' | 'putBack'>
  /** What is there has just been hashed: what was known of damage counts for nothing. */
  readonly areSound: boolean
}

export interface StoredBlobsResult {
  readonly found: number
  /** Blobs of the backup whose bytes are nowhere. */
  readonly lost: number
  /** What can no longer be restored whole from the trash, `repository@digest`; the first ones only. */
  readonly brokenInTrash: readonly string[]
}

/** Throws StorageUnavailable, DatabaseUnavailable. */
export async function settleStoredBlobs({
  database,
  blobs,
  areSound,
}: StoredBlobsPlace): Promise<StoredBlobsResult> {
  const broken = new Set<string>()
  const counts = { found: 0, lost: 0 }
  for (let after = ''; ; ) {
    const page = await listStoredBlobs(database, { after, limit: BLOBS_AT_ONCE })
    const found: Digest[] = []
    const lost: Digest[] = []
    for (const { digest } of page) ((await isThere(blobs, digest)) ? found : lost).push(digest)
    for (const digest of lost) await nameTrash(database, digest, broken)
    if (page.length > 0) await database.write(settleBlobsCommand, { found, lost, areSound })
    counts.found += found.length
    counts.lost += lost.length
    const last = page.at(-1)
    if (last === undefined) return { ...counts, brokenInTrash: [...broken] }
    after = last.digest
  }
}

async function isThere(blobs: StoredBlobsPlace['blobs'], digest: Digest): Promise<boolean> {
  return (await blobs.stat(digest)) !== null || (await blobs.putBack(digest))
}

async function nameTrash(database: Read, digest: Digest, broken: Set<string>): Promise<void> {
  if (broken.size >= MOST_NAMED) return
  for (const { repository, manifest } of await listTrashUsers(database, digest, MOST_NAMED)) {
    const name = await findRepositoryName(database, repository)
    if (name !== null && broken.size < MOST_NAMED) broken.add(`${name}@${manifest}`)
  }
}
