/** The writes of blobs and their links. Whoever adds a reference raises the blob's epoch first, in digest order. */
import { record } from '../events/event.ts'
import {
  findLinkedBlobs,
  insertBlob,
  isBlobLinked,
  keepBlob,
  leaseBlob,
  linkBlob,
  referToBlob,
  touchLink,
  unlinkBlob,
} from '../metadata/blobs.ts'
import { forgetDamage } from '../metadata/damage.ts'
import { command, type Transaction } from '../metadata/database.ts'
import {
  findOrCreateRepository,
  findRepositoryId,
  findRepositoryWithBlob,
  type RepositoryId,
} from '../metadata/repositories.ts'
import { scheduleReview } from '../metadata/reviews.ts'
import { noteBlobUsage } from '../metadata/usage-changes.ts'
import type { Digest } from '../oci/digest.ts'
import { type Problem, RegistryError } from '../oci/errors.ts'
import type { Manifest } from '../oci/manifest.ts'
import { isManifestType } from '../oci/manifest-format.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { MountBlob, UnlinkBlob } from './blobs.ts'
import { markLayerAdded, markLayerRemoved, resettleLayer } from './tree/marks.ts'
import { healLink } from './tree/torn-links.ts'

/** Bytes that have just become durable, and for how many milliseconds they are left alone at least. */
export interface DurableBlob {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  readonly lease: number
}

/** Makes durable bytes a blob that the repository may read. */
export async function addBlob(
  tx: Transaction,
  repository: RepositoryId,
  { digest, size, lease }: DurableBlob,
): Promise<void> {
  if (!(await insertBlob(tx, digest, size, tx.now + lease))) throw beingDeleted(digest)
  await forgetDamage(tx, digest)
  // The link before the review, as everybody does: on PostgreSQL two who meet never wait for each other.
  await link(tx, repository, digest)
  // Even where it was linked already: its bytes may have been lost until now.
  await noteBlobUsage(tx, [{ repository, digest }])
  await scheduleReview(tx, { repository: 0, digest, reason: 'blob uploaded', dueAt: tx.now + lease })
}

/** True where the repository did not link the blob before. What it did link is as good as new to collection. */
async function link(tx: Transaction, repository: RepositoryId, digest: Digest): Promise<boolean> {
  if (await linkBlob(tx, repository, digest)) {
    await markLayerAdded(tx, repository, digest)
    return true
  }
  await touchLink(tx, repository, digest)
  await showLayerAgain(tx, repository, digest)
  return false
}

/** The problems that one refusal names: a manifest may have thousands. */
const MOST_PROBLEMS = 100

/**
 * Keeps every blob that a manifest refers to from being collected, one that the repository may not read too: where it
 * may be missing, it is referred to all the same. Throws MANIFEST_BLOB_UNKNOWN with a problem
 * for each blob that the repository does not have (of many, the first ones and a count), unless missing ones are
 * allowed.
 */
export async function keepReferencedBlobs(
  tx: Transaction,
  repository: RepositoryId,
  manifest: Manifest,
  options: { readonly allowMissing: boolean; readonly lost: readonly Digest[]; readonly lease: number },
): Promise<void> {
  const required = new Set(manifest.blobs.map((blob) => blob.digest))
  const optional = [
    ...manifest.foreignBlobs,
    ...manifest.children.filter((child) => !isManifestType(child.mediaType)),
  ]
  const digests = [...new Set([...required, ...optional.map((blob) => blob.digest)])].toSorted()
  const kept = new Set<Digest>()
  // One by one, for on PostgreSQL only that locks them in digest order: two pushes that share blobs never deadlock.
  for (const digest of digests) if (await referToBlob(tx, digest, tx.now + options.lease)) kept.add(digest)
  // Once they are held: collection may have dropped a link just before, and drops none from now on.
  const linked = await findLinkedBlobs(tx, repository, digests)
  const lost = new Set(options.lost)
  const isHere = (digest: Digest) => linked.has(digest) && kept.has(digest) && !lost.has(digest)
  const missing = digests.filter((digest) => required.has(digest) && !isHere(digest))
  if (missing.length > 0 && !options.allowMissing) throw missingBlobs(missing)
}

