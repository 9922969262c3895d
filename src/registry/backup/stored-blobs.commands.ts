/** The write by which a restored database learns what the storage holds. */

import { forgetDamage } from '../../metadata/damage.ts'
import { command } from '../../metadata/database.ts'
import { forgetRestoredBlob, keepRestoredBlob } from '../../metadata/restored.ts'
import type { Digest } from '../../oci/digest.ts'

/** Milliseconds for which nothing goes after a restore, whatever the backup says of it. */
const LEASE = 3_600_000

export interface StoredBlobsInput {
  /** At most 500 together. */
  readonly found: readonly Digest[]
  readonly lost: readonly Digest[]
  /** Those that were found have just been hashed. */
  readonly areSound: boolean
}

export const settleBlobsCommand = command(
  'backup.settle-blobs',
  async (tx, { found, lost, areSound }: StoredBlobsInput) => {
    const times = { leaseUntil: tx.now + LEASE, dueAt: tx.now + LEASE }
    for (const digest of found) await keepRestoredBlob(tx, digest, times)
    if (areSound) for (const digest of found) await forgetDamage(tx, digest)
    for (const digest of lost) await forgetRestoredBlob(tx, digest)
  },
  { durable: false },
)
