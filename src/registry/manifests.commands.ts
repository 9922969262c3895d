/** The writes of manifests: each one transaction on plain data, safe to run twice. */
import { record } from '../events/event.ts'
import { command, type Transaction } from '../metadata/database.ts'
import {
  findManifestDigests,
  holdManifest,
  insertChildren,
  insertManifest,
  insertManifestBlobs,
} from '../metadata/manifests.ts'
import {
  findOrCreateRepository,
  findRepositoryId,
  markListed,
  type RepositoryId,
} from '../metadata/repositories.ts'
import { scheduleReview } from '../metadata/reviews.ts'
import { createTrash, holdTrash, type TrashId } from '../metadata/trash.ts'
import { holdTrashedManifest } from '../metadata/trashed.ts'
import { noteManifestUsage } from '../metadata/usage-changes.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { type Problem, RegistryError } from '../oci/errors.ts'
import type { Manifest } from '../oci/manifest.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { Tag } from '../oci/tag.ts'
import { keepReferencedBlobs } from './blobs.commands.ts'
import { takeManifestAway } from './deleted-manifests.ts'
import { moveTags } from './tags.commands.ts'
import { type LostLink, showLostLinks } from './tree/lost-links.ts'
import { markPayloadAdded, markRevisionAdded, resettleManifest } from './tree/marks.ts'
import { healLinksOfManifest } from './tree/torn-links.ts'
import { blobsUsedBy } from './tree/tree-manifest.ts'

export interface PutManifestFacts {
  readonly repository: RepositoryName
  readonly digest: Digest
  readonly manifest: Manifest
  readonly bytes: Uint8Array
  readonly tags: readonly Tag[]
  readonly allowMissingBlobs: boolean
  /** Blobs whose bytes are known to be damaged: they count as missing. */
  readonly lostBlobs: readonly Digest[]
  /** Manifests that must be in the repository already. */
  readonly requiredChildren: readonly Digest[]
  readonly mayOverwrite: boolean
  readonly by: string
  /** Milliseconds for which what the manifest refers to is left alone at least. */
  readonly lease: number
  /** After how many milliseconds without a tag it is deleted; null: never. */
  readonly deleteUntaggedAfter: number | null
  /** Of the manifest's links those that the tree does not have. */
  readonly lost: readonly LostLink[]
}

export interface StoredManifest {
  readonly digest: Digest
  readonly subject: Digest | null
  readonly tags: readonly Tag[]
}

/** An identical push moves nothing, and so writes no history and no event. */
export const putManifestCommand = command(
  'manifest.put',
  async (tx, input: PutManifestFacts): Promise<StoredManifest> => {
    const repository = await findOrCreateRepository(tx, input.repository)
    // Before anything is added, so that what is new is not marked twice.
    await showLostLinks(tx, repository, input.lost)
    await keepReferencedBlobs(tx, repository, input.manifest, {
      allowMissing: input.allowMissingBlobs,
      lease: input.lease,
      lost: input.lostBlobs,
    })
    requireManifests(input.requiredChildren, await holdChildren(tx, repository, input))
    const isNew = await storeOrHoldManifest(tx, repository, input)
    await healLinksOfManifest(tx, repository, input.digest)
    const moved = await moveTags(tx, repository, input)
    if (isNew || moved.length > 0) {
      const { digest, manifest, bytes } = input
      await record(tx, repository, input.by, {
        kind: 'manifest.pushed',
        digest,
        mediaType: manifest.mediaType,
        size: bytes.length,
        tags: moved,
      })
    }
    return { digest: input.digest, subject: input.manifest.subject, tags: input.tags }
  },
)

export interface ManifestDeletion {
  readonly repository: RepositoryName
  readonly digest: Digest
  readonly by: string
  /** Milliseconds after which the manifest is looked at. */
  readonly lease: number
  /** The deletion that this one goes on with, or null. */
  readonly trash: TrashId | null
}

/** Of how many missing manifests one refusal tells. */
const MOST_PROBLEMS = 99

/**
 * Takes the manifest and its tags away, and gives null; or, where it has many tags, takes some of those and
 * gives the deletion to go on with.
 */
export const deleteManifestCommand = command(
  'manifest.delete',
  async (tx, input: ManifestDeletion): Promise<TrashId | null> => {
    const repository = await findRepositoryId(tx, input.repository)
    if (repository === null) throw unknownManifest(input)
    const { digest, by, lease } = input
    const trash = await goOnWith(tx, repository, input)
    const { tags, outcome } = await takeManifestAway(tx, { repository, trash, digest, lease })
    if (outcome === 'not there') throw unknownManifest(input)
    if (outcome === 'more tags') {
      for (const tag of tags) await record(tx, repository, by, { kind: 'tag.deleted', tag, digest })
      return trash
    }
    await record(tx, repository, by, { kind: 'manifest.deleted', digest, tags })
    return null
  },
)

