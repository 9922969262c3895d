/**
 * What one image takes up: its manifest, what that refers to, and the same of each child of an index, each digest once.
 * Found from its own edges, so it costs as much as the image is large, whatever else the registry has.
 *
 * Unique is what nothing else uses: no manifest that is not part of the image, and no part of it that a tag or an index
 * outside holds too. That is what deleting the image would leave without use.
 */
import type { Read } from '../../metadata/database.ts'
import { listBlobsOfManifest, listChildren, listRepositoriesWithManifest } from '../../metadata/garbage.ts'
import { isManifestKnown, listLiveParents, listLiveUsers } from '../../metadata/image-usage.ts'
import { findManifestDigests } from '../../metadata/manifests.ts'
import type { RepositoryId } from '../../metadata/repositories.ts'
import { findStoredFacts } from '../../metadata/usage-facts.ts'
import { listTagsOf } from '../../metadata/verification.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/tag.ts'

/** Bytes, each digest counted once. */
export interface ImageUsage {
  readonly digest: Digest
  /** False: it lies in the trash. */
  readonly isLive: boolean
  readonly size: number
  readonly unique: number
  readonly shared: number
  /** Of an image in the trash what nothing else uses; 0 of one that is there. */
  readonly trash: number
  /** How many digests it is made of. */
  readonly digests: number
  /** True where the image is so large that only a part of it was looked at. */
  readonly isPartial: boolean
}

const AT_ONCE = 500
const MOST_MANIFESTS = 2_000
const MOST_DIGESTS = 20_000

export interface ImagePlace {
  readonly repository: RepositoryId
  readonly digest: Digest
  /** The tag that it is looked at under; other tags that name it count as something else. Null: under no tag in particular. */
  readonly tag: Tag | null
}

/** Null where the repository has no such manifest, and its trash has none. Throws DatabaseUnavailable. */
export async function findImageUsage(read: Read, place: ImagePlace): Promise<ImageUsage | null> {
  const { repository, digest } = place
  if (!(await isManifestKnown(read, { repository, manifest: digest }))) return null
  const isLive = (await findManifestDigests(read, repository, [digest])).has(digest)
  const image = await gather(read, repository, digest)
  // What is left of an image in the trash is no part of it any more, but something that is there.
  const own = isLive ? await ownManifests(read, place, image) : new Set<Digest>()
  const stored = await findStoredFacts(read, [...image.digests])
  const sums = { size: 0, free: 0 }
  for (const [each, { size }] of stored) {
    sums.size += size ?? 0
    if (size !== null && !(await isUsedElsewhere(read, repository, each, own))) sums.free += size
  }
  return {
    digest,
    isLive,
    size: sums.size,
    unique: sums.free,
    shared: sums.size - sums.free,
    trash: isLive ? 0 : sums.free,
    digests: image.digests.size,
    isPartial: image.isPartial,
  }
}

interface Gathered {
  /** Its manifests: the root first, and each after one that lists it. */
  readonly manifests: Set<Digest>
  /** Those and their blobs. */
  readonly digests: Set<Digest>
  isPartial: boolean
}

async function gather(read: Read, repository: number, root: Digest): Promise<Gathered> {
  const image: Gathered = { manifests: new Set([root]), digests: new Set(), isPartial: false }
  // A set gives what is added while it is gone through.
  for (const manifest of image.manifests) {
    if (image.digests.size >= MOST_DIGESTS) {
      image.isPartial = true
      break
    }
    image.digests.add(manifest)
    await addBlobs(read, repository, manifest, image)
    await addChildren(read, repository, manifest, image)
  }
  return image
}

async function addBlobs(read: Read, repository: number, manifest: Digest, image: Gathered): Promise<void> {
  for (let after = ''; ; ) {
    const page = await listBlobsOfManifest(read, repository, manifest, { after, limit: AT_ONCE })
    for (const digest of page) image.digests.add(digest)
    const last = page.at(-1)
    if (last === undefined || page.length < AT_ONCE) return
    after = last
  }
}

/** A child that is not here is no part of what the image takes up. */
async function addChildren(read: Read, repository: number, manifest: Digest, image: Gathered): Promise<void> {
  for (let after = ''; ; ) {
    const page = await listChildren(read, repository, manifest, { after, limit: AT_ONCE })
    for (const child of page) {
      if (image.manifests.size >= MOST_MANIFESTS) {
        image.isPartial = true
        return
      }
      if (await isManifestKnown(read, { repository, manifest: child })) image.manifests.add(child)
    }
    const last = page.at(-1)
    if (last === undefined || page.length < AT_ONCE) return
    after = last
  }
}

/** The manifests of the image that nothing outside of it holds, so that they would go with it. */
async function ownManifests(
  read: Read,
  { repository, digest: root, tag }: ImagePlace,
  { manifests }: Gathered,
): Promise<Set<Digest>> {
  const own = new Set(manifests)
  const parents = new Map<Digest, readonly Digest[]>()
  for (const manifest of manifests) {
    const place = { repository, manifest }
    const tags = await listTagsOf(read, place, 2)
    if (manifest === root ? isNamedByAnother(tags, tag) : tags.length > 0) own.delete(manifest)
    parents.set(manifest, await listLiveParents(read, place, MOST_MANIFESTS))
  }
  // What is held from outside holds its children too, however deep.
  for (let before = own.size + 1; before !== own.size; ) {
    before = own.size
    for (const [child, of] of parents) if (of.some((parent) => !own.has(parent))) own.delete(child)
  }
  return own
}

function isNamedByAnother(tags: readonly Tag[], tag: Tag | null): boolean {
  return tag !== null && tags.some((each) => each !== tag)
}

async function isUsedElsewhere(
  read: Read,
  repository: number,
  digest: Digest,
  own: ReadonlySet<Digest>,
): Promise<boolean> {
  const users = await listLiveUsers(read, digest, own.size + 1)
  if (users.some((user) => user.repository !== repository || !own.has(user.manifest))) return true
  const holders = await listRepositoriesWithManifest(read, digest, { after: 0, limit: 2 })
  return holders.some((holder) => holder !== repository || !own.has(digest))
}
