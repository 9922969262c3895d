/**
 * Reads of a repository that has not been compared with the tree in this start: the tree tells what is there,
 * save where a path is marked, for then the database is ahead of it; and where a link is torn, for that tells
 * nothing. Of a repository that the database does not know the tree alone tells, and nothing is written.
 */

import { isBlobLinked } from '../../metadata/blobs.ts'
import { findManifest, findPayload, hasManifest, type ManifestContent } from '../../metadata/manifests.ts'
import type { RepositoryId } from '../../metadata/repositories.ts'
import { findTagDigest } from '../../metadata/tags.ts'
import { hasTreeDirt, listDirtyTags, type TreeMark } from '../../metadata/tree.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Reference } from '../../oci/reference.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { findTag, type Tag } from '../../oci/tag.ts'
import { layerLinkPath, revisionLinkPath, tagLinkPath, tagsFolder } from '../../storage/layout.ts'
import { Findings } from './findings.ts'
import type { TreeFiles } from './patient-files.ts'
import { findContentSize, findManifestBytes } from './tree-content.ts'
import { readLink } from './tree-links.ts'
import { readManifest } from './tree-manifest.ts'
import { findRepositoryInTree, listRepositoriesInTree } from './tree-repositories.ts'
import type { UncheckedRepository } from './unchecked-tree.ts'

/** More marked tags than this, one push could not have left. */
const MOST_MARKED = 10_000

export async function isThere({ id, files, name }: UncheckedRepository): Promise<boolean> {
  return id !== null || (await findRepositoryInTree(files, name)) !== null
}

export async function findUncheckedManifest(
  repository: UncheckedRepository,
  reference: Reference,
): Promise<ManifestContent | null> {
  const digest =
    reference.kind === 'tag' ? await findUncheckedTag(repository, reference.tag) : reference.digest
  if (digest === null || !(await holdsManifest(repository, digest))) return null
  const { database, files, name, id } = repository
  const stored = id === null ? null : await findManifest(database, name, digest)
  if (stored !== null) return stored
  const bytes = (await findPayload(database, digest)) ?? (await findManifestBytes(files, digest))
  const manifest = bytes === null ? null : readManifest(bytes)
  if (bytes === null || manifest === null) return null
  return { digest, mediaType: manifest.mediaType, size: bytes.length, bytes }
}

/** At most `limit` repositories of the tree after `after`, in distribution's order, of those that may be shown: until the database knows their names. */
export async function listUncheckedNames(
  files: TreeFiles,
  page: { readonly after: string; readonly limit: number },
  mayShow: (name: RepositoryName) => boolean,
): Promise<RepositoryName[]> {
  const names: RepositoryName[] = []
  // Whoever goes through the whole tree says what cannot be read.
  const walker = { files, findings: new Findings(), onUnreadable: () => {} }
  for await (const found of listRepositoriesInTree(walker, page.after)) {
    if (names.length === page.limit) break
    if (found.isListed && mayShow(found.name)) names.push(found.name)
  }
  return names
}

/** The size in bytes of a blob that the repository links, or null. */
export async function findUncheckedBlobSize(
  repository: UncheckedRepository,
  digest: Digest,
): Promise<number | null> {
  const { database } = repository
  const isLinked = await holds(repository, { kind: 'layer', key: digest }, (id) =>
    isBlobLinked(database, id, digest),
  )
  return isLinked ? await findContentSize(repository.files, digest) : null
}

/** What the tag names, or null. */
async function findUncheckedTag(repository: UncheckedRepository, tag: Tag): Promise<Digest | null> {
  const { database, files, name, id } = repository
  const isMarked = id !== null && (await hasTreeDirt(database, { kind: 'tag', repositoryId: id, key: tag }))
  const link = isMarked ? null : await readLink(files, tagLinkPath(name, tag))
  if (link?.kind === 'digest') return link.digest
  return link?.kind === 'absent' || id === null ? null : await findTagDigest(database, id, tag)
}

/** At most `limit` tags after `after`, in byte order. */
export async function listUncheckedTags(
  repository: UncheckedRepository,
  page: { readonly after: string; readonly limit: number },
): Promise<Tag[]> {
  const tags: Tag[] = []
  for (const name of await listTagNames(repository)) {
    const tag = name > page.after ? findTag(name) : null
    if (tag === null) continue
    if (tags.length === page.limit) break
    if ((await findUncheckedTag(repository, tag)) !== null) tags.push(tag)
  }
  return tags
}

async function listTagNames({ database, files, name, id }: UncheckedRepository): Promise<string[]> {
  const names = await files.list(tagsFolder(name))
  if (id === null) return names
  const marked = await listDirtyTags(database, id, MOST_MARKED)
  return [...new Set([...names, ...marked])].sort()
}

function holdsManifest(repository: UncheckedRepository, digest: Digest): Promise<boolean> {
  return holds(repository, { kind: 'revision', key: digest }, (id) =>
    hasManifest(repository.database, id, digest),
  )
}

/** Whether the repository has the link, whose digest its place names: so an empty file is a link too where nobody knows better. */
async function holds(
  { database, files, name, id }: UncheckedRepository,
  { kind, key }: { readonly kind: 'revision' | 'layer'; readonly key: Digest },
  isKnown: (id: RepositoryId) => Promise<boolean>,
): Promise<boolean> {
  const mark: TreeMark | null = id === null ? null : { kind, repositoryId: id, key }
  if (id !== null && mark !== null && (await hasTreeDirt(database, mark))) return await isKnown(id)
  const path = kind === 'revision' ? revisionLinkPath(name, key) : layerLinkPath(name, key)
  const link = await readLink(files, path)
  return link.kind !== 'absent'
}