/** A new deletion where the one to go on with has been restored or emptied meanwhile. */
async function goOnWith(
  tx: Transaction,
  repository: RepositoryId,
  { trash, by }: ManifestDeletion,
): Promise<TrashId> {
  if (trash !== null && (await holdTrash(tx, trash, 'kept')) !== null) return trash
  return await createTrash(tx, repository, 'manifest', by)
}

/**
 * Holds what an index lists until the index can be seen: whoever takes away what nothing names comes before, or finds
 * out that it is listed. In the order of digests, the index among them, so that two pushes never wait for each other.
 * Gives those that are there.
 */
async function holdChildren(
  tx: Transaction,
  repository: RepositoryId,
  { manifest, digest }: PutManifestFacts,
): Promise<Set<Digest>> {
  const held = new Set<Digest>()
  if (manifest.children.length === 0) return held
  const here = await findManifestDigests(tx, repository, [...digestsOf(manifest.children), digest])
  for (const each of [...here].toSorted()) if (await holdManifest(tx, repository, each)) held.add(each)
  return held
}

/** Throws MANIFEST_BLOB_UNKNOWN with a problem for each manifest that the repository does not have. */
function requireManifests(digests: readonly Digest[], held: ReadonlySet<Digest>): void {
  const [first, ...others] = digests.filter((digest) => !held.has(digest)).map(missingManifest)
  if (first !== undefined) throw RegistryError.of([first, ...others.slice(0, MOST_PROBLEMS)])
}

function missingManifest(digest: Digest): Problem {
  return {
    code: 'MANIFEST_BLOB_UNKNOWN',
    message: `The manifest ${digest} is not in this repository: push it before the index (validation.manifests.indexes).`,
    detail: { digest },
  }
}

/** False where the manifest was there already; then it stays until the transaction ends. */
async function storeOrHoldManifest(
  tx: Transaction,
  repository: RepositoryId,
  input: PutManifestFacts,
): Promise<boolean> {
  for (;;) {
    if (await storeManifest(tx, repository, input)) return true
    if (await holdManifest(tx, repository, input.digest)) {
      await resettleManifest(tx, repository, input.digest)
      return false
    }
  }
}

async function storeManifest(
  tx: Transaction,
  repository: RepositoryId,
  input: PutManifestFacts,
): Promise<boolean> {
  const { manifest, digest, bytes } = input
  const isNew = await insertManifest(tx, repository, {
    digest,
    bytes,
    mediaType: manifest.mediaType,
    artifactType: manifest.artifactType,
    subject: manifest.subject,
    annotations:
      manifest.subject === null || manifest.annotations === null
        ? null
        : JSON.stringify(manifest.annotations),
    size: bytes.length,
    pushedBy: input.by,
  })
  if (!isNew) return false
  // Until this commits, emptying the trash must not take away the edges that its older self has.
  await holdTrashedManifest(tx, repository, digest)
  await insertChildren(tx, repository, digest, digestsOf(manifest.children))
  await insertManifestBlobs(tx, repository, digest, digestsOf(blobsUsedBy(manifest)))
  await noteManifestUsage(tx, repository, [digest])
  await heedUntaggedRule(tx, repository, input)
  await markListed(tx, repository)
  await markPayloadAdded(tx, digest)
  await markRevisionAdded(tx, repository, digest)
  return true
}

/** Has the rule look at it when its time is over, unless a tag names it. */
async function heedUntaggedRule(
  tx: Transaction,
  repository: RepositoryId,
  { digest, tags, deleteUntaggedAfter }: PutManifestFacts,
): Promise<void> {
  if (deleteUntaggedAfter === null || tags.length > 0) return
  const dueAt = tx.now + deleteUntaggedAfter + 1
  await scheduleReview(tx, { repository, digest, reason: 'pushed without a tag', dueAt })
}

function digestsOf(descriptors: readonly Descriptor[]): Digest[] {
  return descriptors.map(({ digest }) => digest)
}

function unknownManifest(input: {
  readonly repository: RepositoryName
  readonly digest: Digest
}): RegistryError {
  return new RegistryError('MANIFEST_UNKNOWN', `There is no manifest ${input.digest} in ${input.repository}.`)
}
