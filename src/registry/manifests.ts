/**
 * Manifests: store, find, delete. What a manifest may refer to is decided here and in the command beside it;
 * the exact bytes are kept and given back as they came.
 */
import type { Read } from '../metadata/database.ts'
import {
  findManifest,
  findManifestByTag,
  findManifestFacts,
  findManifestFactsByTag,
  type ManifestContent,
  type ManifestFacts,
} from '../metadata/manifests.ts'
import type { TrashId } from '../metadata/trash.ts'
import { algorithmOf, type Digest, digestOf } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { parseManifest } from '../oci/manifest.ts'
import type { MediaType } from '../oci/media-type.ts'
import type { Reference } from '../oci/reference.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { Tag } from '../oci/tag.ts'
import { findLostBlobs } from './damaged-blobs.ts'
import { requireAllowed, requiredChildren } from './manifest-policy.ts'
import { deleteManifestCommand, putManifestCommand, type StoredManifest } from './manifests.commands.ts'
import {
  findUnchecked,
  type Registry,
  type RegistryReads,
  requireChecked,
  uncheckedTreeOf,
} from './registry.ts'
import { findLostLinks, type LostLink, type PushedLinks } from './tree/lost-links.ts'
import { referencesOf } from './tree/tree-manifest.ts'
import { findUncheckedManifest } from './tree/unchecked-reads.ts'

export type { ManifestFacts } from '../metadata/manifests.ts'

export interface PutManifest {
  readonly repository: RepositoryName
  readonly reference: Reference
  /** Tags beside the reference: the `tag` parameters of a push by digest. */
  readonly tags: readonly Tag[]
  /** From the request's Content-Type; null where there is none. */
  readonly mediaType: MediaType | null
  readonly bytes: Uint8Array
  /** Whether a tag that names another manifest may be moved. */
  readonly mayOverwrite: boolean
  readonly by: string
}

/**
 * Stores a manifest and points its tags at it (distribution-spec "Pushing Manifests").
 * Blobs that it refers to must be in the repository, unless the operator allows sparse images. Its subject may come
 * later, and so may the children of an index, unless the operator requires their platforms.
 * Throws MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN (of a blob that is being deleted too), DIGEST_INVALID, DENIED.
 */
export async function putManifest(registry: Registry, input: PutManifest): Promise<StoredManifest> {
  const policy = registry.policy.manifests
  const manifest = parseManifest(input.bytes, input.mediaType)
  requireAllowed(policy, manifest)
  const { repository, bytes } = input
  const digest = digestAsNamed(bytes, input.reference)
  const tags = tagsOf(input)
  const references = referencesOf(manifest)
  await requireChecked(registry, repository)
  return await registry.database.write(putManifestCommand, {
    repository,
    digest,
    manifest,
    bytes,
    tags,
    lost: await lostLinks(registry, { repository, digest, tags, ...references }),
    requiredChildren: requiredChildren(policy, manifest),
    lostBlobs: await findLostBlobs(registry, references.blobs),
    allowMissingBlobs: policy.allowMissingBlobs,
    mayOverwrite: input.mayOverwrite,
    by: input.by,
    lease: registry.policy.collection.lease,
    deleteUntaggedAfter: registry.policy.untagged.deleteAfter,
  })
}

/** What the tree should show of the push and does not. */
async function lostLinks({ database, tree }: Registry, pushed: PushedLinks): Promise<LostLink[]> {
  return tree === null ? [] : await findLostLinks({ database, files: tree.files }, pushed)
}

/** What is wanted of a manifest, by either kind of reference. */
interface Lookup<Found> {
  byTag(read: Read, repository: RepositoryName, tag: Tag): Promise<Found | null>
  byDigest(read: Read, repository: RepositoryName, digest: Digest): Promise<Found | null>
}

const CONTENT: Lookup<ManifestContent> = { byTag: findManifestByTag, byDigest: findManifest }
const FACTS: Lookup<ManifestFacts> = { byTag: findManifestFactsByTag, byDigest: findManifestFacts }

/** The manifest with its bytes. Throws MANIFEST_UNKNOWN. */
export function getManifest(
  registry: RegistryReads,
  repository: RepositoryName,
  reference: Reference,
): Promise<ManifestContent> {
  return getStored(registry, repository, reference, CONTENT)
}

/** What a HEAD needs, without the bytes. Throws MANIFEST_UNKNOWN. */
export function getManifestFacts(
  registry: RegistryReads,
  repository: RepositoryName,
  reference: Reference,
): Promise<ManifestFacts> {
  return getStored(registry, repository, reference, FACTS)
}

async function getStored<Found>(
  registry: RegistryReads,
  repository: RepositoryName,
  reference: Reference,
  lookup: Lookup<Found>,
): Promise<Found | ManifestContent> {
  const found =
    uncheckedTreeOf(registry) === null
      ? await findStored(registry.database, repository, reference, lookup)
      : await findInTreeToo(registry, repository, reference, lookup)
  return found ?? unknownManifest(repository, reference)
}

function findStored<Found>(
  read: Read,
  repository: RepositoryName,
  reference: Reference,
  lookup: Lookup<Found>,
): Promise<Found | null> {
  return reference.kind === 'tag'
    ? lookup.byTag(read, repository, reference.tag)
    : lookup.byDigest(read, repository, reference.digest)
}

/** From the tree where this repository has not been compared with it since the start, else from the database. */
async function findInTreeToo<Found>(
  registry: RegistryReads,
  repository: RepositoryName,
  reference: Reference,
  lookup: Lookup<Found>,
): Promise<Found | ManifestContent | null> {
  const unchecked = await findUnchecked(registry, repository)
  return unchecked === null
    ? await findStored(registry.database, repository, reference, lookup)
    : await findUncheckedManifest(unchecked, reference)
}

/** Takes the manifest and every tag that names it out of the repository, into the trash. Throws MANIFEST_UNKNOWN. */
export async function deleteManifest(
  registry: Registry,
  input: { readonly repository: RepositoryName; readonly digest: Digest; readonly by: string },
): Promise<void> {
  await requireChecked(registry, input.repository)
  const { lease } = registry.policy.collection
  let trash: TrashId | null = null
  do {
    trash = await registry.database.write(deleteManifestCommand, { ...input, lease, trash })
  } while (trash !== null)
}

/** A push by digest names the algorithm, and must name the right bytes. Throws DIGEST_INVALID. */
function digestAsNamed(bytes: Uint8Array, reference: Reference): Digest {
  if (reference.kind === 'tag') return digestOf(bytes)
  const digest = digestOf(bytes, algorithmOf(reference.digest))
  if (digest === reference.digest) return digest
  throw new RegistryError(
    'DIGEST_INVALID',
    `The manifest's bytes have the digest ${digest}, but the address names ${reference.digest}. Push the bytes unchanged.`,
  )
}

function tagsOf(input: PutManifest): readonly Tag[] {
  return input.reference.kind === 'tag'
    ? [...new Set([input.reference.tag, ...input.tags])]
    : [...new Set(input.tags)]
}

function unknownManifest(repository: RepositoryName, reference: Reference): never {
  const what = reference.kind === 'tag' ? `tag ${reference.tag}` : `manifest ${reference.digest}`
  throw new RegistryError('MANIFEST_UNKNOWN', `There is no ${what} in ${repository}.`, {
    name: repository,
    reference: reference.kind === 'tag' ? reference.tag : reference.digest,
  })
}
