/**
 * Uploads: begin, append, finish, ask, cancel (distribution-spec "Pushing blobs"). An upload is a row and a
 * file: the row says how much counts. It survives dropped connections and restarts, and expires when nobody
 * touches it.
 */
import type { ByteRange } from '../lib/byte-range.ts'
import { findRepositoryId } from '../metadata/repositories.ts'
import { findUpload } from '../metadata/uploads.ts'
import { algorithmOf, type Digest, type DigestAlgorithm } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { newUploadId, type UploadId } from '../oci/upload-id.ts'
import { HeldUpload, UploadOutOfStep } from './held-upload.ts'
import type { Registry } from './registry.ts'
import {
  beginUploadCommand,
  cancelUploadCommand,
  finishUploadCommand,
  type UploadSession,
  unknownUpload,
} from './uploads.commands.ts'

/** What a request brings to an upload. */
export interface UploadBody {
  /** Null where the request has none. */
  readonly body: AsyncIterable<Uint8Array> | null
  /** Where in the upload the client says that the body belongs; null where it does not say. */
  readonly range: ByteRange | null
}

export async function beginUpload(
  registry: Registry,
  input: {
    readonly repository: RepositoryName
    readonly principal: string
    readonly algorithm: DigestAlgorithm
  },
): Promise<UploadSession> {
  const session = { id: newUploadId(), repository: input.repository, principal: input.principal }
  await registry.database.write(beginUploadCommand, { ...session, algorithm: input.algorithm })
  return session
}

/** How many bytes the upload has. Throws BLOB_UPLOAD_UNKNOWN. */
export async function getUploadProgress(registry: Registry, session: UploadSession): Promise<number> {
  const upload = await findUpload(registry.database, session.id)
  const repository = await findRepositoryId(registry.database, session.repository)
  if (upload === null || upload.repositoryId !== repository || upload.principal !== session.principal) {
    throw unknownUpload(session)
  }
  return upload.received
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
 * links it. Content that does not have the digest is thrown away with the session.
 * Throws BLOB_UPLOAD_UNKNOWN, UploadOutOfStep, SIZE_INVALID, DIGEST_INVALID.
 */
export async function finishUpload(
  registry: Registry,
  session: UploadSession,
  input: UploadBody & { readonly digest: Digest },
): Promise<void> {
  const algorithm = algorithmOf(input.digest)
  await withHeldUpload(registry, session, async (held) => {
    requireInStep(held, input.range)
    if (input.body !== null || held.received === 0) {
      await held.append(input.body ?? nothing(), { algorithm, length: input.range?.length })
    }
    const digest = await held.digestBy(algorithm)
    if (digest !== input.digest) {
      await discard(registry, session)
      held.end()
      throw wrongDigest(input.digest, digest, held.received)
    }
    await held.commit(digest)
    await registry.database.write(finishUploadCommand, { ...session, digest, size: held.received })
    held.end()
  })
}

/**
 * Stores a whole blob from one body (distribution-spec "Single POST"). Nobody knows the session, so nothing of
 * it is left when this fails. Throws SIZE_INVALID, DIGEST_INVALID.
 */
export async function putBlob(
  registry: Registry,
  input: UploadBody & {
    readonly repository: RepositoryName
    readonly principal: string
    readonly digest: Digest
  },
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
  await discard(registry, session)
}

async function withHeldUpload<T>(
  registry: Registry,
  session: UploadSession,
  work: (held: HeldUpload) => Promise<T>,
): Promise<T> {
  const held = await HeldUpload.claim(registry, session)
  try {
    const result = await work(held)
    await held.release()
    return result
  } catch (error) {
    // Where even this fails, the lease ends the hold; the first error is the one that the client must see.
    await held.release().catch(() => undefined)
    throw error
  }
}

/** The body of an empty blob. */
async function* nothing(): AsyncGenerator<Uint8Array> {}

/** distribution-spec "Pushing a blob in chunks": a chunk out of order is refused, and the session stays. */
function requireInStep(held: HeldUpload, range: ByteRange | null): void {
  if (range !== null && range.offset !== held.received) throw new UploadOutOfStep(held.received)
}

async function discard(registry: Registry, session: UploadSession): Promise<void> {
  const file: UploadId = await registry.database.write(cancelUploadCommand, session)
  await registry.blobs.discard(file)
}

function wrongDigest(named: Digest, found: Digest, length: number): RegistryError {
  return new RegistryError(
    'DIGEST_INVALID',
    `The ${length} bytes received have the digest ${found}, not ${named}: they were damaged on the way, or the digest is another file's. Push the blob again.`,
    { digest: named, received: found },
  )
}
