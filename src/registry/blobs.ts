/** Blobs: find, read, promise, mount, unlink. Uploading one is uploads.ts, collecting them gc/. */
import type { ByteRange } from '../lib/byte-range.ts'
import type { Content } from '../lib/content.ts'
import { findBlobPromise, findBlobSize, findLinkedBlobSize, isBlobLinked } from '../metadata/blobs.ts'
import { findDamage } from '../metadata/damage.ts'
import { findRepositoryId, type Scope } from '../metadata/repositories.ts'
import type { Digest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { StorageUnavailable } from '../storage/blob-store.ts'
import { leaseBlobCommand, mountBlobCommand, unlinkBlobCommand } from './blobs.commands.ts'
import { damagedBlob } from './damaged-blobs.ts'
import { findUnchecked, type Registry, requireChecked, uncheckedTreeOf } from './registry.ts'
import { findStoredSize } from './stored-bytes.ts'
import { findUncheckedBlobSize } from './tree/unchecked-reads.ts'

/** A blob that can be read now: its size in bytes, and any part of it. Nothing is open yet. */
export interface ReadableBlob {
  readonly size: number
  content(range: ByteRange): Content
}

/**
 * The blob, if this repository links it and its bytes are really there: the file is opened only after the
 * reply has begun, so what the reply says comes from the database and from a look at the file.
 * Throws BLOB_UNKNOWN.
 */
export async function getBlob(
  registry: Registry,
  repository: RepositoryName,
  digest: Digest,
): Promise<ReadableBlob> {
  const size =
    uncheckedTreeOf(registry) === null
      ? await findLinkedBlobSize(registry.database, repository, digest)
      : await findSizeInTreeToo(registry, repository, digest)
  if (size === null) throw await unknownBlob(registry, repository, digest)
  const stored = await findStoredSize(registry, digest)
  if (stored !== size) throw await damagedBlob(registry, digest, { expected: size, found: stored })
  return { size, content: (range) => registry.blobs.content(digest, range) }
}

/** Where a start has found the file of a damaged blob missing, nothing but its note and its links are left. */
async function unknownBlob(
  registry: Registry,
  repository: RepositoryName,
  digest: Digest,
): Promise<RegistryError> {
  const { database } = registry
  const damage = await findDamage(database, digest)
  const id = damage === null ? null : await findRepositoryId(database, repository)
  if (damage !== null && id !== null && (await isBlobLinked(database, id, digest))) {
    return await damagedBlob(registry, digest, { expected: damage.size, found: null })
  }
  return new RegistryError('BLOB_UNKNOWN', `There is no blob ${digest} in ${repository}.`, { digest })
}

/**
 * Before somebody who may push is told that the blob is there: what they are about to refer to must not be collected
 * meanwhile. A blob that a manifest of this repository refers to stays anyway, and for any other one this writes once
 * per half lease at most. Throws BLOB_UNKNOWN where the repository has lost its link just now.
 */
export async function promiseBlob(
  registry: Registry,
  repository: RepositoryName,
  digest: Digest,
): Promise<void> {
  const { collection, isReadOnly } = registry.policy
  // Where the repository has not been compared with the tree yet, nothing is collected.
  if (isReadOnly || (await findUnchecked(registry, repository)) !== null) return
  const known = await findBlobPromise(registry.database, repository, digest)
  if (known === null) throw await unknownBlob(registry, repository, digest)
  const staysAnyway = known.isUsed && !known.isCondemned
  const isPromised = !known.isCondemned && known.leaseUntil >= Date.now() + collection.lease / 2
  if (staysAnyway || isPromised) return
  const input = { repository, digest, lease: collection.lease }
  if (!(await registry.database.write(leaseBlobCommand, input)))
    throw await unknownBlob(registry, repository, digest)
}

/** In bytes; null where this repository does not link the blob: by the tree where it has not been compared with that since the start. */
async function findSizeInTreeToo(
  registry: Registry,
  repository: RepositoryName,
  digest: Digest,
): Promise<number | null> {
  const unchecked = await findUnchecked(registry, repository)
  return unchecked === null
    ? await findLinkedBlobSize(registry.database, repository, digest)
    : await findUncheckedBlobSize(unchecked, digest)
}

export interface MountBlob {
  readonly repository: RepositoryName
  readonly digest: Digest
  /** The repository to take it from; null for any that the caller may read. */
  readonly from: RepositoryName | null
  /** What the caller may read: the blob is taken from nowhere else. */
  readonly scope: Scope
  readonly by: string
}

/**
 * Links a blob that another repository has (distribution-spec "Mounting a blob"). False where that cannot be
 * done: then it must be uploaded. A damaged one is not mounted, so that its next upload repairs it, and neither is
 * one that is being deleted.
 */
export async function mountBlob(registry: Registry, input: MountBlob): Promise<boolean> {
  await requireChecked(registry, input.repository)
  if (input.from !== null && !(await isReadable(registry, input.from))) return false
  const size = await findBlobSize(registry.database, input.digest)
  if (size === null || (await findStoredSize(registry, input.digest)) !== size) return false
  const { lease } = registry.policy.collection
  return await registry.database.write(mountBlobCommand, { ...input, lease })
}

export interface UnlinkBlob {
  readonly repository: RepositoryName
  readonly digest: Digest
  readonly by: string
}

/** Drops the repository's link: the blob can no longer be read through it. Throws BLOB_UNKNOWN. */
export async function unlinkBlob(registry: Registry, input: UnlinkBlob): Promise<void> {
  await requireChecked(registry, input.repository)
  const { lease } = registry.policy.collection
  await registry.database.write(unlinkBlobCommand, { ...input, lease })
}

/** Whether the database can be asked what the repository has. Where its folder cannot be read, the client uploads instead. */
async function isReadable(registry: Registry, repository: RepositoryName): Promise<boolean> {
  try {
    await requireChecked(registry, repository)
    return true
  } catch (error) {
    if (error instanceof StorageUnavailable) return false
    throw error
  }
}
