/** Which images a blob breaks: the manifests that use it, and the tags that lead there, by way of indexes too. */
import type { Read } from '../../metadata/database.ts'
import {
  isManifestTrashed,
  listParents,
  listRepositoriesWithManifest,
  listUsers,
  type ManifestPlace,
} from '../../metadata/garbage.ts'
import { hasManifest } from '../../metadata/manifests.ts'
import { findRepositoryName } from '../../metadata/repositories.ts'
import { listTagsOf } from '../../metadata/verification.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/tag.ts'
import type { BrokenImage, VerifyFinding } from './finding.ts'

/** Nobody reads more, and they are in the database. */
const MOST_NAMED = 50
const MOST_COUNTED = 1_000
const MOST_TAGS = 20
const MOST_PARENTS = 100

export type BrokenImages = Pick<VerifyFinding, 'images' | 'moreImages'>

/** The images that a blob is a part of, or that are one themselves. */
export async function imagesWith(read: Read, digest: Digest): Promise<BrokenImages> {
  const page = { after: { repository: 0, manifest: '' }, limit: MOST_COUNTED }
  const own = await listRepositoriesWithManifest(read, digest, { after: 0, limit: MOST_COUNTED })
  const places = [
    ...(await listUsers(read, digest, page)),
    ...own.map((repository) => ({ repository, manifest: digest })),
  ]
  const images: BrokenImage[] = []
  for (const place of places.slice(0, MOST_NAMED)) {
    const image = await imageAt(read, place)
    if (image !== null) images.push(image)
  }
  return { images, moreImages: Math.max(0, places.length - MOST_NAMED) }
}

/** Null where nobody has it any more. */
export async function imageAt(read: Read, place: ManifestPlace): Promise<BrokenImage | null> {
  const repository = await findRepositoryName(read, place.repository)
  if (repository === null) return null
  const isHere = await hasManifest(read, place.repository, place.manifest)
  const inTrash = !isHere && (await isManifestTrashed(read, place))
  if (!isHere && !inTrash) return null
  return { repository, manifest: place.manifest, tags: await tagsLeadingTo(read, place), inTrash }
}

/** The set grows while it is gone through. */
async function tagsLeadingTo(read: Read, { repository, manifest }: ManifestPlace): Promise<Tag[]> {
  const reached = new Set([manifest])
  const tags = new Set<Tag>()
  for (const each of reached) {
    for (const tag of await listTagsOf(read, { repository, manifest: each }, MOST_TAGS)) tags.add(tag)
    if (tags.size >= MOST_TAGS || reached.size >= MOST_PARENTS) break
    const parents = await listParents(read, repository, each, { after: '', limit: MOST_PARENTS })
    for (const parent of parents) reached.add(parent)
  }
  return [...tags].slice(0, MOST_TAGS).sort()
}
