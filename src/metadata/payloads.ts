/**
 * The exact bytes of manifests, which all repositories share. They stay while a manifest, live or in the trash, of
 * any repository has their digest.
 *
 * Whoever makes a manifest of bytes that are there already raises their epoch after its row; whoever deletes them holds
 * them first, then looks who needs them, and deletes only at that epoch. So neither can miss the other.
 */
import type { Digest } from '../oci/digest.ts'
import type { Read, Transaction } from './database.ts'
import { exists, integer } from './row.ts'

/** Holds the bytes until the transaction ends, and gives their epoch; null where there are none. */
export function holdPayload(tx: Transaction, digest: Digest): Promise<number | null> {
  return tx.one(
    `UPDATE manifest_payloads SET epoch = epoch WHERE digest = $1 RETURNING epoch`,
    [digest],
    (row) => integer(row, 'epoch'),
  )
}

/** False where there are no such bytes. */
export async function raisePayload(tx: Transaction, digest: Digest): Promise<boolean> {
  return (await tx.run(`UPDATE manifest_payloads SET epoch = epoch + 1 WHERE digest = $1`, [digest])) === 1
}

/** Puts the bytes where none are, or others, which are damaged. False where they are there already: then nothing is held. */
export async function insertPayload(tx: Transaction, digest: Digest, bytes: Uint8Array): Promise<boolean> {
  const inserted = await tx.run(
    `INSERT INTO manifest_payloads (digest, bytes)
     SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM manifest_payloads WHERE digest = $1 AND bytes = $2)
     ON CONFLICT (digest) DO UPDATE SET bytes = excluded.bytes`,
    [digest, bytes],
  )
  return inserted === 1
}

/** False where somebody has raised the epoch since. */
export async function deletePayload(tx: Transaction, digest: Digest, epoch: number): Promise<boolean> {
  return (
    (await tx.run(`DELETE FROM manifest_payloads WHERE digest = $1 AND epoch = $2`, [digest, epoch])) === 1
  )
}

/** Whether any repository has the manifest. */
export function isManifestAnywhere(read: Read, digest: Digest): Promise<boolean> {
  return exists(read, `SELECT 1 FROM manifests WHERE digest = $1 LIMIT 1`, [digest])
}