/** For how many milliseconds the blob is left alone at least. */
interface Leased {
  readonly lease: number
}

export type BlobMount = MountBlob & Leased
export type BlobUnlinking = UnlinkBlob & Leased

/** False where neither the named repository nor, without a name, any in scope has the blob. */
export const mountBlobCommand = command('blob.mount', async (tx, input: BlobMount): Promise<boolean> => {
  const source = await findRepositoryWithBlob(tx, input.digest, { name: input.from, scope: input.scope })
  if (source === null || !(await keepBlob(tx, input.digest, tx.now + input.lease))) return false
  const repository = await findOrCreateRepository(tx, input.repository)
  const { digest, lease } = input
  if (await link(tx, repository, digest)) {
    await noteBlobUsage(tx, [{ repository, digest }])
    await record(tx, repository, input.by, { kind: 'blob.mounted', digest, from: source })
  }
  await scheduleReview(tx, { repository: 0, digest, reason: 'blob mounted', dueAt: tx.now + lease })
  return true
})

/**
 * Promises somebody who is about to push that the blob stays for a while, condemned or not. False: the repository does
 * not link it any more.
 */
export const leaseBlobCommand = command(
  'blob.lease',
  async (
    tx,
    input: { readonly repository: RepositoryName; readonly digest: Digest; readonly lease: number },
  ): Promise<boolean> => {
    const repository = await findRepositoryId(tx, input.repository)
    if (repository === null || !(await leaseBlob(tx, input.digest, tx.now + input.lease))) return false
    // Once it is held: from now on no link is dropped.
    return await isBlobLinked(tx, repository, input.digest)
  },
)

export const unlinkBlobCommand = command('blob.unlink', async (tx, input: BlobUnlinking): Promise<void> => {
  const { digest } = input
  const repository = await findRepositoryId(tx, input.repository)
  if (repository === null || !(await unlinkBlob(tx, repository, digest))) {
    throw new RegistryError('BLOB_UNKNOWN', `There is no blob ${digest} in ${input.repository}.`)
  }
  await noteBlobUsage(tx, [{ repository, digest }])
  await markLayerRemoved(tx, repository, digest)
  await scheduleReview(tx, { repository: 0, digest, reason: 'link dropped', dueAt: tx.now + input.lease })
  await record(tx, repository, input.by, { kind: 'blob.unlinked', digest })
})

/** For a blob that the repository links already: the tree must show it too before anybody is answered. */
async function showLayerAgain(tx: Transaction, repository: RepositoryId, digest: Digest): Promise<void> {
  if (!(await healLink(tx, repository, { what: 'layer', key: digest })))
    await resettleLayer(tx, repository, digest)
}

function beingDeleted(digest: Digest): RegistryError {
  return new RegistryError(
    'UNAVAILABLE',
    `The blob ${digest} is being removed at this moment. Please push it again.`,
    { digest, state: 'deleting' },
  )
}

/** Whether an error, which may come from another process, says that a blob is being deleted. */
export function isBeingDeleted(error: unknown): boolean {
  if (!(error instanceof RegistryError) || error.code !== 'UNAVAILABLE') return false
  const [{ detail }] = error.problems
  return typeof detail === 'object' && detail !== null && 'state' in detail && detail.state === 'deleting'
}

function missingBlobs(digests: readonly Digest[]): RegistryError {
  const named = digests.length > MOST_PROBLEMS ? digests.slice(0, MOST_PROBLEMS - 1) : digests
  const [first, ...rest] = named.map(missingBlob)
  if (first === undefined) return new RegistryError('MANIFEST_BLOB_UNKNOWN')
  const more = digests.length - named.length
  return RegistryError.of([first, ...rest, ...(more === 0 ? [] : [moreMissing(more)])])
}

function missingBlob(digest: Digest): Problem {
  return {
    code: 'MANIFEST_BLOB_UNKNOWN',
    message: `The blob ${digest} is not in this repository: push it before the manifest.`,
    detail: { digest },
  }
}

function moreMissing(count: number): Problem {
  return {
    code: 'MANIFEST_BLOB_UNKNOWN',
    message: `${count} more blobs of the manifest are not in this repository: push them all before it.`,
    detail: { more: count },
  }
}
