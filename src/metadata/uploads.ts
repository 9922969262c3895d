/** Uploads in progress: how far each one is, and who may write to it now. */
import type { Digest, DigestAlgorithm } from '../oci/digest.ts'
import type { UploadId } from '../oci/upload-id.ts'
import type { Read, Row, Transaction } from './database.ts'
import type { RepositoryId } from './repositories.ts'
import { integer, optionalText, text } from './row.ts'

export interface UploadRow {
  readonly id: UploadId
  readonly repositoryId: RepositoryId
  readonly principal: string
  /** The name of its bytes in storage: another one than `id` once a lapsed writer may still write to the first. */
  readonly file: UploadId
  /** Where its bytes lie until they have been copied to `file`, which counts for nothing before; else null. */
  readonly copiedFrom: UploadId | null
  readonly algorithm: DigestAlgorithm
  /** Bytes that count, whatever the file's length is. */
  readonly received: number
  /** Of the received bytes, where they were hashed as they came; else null: they must be read once more. */
  readonly digest: Digest | null
  /** The run of the machine in which the digest was taken: in another one the bytes may have been lost since. */
  readonly boot: string | null
  readonly writer: string | null
  readonly writerEpoch: number
  readonly writerLeaseUntil: number
  readonly touchedAt: number
  /** What a request was last about to make of it, or null: bytes may lie at that place although no blob is known. */
  readonly closing: Digest | null
}

const COLUMNS =
  'id, repository_id, principal, file, copied_from, algorithm, received, digest, boot, writer, writer_epoch, writer_lease_until, touched_at, closing'

export function findUpload(read: Read, id: UploadId): Promise<UploadRow | null> {
  return read.one(`SELECT ${COLUMNS} FROM uploads WHERE id = $1`, [id], uploadRow)
}

/** Uploads that nobody has touched since `before`, oldest first, with no writer whose lease still runs. */
export function listIdleUploads(
  read: Read,
  page: { readonly before: number; readonly now: number; readonly limit: number },
): Promise<UploadRow[]> {
  return read.all(
    `SELECT ${COLUMNS} FROM uploads WHERE touched_at < $1 AND writer_lease_until < $2 ORDER BY touched_at LIMIT $3`,
    [page.before, page.now, page.limit],
    uploadRow,
  )
}

/** At most `limit` uploads with an id after `after`, of all repositories, each with the time of its beginning. */
export function listUploadsInProgress(
  read: Read,
  page: { readonly after: string; readonly limit: number },
): Promise<(UploadRow & { readonly startedAt: number })[]> {
  return read.all(
    `SELECT ${COLUMNS}, started_at FROM uploads WHERE id > $1 ORDER BY id LIMIT $2`,
    [page.after, page.limit],
    (row) => ({ ...uploadRow(row), startedAt: integer(row, 'started_at') }),
  )
}

/** Of all repositories. */
export async function countUploads(read: Read): Promise<number> {
  return (
    (await read.one('SELECT count(*) AS uploads FROM uploads WHERE touched_at >= 0', [], (row) =>
      integer(row, 'uploads'),
    )) ?? 0
  )
}

/** The upload that needs the bytes of this name in storage, as its file or to copy them from, or null. */
export function findUploadByFile(read: Read, file: UploadId): Promise<UploadId | null> {
  return read.one(
    `SELECT id FROM uploads WHERE file = $1 UNION ALL SELECT id FROM uploads WHERE copied_from = $1`,
    [file],
    (row) => text(row, 'id') as UploadId,
  )
}

export async function insertUpload(
  tx: Transaction,
  upload: Pick<UploadRow, 'id' | 'repositoryId' | 'principal' | 'algorithm'>,
): Promise<void> {
  await tx.run(
    `INSERT INTO uploads (id, repository_id, principal, file, algorithm, started_at, touched_at)
     VALUES ($1, $2, $3, $1, $4, $5, $5) ON CONFLICT (id) DO NOTHING`,
    [upload.id, upload.repositoryId, upload.principal, upload.algorithm, tx.now],
  )
}

/** Who writes an upload from now on, and where its bytes are to lie. */
export interface UploadTaker extends Pick<UploadRow, 'file' | 'copiedFrom'> {
  readonly name: string
  readonly leaseUntil: number
  /** What is to become of the upload; null where that is not known yet. */
  readonly closing: Digest | null
}

/**
 * Hands the upload to a writer until the lease ends, and raises its epoch. False where that is not `seen` any
 * more: on PostgreSQL another command may have been there since this one looked.
 */
export async function takeUpload(
  tx: Transaction,
  seen: Pick<UploadRow, 'id' | 'writerEpoch'>,
  taker: UploadTaker,
): Promise<boolean> {
  const taken = await tx.run(
    `UPDATE uploads SET writer = $3, writer_epoch = writer_epoch + 1, writer_lease_until = $4, file = $5, copied_from = $6, touched_at = $7,
       closing = COALESCE($8, closing)
     WHERE id = $1 AND writer_epoch = $2`,
    [
      seen.id,
      seen.writerEpoch,
      taker.name,
      taker.leaseUntil,
      taker.file,
      taker.copiedFrom,
      tx.now,
      taker.closing,
    ],
  )
  return taken === 1
}

