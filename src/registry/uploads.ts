/**
 * Uploads: begin, append, finish, ask, cancel (distribution-spec "Pushing blobs"). An upload is a row and a
 * file: the row says how much counts. It survives dropped connections and restarts, and expires when nobody
 * touches it. Each of these may throw DatabaseUnavailable, WriterUnavailable and StorageUnavailable as well.
 */
import type { ByteRange } from '../lib/byte-range.ts'
import { findLinkedBlobSize } from '../metadata/blobs.ts'
import { algorithmOf, type Digest, type DigestAlgorithm } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { newUploadId } from '../oci/upload-id.ts'
import { findBytesLeft, HeldUpload, UploadOutOfStep } from './held-upload.ts'
import { type Registry, requireChecked } from './registry.ts'
import { findStoredSize } from './stored-bytes.ts'
import {
  beginUploadCommand,
  cancelUploadCommand,
  finishUploadCommand,
  getUploadOf,
  type UploadSession,
} from './uploads.commands.ts'

/** What a request brings to an upload. */
export interface UploadBody {
  /** Null where the request has none. Its chunks are freed when they have been written. */
  readonly body: AsyncIterable<Uint8Array> | null
  /** Where in the upload the client says that the body belongs; null where it does not say. */
  readonly range: ByteRange | null
}

interface ClosingBody extends UploadBody {
  /** What the client says that the whole upload has. */
  readonly digest: Digest
}

export async function beginUpload(
  registry: Registry,
  input: {
    readonly repository: RepositoryName
    readonly principal: string
    readonly algorithm: DigestAlgorithm
  },
): Promise<UploadSession> {
  await requireChecked(registry, input.repository)
  const session = { id: newUploadId(), repository: input.repository, principal: input.principal }
  await registry.database.write(beginUploadCommand, { ...session, algorithm: input.algorithm })
  return session
}

/** How many bytes the upload has, on which a client may build. Throws BLOB_UPLOAD_UNKNOWN. */
export async function getUploadProgress(registry: Registry, session: UploadSession): Promise<number> {
  const upload = await getUploadOf(registry.database, session)
  if (upload.received === (await findBytesLeft(registry, upload))) return upload.received
  try {
    // Whoever holds it makes the row say what is left.
    return await withHeldUpload(registry, session, async (held) => held.received)
  } catch (error) {
    if (error instanceof UploadOutOfStep) return error.received
    throw error
  }
}

/**
 * Adds to an upload, and gives the bytes that it has now. What arrived before a connection broke is kept.
 * Throws BLOB_UPLOAD_UNKNOWN, UploadOutOfStep, SIZE_INVALID.
 */
export async function appendToUpload(
  registry: Registry,
  session: UploadSession,
  input: UploadBody,
): Promise<number> {
  return await withHeldUpload(registry, session, async (held) => {
    requireInStep(held, input.range)
    if (input.body !== null) await held.append(input.body, { length: input.range?.length })
    return held.received
  })
}

/**
 * Closes an upload with its last bytes, if any: when this resolves, the blob is durable and the repository
 * links it. Where these bytes and the ones before do not have the digest, all are thrown away with the session;
 * where no more came, the session stays, for only the digest may be wrong. The same request may come again after a
 * failure of ours, or when its answer was lost.
 * Throws BLOB_UPLOAD_UNKNOWN, UploadOutOfStep, SIZE_INVALID, DIGEST_INVALID, and UNAVAILABLE for a blob that is
 * being removed at this moment.
 */
export async function finishUpload(
  registry: Registry,
  session: UploadSession,
  input: ClosingBody,
): Promise<void> {
  await requireChecked(registry, session.repository)
  try {
    await withHeldUpload(registry, session, (held) => finishHeld(held, input), input.digest)
  } catch (error) {
    const isOver = error instanceof RegistryError && error.code === 'BLOB_UPLOAD_UNKNOWN'
    if (!isOver || !(await hasFinished(registry, session, input.digest))) throw error
  }
}

