/**
 * The writes of uploads in progress. Only `finish` must survive a power loss; the rest need only survive the
 * process, and so commit without waiting for the disk.
 *
 * Invariant: until the copy that a takeover needs is complete, the row names where the bytes lie
 * (`copiedFrom`), and whoever claims it copies from there.
 */
import { isBlobLinked } from '../metadata/blobs.ts'
import { command, type Read, type Transaction } from '../metadata/database.ts'
import { findOrCreateRepository, findRepositoryId } from '../metadata/repositories.ts'
import { scheduleReview } from '../metadata/reviews.ts'
import {
  deleteIdleUpload,
  deleteUpload,
  deleteUploadOf,
  findUpload,
  forgetCopySource,
  freeUpload,
  insertUpload,
  listIdleUploads,
  raiseWriterEpoch,
  releaseUpload,
  releaseUploadsOf,
  renewUploadLease,
  storeUploadProgress,
  takeUpload,
  type UploadProgress,
  type UploadRow,
} from '../metadata/uploads.ts'
import type { Digest, DigestAlgorithm } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { UploadId } from '../oci/upload-id.ts'
import { addBlob, type DurableBlob } from './blobs.commands.ts'

const PROGRESS = { durable: false } as const

/** Which upload, and who asks: a session belongs to its repository and to the principal that opened it. */
export interface UploadSession {
  readonly id: UploadId
  readonly repository: RepositoryName
  readonly principal: string
}

/** A request that closes an upload puts its bytes in place before there is a blob, and may die in between. */
export interface MayLeaveBytes {
  /** Milliseconds after which collection looks whether bytes were left that nobody knows. */
  readonly reviewAfter: number
}

/** Somebody who wants to write the upload, under a name that no other writer has. */
export interface UploadClaim extends UploadSession, MayLeaveBytes {
  readonly writer: string
  /** What is to become of the upload, where that is known: its bytes will be in place before there is a blob. */
  readonly closing: Digest | null
  /** Milliseconds. */
  readonly lease: number
  /** The new name of the bytes in storage, should the last writer have lapsed without letting go. */
  readonly copy: UploadId
}

export interface ClaimedUpload {
  /** `held`: somebody else writes, and has been asked to let go. */
  readonly kind: 'claimed' | 'held'
  readonly upload: UploadRow
}

/** One writer of one upload. */
export interface UploadHold {
  readonly id: UploadId
  readonly writer: string
}

export type FinishedUpload =
  | { readonly kind: 'finished' }
  /** Somebody else writes the upload now, and this is how far it is, in bytes. */
  | { readonly kind: 'taken-over'; readonly received: number }

export const beginUploadCommand = command(
  'upload.begin',
  async (tx, input: UploadSession & { readonly algorithm: DigestAlgorithm }) => {
    const repositoryId = await findOrCreateRepository(tx, input.repository)
    await insertUpload(tx, {
      id: input.id,
      repositoryId,
      principal: input.principal,
      algorithm: input.algorithm,
    })
  },
  PROGRESS,
)

/**
 * Hands the upload to a new writer when nobody holds it. A lapsed writer may still write where it did: the
 * bytes are then to be copied from there. Throws BLOB_UPLOAD_UNKNOWN.
 */
export const claimUploadCommand = command(
  'upload.claim',
  async (tx, claim: UploadClaim): Promise<ClaimedUpload> => {
    for (;;) {
      const upload = await getUploadOf(tx, claim)
      const isFree = upload.writer === null || upload.writer === claim.writer
      if (!isFree && upload.writerLeaseUntil >= tx.now) {
        await raiseWriterEpoch(tx, claim.id)
        return { kind: 'held', upload }
      }
      const place = isFree ? upload : { file: claim.copy, copiedFrom: upload.copiedFrom ?? upload.file }
      const claimed = await claimAs(tx, claim, upload, place)
      if (claimed !== null) return { kind: 'claimed', upload: claimed }
    }
  },
  PROGRESS,
)

/** The copy that a takeover needed is complete. False when the upload is not this writer's any more. */
export const uploadCopiedCommand = command(
  'upload.copied',
  (tx, input: UploadHold) => forgetCopySource(tx, input.id, input.writer),
  PROGRESS,
)

/** Goes on holding the upload, and stores how far it is where that has changed. False when it is not this writer's any more. */
export const renewUploadCommand = command(
  'upload.renew',
  async (tx, input: UploadHold & { readonly lease: number; readonly progress: UploadProgress | null }) => {
    const { id, writer, progress } = input
    if (progress !== null) await storeUploadProgress(tx, id, writer, progress)
    return await renewUploadLease(tx, id, writer, tx.now + input.lease)
  },
  PROGRESS,
)

/** Stores how far the writer got, and frees the upload for the next one. False when it was taken over. */
export const releaseUploadCommand = command(
  'upload.release',
  (tx, input: UploadHold & UploadProgress) => releaseUpload(tx, input.id, input.writer, input),
  PROGRESS,
)

/** Frees what a writer may have claimed without learning of it. */
export const freeUploadCommand = command(
  'upload.free',
  (tx, hold: UploadHold) => freeUpload(tx, hold.id, hold.writer),
  PROGRESS,
)