/** The copy in `file` is complete: nothing else is needed any more. False when the upload is not this writer's. */
export async function forgetCopySource(tx: Transaction, id: UploadId, writer: string): Promise<boolean> {
  const changed = await tx.run(`UPDATE uploads SET copied_from = NULL WHERE id = $1 AND writer = $2`, [
    id,
    writer,
  ])
  return changed === 1
}

/** Asks the writer of the upload to let go: it sees that the epoch is no longer its own. */
export async function raiseWriterEpoch(tx: Transaction, id: UploadId): Promise<void> {
  await tx.run(`UPDATE uploads SET writer_epoch = writer_epoch + 1 WHERE id = $1`, [id])
}

/** False when the upload is not this writer's any more. */
export async function renewUploadLease(
  tx: Transaction,
  id: UploadId,
  writer: string,
  leaseUntil: number,
): Promise<boolean> {
  const changed = await tx.run(
    `UPDATE uploads SET writer_lease_until = $3, touched_at = $4 WHERE id = $1 AND writer = $2`,
    [id, writer, leaseUntil, tx.now],
  )
  return changed === 1
}

/** How far a writer got: bytes, their digest where it is known, and the machine's run in which it was taken. */
export interface UploadProgress {
  readonly received: number
  readonly digest: Digest | null
  readonly boot: string
}

/** Stores how far the writer got, which goes on. False when the upload is not this writer's any more. */
export async function storeUploadProgress(
  tx: Transaction,
  id: UploadId,
  writer: string,
  progress: UploadProgress,
): Promise<boolean> {
  const changed = await tx.run(
    `UPDATE uploads SET received = $3, digest = $4, boot = $5 WHERE id = $1 AND writer = $2`,
    [id, writer, progress.received, progress.digest, progress.boot],
  )
  return changed === 1
}

/** Stores how far the writer got, and lets go of the upload. False when it was not this writer's any more. */
export async function releaseUpload(
  tx: Transaction,
  id: UploadId,
  writer: string,
  progress: UploadProgress,
): Promise<boolean> {
  const changed = await tx.run(
    `UPDATE uploads SET received = $3, digest = $4, boot = $5, writer = NULL, writer_lease_until = 0, touched_at = $6
     WHERE id = $1 AND writer = $2`,
    [id, writer, progress.received, progress.digest, progress.boot, tx.now],
  )
  return changed === 1
}

/** Lets go of the upload as it stands. False when it was not this writer's any more. */
export async function freeUpload(tx: Transaction, id: UploadId, writer: string): Promise<boolean> {
  const changed = await tx.run(
    `UPDATE uploads SET writer = NULL, writer_lease_until = 0 WHERE id = $1 AND writer = $2`,
    [id, writer],
  )
  return changed === 1
}

/** Frees the uploads of a process that is known to be dead: `writer` begins with its name. */
export async function releaseUploadsOf(tx: Transaction, process: string): Promise<number> {
  return await tx.run(
    `UPDATE uploads SET writer = NULL, writer_lease_until = 0 WHERE writer >= $1 AND writer < $2`,
    [`${process}/`, `${process}0`],
  )
}

/** True when it was there. */
export async function deleteUpload(tx: Transaction, id: UploadId): Promise<boolean> {
  return (await tx.run(`DELETE FROM uploads WHERE id = $1`, [id])) === 1
}

/** True when it was there, and this writer's. */
export async function deleteUploadOf(tx: Transaction, id: UploadId, writer: string): Promise<boolean> {
  return (await tx.run(`DELETE FROM uploads WHERE id = $1 AND writer = $2`, [id, writer])) === 1
}

/** True when it was there, nobody had touched it since `before`, and no writer's lease ran. */
export async function deleteIdleUpload(tx: Transaction, id: UploadId, before: number): Promise<boolean> {
  const deleted = await tx.run(
    `DELETE FROM uploads WHERE id = $1 AND touched_at < $2 AND writer_lease_until < $3`,
    [id, before, tx.now],
  )
  return deleted === 1
}

function uploadRow(row: Row): UploadRow {
  return {
    id: text(row, 'id') as UploadId,
    repositoryId: integer(row, 'repository_id') as RepositoryId,
    principal: text(row, 'principal'),
    file: text(row, 'file') as UploadId,
    copiedFrom: optionalText(row, 'copied_from') as UploadId | null,
    algorithm: text(row, 'algorithm') as DigestAlgorithm,
    received: integer(row, 'received'),
    digest: optionalText(row, 'digest') as Digest | null,
    boot: optionalText(row, 'boot'),
    writer: optionalText(row, 'writer'),
    writerEpoch: integer(row, 'writer_epoch'),
    writerLeaseUntil: integer(row, 'writer_lease_until'),
    touchedAt: integer(row, 'touched_at'),
    closing: optionalText(row, 'closing') as Digest | null,
  }
}
