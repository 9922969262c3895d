/** The writes of blobs and their links. Whoever adds a reference raises the blob's epoch first, in digest order. */
import { record } from '../events/event.ts'
import {
  findBlobState,
  findRepositoryWithBlob,
  insertBlob,
  isBlobLinked,
  keepBlob,
  linkBlob,
  unlinkBlob,
} from '../metadata/blobs.ts'
import { command, type Transaction } from '../metadata/database.ts'
import { findOrCreateRepository, findRepositoryId, type RepositoryId } from '../metadata/repositories.ts'
import { scheduleReview } from '../metadata/reviews.ts'
import type { Digest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import type { Manifest } from '../oci/manifest.ts'
import { isManifestType } from '../oci/manifest-format.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { MountBlob } from './blobs.ts'
import { BLOB_LEASE } from './registry.ts'
import { markLayerAdded, markLayerRemoved, resettleLayer } from './tree/marks.ts'

/** Makes durable bytes a blob that the repository may read. */
export async function addBlob(
  tx: Transaction,
  repository: RepositoryId,
  digest: Digest,
  size: number,
): Promise<void> {
  if (!(await insertBlob(tx, digest, size, tx.now + BLOB_LEASE))) throw beingDeleted(digest)
  await scheduleReview(tx, { repository: 0, digest, reason: 'blob uploaded', dueAt: tx.now + BLOB_LEASE })
  if (await linkBlob(tx, repository, digest)) await markLayerAdded(tx, repository, digest)
  else await resettleLayer(tx, repository, digest)
}

/**
 * Keeps every blob that a manifest refers to from being collected. Throws MANIFEST_BLOB_UNKNOWN with one
 * problem for each blob that the repository does not have, unless missing ones are allowed.
 */
export async function keepReferencedBlobs(
  tx: Transaction,
  repository: RepositoryId,
  manifest: Manifest,
  options: { readonly allowMissing: boolean },
): Promise<void> {
  const required = new Set(manifest.blobs.map((blob) => blob.digest))
  const optional = [
    ...manifest.foreignBlobs,
    ...manifest.children.filter((child) => !isManifestType(child.mediaType)),
  ]
  const missing: Digest[] = []
  for (const digest of new Set([...required, ...optional.map((blob) => blob.digest)].toSorted())) {
    const isHere = (await isBlobLinked(tx, repository, digest)) && (await keepOrRefuse(tx, digest))
    if (!isHere && required.has(digest)) missing.push(digest)
  }
  if (missing.length > 0 && !options.allowMissing) throw missingBlobs(missing)
}

/** False where neither the named repository nor, without a name, any in scope has the blob. */
export const mountBlobCommand = command('blob.mount', async (tx, input: MountBlob): Promise<boolean> => {
  const source = await findMountSource(tx, input)
  if (source === null || !(await keepOrRefuse(tx, input.digest))) return false
  const repository = await findOrCreateRepository(tx, input.repository)
  if (await linkBlob(tx, repository, input.digest)) {
    await markLayerAdded(tx, repository, input.digest)
    await record(tx, repository, input.by, { kind: 'blob.mounted', digest: input.digest, from: source })
  } else {
    await resettleLayer(tx, repository, input.digest)
  }
  return true
})

export const unlinkBlobCommand = command(
  'blob.unlink',
  async (tx, input: { readonly repository: RepositoryName; readonly digest: Digest }) => {
    const repository = await findRepositoryId(tx, input.repository)
    if (repository === null || !(await unlinkBlob(tx, repository, input.digest))) {
      throw new RegistryError('BLOB_UNKNOWN', `There is no blob ${input.digest} in ${input.repository}.`)
    }
    await markLayerRemoved(tx, repository, input.digest)
    await scheduleReview(tx, {
      repository: 0,
      digest: input.digest,
      reason: 'link dropped',
      dueAt: tx.now + BLOB_LEASE,
    })
  },
)

async function findMountSource(tx: Transaction, input: MountBlob): Promise<RepositoryId | null> {
  if (input.from === null) return await findRepositoryWithBlob(tx, input.digest)
  const source = await findRepositoryId(tx, input.from)
  return source !== null && (await isBlobLinked(tx, source, input.digest)) ? source : null
}

/** False: there is no such blob. Throws UNAVAILABLE for one that is being deleted at this moment. */
async function keepOrRefuse(tx: Transaction, digest: Digest): Promise<boolean> {
  if (await keepBlob(tx, digest, tx.now + BLOB_LEASE)) return true
  if ((await findBlobState(tx, digest)) === null) return false
  throw beingDeleted(digest)
}

function beingDeleted(digest: Digest): RegistryError {
  return new RegistryError(
    'UNAVAILABLE',
    `The blob ${digest} is being removed at this moment. Please push it again.`,
    {
      digest,
    },
  )
}

function missingBlobs(digests: readonly Digest[]): RegistryError {
  const [first, ...rest] = digests.map((digest) => ({
    code: 'MANIFEST_BLOB_UNKNOWN' as const,
    message: `The blob ${digest} is not in this repository: push it before the manifest.`,
    detail: { digest },
  }))
  return first === undefined ? new RegistryError('MANIFEST_BLOB_UNKNOWN') : RegistryError.of([first, ...rest])
}