/** Frees what a dead process was writing. */
export const releaseUploadsOfCommand = command(
  'upload.release-all',
  (tx, input: { readonly process: string }) => releaseUploadsOf(tx, input.process),
  PROGRESS,
)

/**
 * The upload's bytes are durable as `digest`: from now on they are a blob of the repository. Only its writer
 * may say so. Where the upload is gone and the repository links the blob, an earlier run has done all but
 * perhaps show it in the link tree, and this one makes up for that; `writer` null means nothing else.
 * Throws BLOB_UPLOAD_UNKNOWN, and UNAVAILABLE for a blob that is being removed.
 */
export const finishUploadCommand = command(
  'upload.finish',
  async (
    tx,
    input: UploadSession & DurableBlob & { readonly writer: string | null },
  ): Promise<FinishedUpload> => {
    const repository = await findRepositoryId(tx, input.repository)
    if (repository === null) throw unknownUpload(input)
    const isMine = input.writer !== null && (await deleteUploadOf(tx, input.id, input.writer))
    if (!isMine && (await findUpload(tx, input.id)) !== null) {
      return { kind: 'taken-over', received: (await getUploadOf(tx, input)).received }
    }
    if (!isMine && !(await isBlobLinked(tx, repository, input.digest))) throw unknownUpload(input)
    await addBlob(tx, repository, input)
    return { kind: 'finished' }
  },
)

/**
 * Forgets the upload, whoever writes it; where a writer is named, only if it is that one's. Gives the names of
 * the bytes that can now be discarded. Throws BLOB_UPLOAD_UNKNOWN.
 */
export const cancelUploadCommand = command(
  'upload.cancel',
  async (
    tx,
    input: UploadSession & MayLeaveBytes & { readonly writer: string | null },
  ): Promise<UploadId[]> => {
    const upload = await getUploadOf(tx, input)
    const isDeleted =
      input.writer === null
        ? await deleteUpload(tx, input.id)
        : await deleteUploadOf(tx, input.id, input.writer)
    if (!isDeleted) return []
    await reviewLeftBytes(tx, upload, input)
    return filesOf(upload)
  },
  PROGRESS,
)

/**
 * Forgets at most `limit` uploads that nobody has touched for so many milliseconds by the database's clock,
 * and gives for each the names of the bytes that can now be discarded.
 */
export const expireUploadsCommand = command(
  'upload.expire',
  async (
    tx,
    input: MayLeaveBytes & { readonly idleFor: number; readonly limit: number },
  ): Promise<UploadId[][]> => {
    const before = tx.now - input.idleFor
    const expired: UploadId[][] = []
    for (const upload of await listIdleUploads(tx, { before, now: tx.now, limit: input.limit })) {
      if (!(await deleteIdleUpload(tx, upload.id, before))) continue
      await reviewLeftBytes(tx, upload, input)
      expired.push(filesOf(upload))
    }
    return expired
  },
  PROGRESS,
)

/** The upload as the claimer has it now. Null where somebody else was faster: then it must be looked at again. */
async function claimAs(
  tx: Transaction,
  claim: UploadClaim,
  upload: UploadRow,
  { file, copiedFrom }: Pick<UploadRow, 'file' | 'copiedFrom'>,
): Promise<UploadRow | null> {
  const { closing } = claim
  const taker = { name: claim.writer, leaseUntil: tx.now + claim.lease, file, copiedFrom, closing }
  if (!(await takeUpload(tx, upload, taker))) return null
  if (closing !== null && closing !== upload.closing) await reviewLeftBytes(tx, upload, claim)
  return { ...upload, file, copiedFrom, writer: claim.writer, writerEpoch: upload.writerEpoch + 1 }
}

/** Has collection look at what an earlier request may have put in place, for nothing says any more that it is of use. */
export async function reviewLeftBytes(
  tx: Transaction,
  { closing }: UploadRow,
  { reviewAfter }: MayLeaveBytes,
): Promise<void> {
  if (closing === null) return
  await scheduleReview(tx, {
    repository: 0,
    digest: closing,
    reason: 'upload ended',
    dueAt: tx.now + reviewAfter,
  })
}

/** The upload, if the session may use it. Throws BLOB_UPLOAD_UNKNOWN. */
export async function getUploadOf(read: Read, session: UploadSession): Promise<UploadRow> {
  const upload = await findUpload(read, session.id)
  const repository = await findRepositoryId(read, session.repository)
  if (upload === null || upload.repositoryId !== repository || upload.principal !== session.principal) {
    throw unknownUpload(session)
  }
  return upload
}

/** Every name under which bytes of the upload may lie in storage. */
export function filesOf({ file, copiedFrom }: UploadRow): UploadId[] {
  return copiedFrom === null ? [file] : [file, copiedFrom]
}

export function unknownUpload(session: Pick<UploadSession, 'id' | 'repository'>): RegistryError {
  return new RegistryError(
    'BLOB_UPLOAD_UNKNOWN',
    `There is no upload ${session.id} in ${session.repository}: it has ended, expired or was begun elsewhere. Begin a new one.`,
  )
}
