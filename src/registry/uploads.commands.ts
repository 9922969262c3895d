/**
 * The writes of uploads in progress. Only `finish` must survive a power loss; the rest need only survive the
 * process, and so commit without waiting for the disk.
 */

import { isBlobLinked } from '../metadata/blobs.ts'
import { command, type Transaction } from '../metadata/database.ts'
import { findOrCreateRepository, findRepositoryId, type RepositoryId } from '../metadata/repositories.ts'
import {
  deleteIdleUpload,
  deleteUpload,
  findUpload,
  insertUpload,
  raiseWriterEpoch,
  releaseUpload,
  releaseUploadsOf,
  renewUploadLease,
  takeUpload,
  type UploadRow,
} from '../metadata/uploads.ts'
import type { Digest, DigestAlgorithm } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { UploadId } from '../oci/upload-id.ts'
import { addBlob } from './blobs.commands.ts'

const PROGRESS = { durable: false } as const

/** Which upload, and who asks: a session belongs to its repository and to the principal that opened it. */
export interface UploadSession {
  readonly id: UploadId
  readonly repository: RepositoryName
  readonly principal: string
}

/** Somebody who wants to write the upload, under a name that no other writer has. */
export interface UploadClaim extends UploadSession {
  readonly writer: string
  /** Milliseconds. */
  readonly lease: number
  /** The new name of the bytes in storage, should the last writer have lapsed without letting go. */
  readonly copy: UploadId
}

export type ClaimedUpload =
  | { readonly kind: 'claimed'; readonly upload: UploadRow }
  /** The upload's first `received` bytes must be copied from `from`, for the lapsed writer may still write there. */
  | { readonly kind: 'lapsed'; readonly upload: UploadRow; readonly from: UploadId }
  /** Somebody else writes, and has been asked to let go. */
  | { readonly kind: 'held'; readonly upload: UploadRow }

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

/** Throws BLOB_UPLOAD_UNKNOWN. */
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
      const claimed = await claimAs(tx, claim, upload, isFree ? upload.file : claim.copy)
      if (claimed === null) continue
      return isFree
        ? { kind: 'claimed', upload: claimed }
        : { kind: 'lapsed', upload: claimed, from: upload.file }
    }
  },
  PROGRESS,
)

/** False when the upload is not this writer's any more. */
export const renewUploadCommand = command(
  'upload.renew',
  (tx, input: { readonly id: UploadId; readonly writer: string; readonly lease: number }) =>
    renewUploadLease(tx, input.id, input.writer, tx.now + input.lease),
  PROGRESS,
)

/** Stores how far the writer got, and frees the upload for the next one. False when it was taken over. */
export const releaseUploadCommand = command(
  'upload.release',
  (
    tx,
    input: {
      readonly id: UploadId
      readonly writer: string
      readonly received: number
      readonly digest: Digest | null
      readonly boot: string
    },
  ) => releaseUpload(tx, input.id, input.writer, input),
  PROGRESS,
)

/** Frees what a dead process was writing. */
export const releaseUploadsOfCommand = command(
  'upload.release-all',
  (tx, input: { readonly process: string }) => releaseUploadsOf(tx, input.process),
  PROGRESS,
)

/**
 * The upload's bytes are durable as `digest`: from now on they are a blob of the repository.
 * Run a second time it finds the upload gone and the blob linked, and is content.
 */
export const finishUploadCommand = command(
  'upload.finish',
  async (tx, input: UploadSession & { readonly digest: Digest; readonly size: number }) => {
    const repository = await findRepositoryId(tx, input.repository)
    if (repository === null) throw unknownUpload(input)
    const wasOpen = await deleteUpload(tx, input.id)
    if (!wasOpen && !(await isBlobLinked(tx, repository, input.digest))) throw unknownUpload(input)
    await addBlob(tx, repository, input.digest, input.size)
  },
)

/** The name of the bytes that can now be discarded. Throws BLOB_UPLOAD_UNKNOWN. */
export const cancelUploadCommand = command(
  'upload.cancel',
  async (tx, session: UploadSession): Promise<UploadId> => {
    const upload = await getUploadOf(tx, session)
    await deleteUpload(tx, session.id)
    return upload.file
  },
  PROGRESS,
)

/** Forgets an upload that nobody has touched for so many milliseconds; false when somebody has meanwhile. */
export const expireUploadCommand = command(
  'upload.expire',
  (tx, input: { readonly id: UploadId; readonly idleFor: number }) =>
    deleteIdleUpload(tx, input.id, tx.now - input.idleFor),
  PROGRESS,
)

/** The upload as the claimer has it now. Null where somebody else was faster: then it must be looked at again. */
async function claimAs(
  tx: Transaction,
  claim: UploadClaim,
  upload: UploadRow,
  file: UploadId,
): Promise<UploadRow | null> {
  const leaseUntil = tx.now + claim.lease
  if (!(await takeUpload(tx, upload, { name: claim.writer, leaseUntil, file }))) return null
  return { ...upload, file, writer: claim.writer, writerEpoch: upload.writerEpoch + 1 }
}

async function getUploadOf(tx: Transaction, session: UploadSession): Promise<UploadRow> {
  const upload = await findUpload(tx, session.id)
  const repository: RepositoryId | null = await findRepositoryId(tx, session.repository)
  if (upload === null || upload.repositoryId !== repository || upload.principal !== session.principal) {
    throw unknownUpload(session)
  }
  return upload
}

export function unknownUpload(session: Pick<UploadSession, 'id' | 'repository'>): RegistryError {
  return new RegistryError(
    'BLOB_UPLOAD_UNKNOWN',
    `There is no upload ${session.id} in ${session.repository}: it has ended, expired or was begun elsewhere. Begin a new one.`,
  )
}