/**
 * Stores a whole blob from one body (distribution-spec "Single POST"). Nobody knows the session, so nothing of
 * it is left when this fails. Throws SIZE_INVALID, DIGEST_INVALID, and UNAVAILABLE for a blob that is being
 * removed at this moment.
 */
export async function putBlob(
  registry: Registry,
  input: ClosingBody & { readonly repository: RepositoryName; readonly principal: string },
): Promise<void> {
  const session = await beginUpload(registry, { ...input, algorithm: algorithmOf(input.digest) })
  try {
    await finishUpload(registry, session, input)
  } catch (error) {
    // A session that is gone already, or cannot be reached now, expires; the first error is the one that matters.
    await cancelUpload(registry, session).catch(() => undefined)
    throw error
  }
}

/** Throws the session and its bytes away. Throws BLOB_UPLOAD_UNKNOWN. */
export async function cancelUpload(registry: Registry, session: UploadSession): Promise<void> {
  const files = await registry.database.write(cancelUploadCommand, {
    ...session,
    writer: null,
    reviewAfter: registry.policy.collection.lease,
  })
  for (const file of files) await registry.blobs.discard(file)
}

async function withHeldUpload<T>(
  registry: Registry,
  session: UploadSession,
  work: (held: HeldUpload) => Promise<T>,
  closing: Digest | null = null,
): Promise<T> {
  const held = await HeldUpload.claim(registry, session, closing)
  try {
    const result = await work(held)
    await held.release()
    return result
  } catch (error) {
    const failure = await held.release().then(
      () => null,
      (reason: unknown) => reason,
    )
    if (failure !== null && !(failure instanceof RegistryError)) held.releaseLater()
    // Whoever has taken or ended the upload meanwhile is why it is out of step; else the first error is the one that counts.
    throw error instanceof UploadOutOfStep && failure instanceof RegistryError ? failure : error
  }
}

async function finishHeld(held: HeldUpload, { body, range, digest }: ClosingBody): Promise<void> {
  if (!isRepeated(held, range, digest)) {
    requireInStep(held, range)
    const algorithm = algorithmOf(digest)
    const before = held.received
    if (body !== null || held.received === 0) {
      await held.append(body ?? nothing(), { algorithm, length: range?.length })
    }
    const found = await held.digestBy(algorithm)
    if (found !== digest) {
      if (held.received > before) await held.discard()
      throw wrongDigest(digest, found, held.received)
    }
  }
  await held.finish(digest)
}

/** The upload is complete, and the body of this request is in it: its first attempt failed after that. */
function isRepeated(held: HeldUpload, range: ByteRange | null, digest: Digest): boolean {
  return held.hasDigest(digest) && (range === null || range.offset + range.length === held.received)
}

/**
 * Whether the upload has ended as this blob of the repository, although its client was not told so. What the
 * first attempt may have left undone, such as the link on disk, is made up for.
 */
async function hasFinished(registry: Registry, session: UploadSession, digest: Digest): Promise<boolean> {
  const size = await findLinkedBlobSize(registry.database, session.repository, digest)
  if (size === null || (await findStoredSize(registry, digest)) !== size) return false
  const { kind } = await registry.database.write(finishUploadCommand, {
    ...session,
    writer: null,
    digest,
    size,
    lease: registry.policy.collection.lease,
  })
  return kind === 'finished'
}

/** The body of an empty blob. */
async function* nothing(): AsyncGenerator<Uint8Array> {}

/** distribution-spec "Pushing a blob in chunks": a chunk out of order is refused, and the session stays. */
function requireInStep(held: HeldUpload, range: ByteRange | null): void {
  if (range !== null && range.offset !== held.received) throw new UploadOutOfStep(held.received)
}

function wrongDigest(named: Digest, found: Digest, length: number): RegistryError {
  return new RegistryError(
    'DIGEST_INVALID',
    `The ${length} bytes received have the digest ${found}, not ${named}: they were damaged on the way, or the digest is another file's. Push the blob again.`,
    { digest: named, received: found },
  )
}
