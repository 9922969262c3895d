/**
 * Links that somebody has removed from the folder while Berth runs: `rm -rf` of a repository or of a tag is how many
 * people delete with registry:2. The database still knows them, so a push of the same would change nothing, and be
 * answered with a success that the next start takes back, for the tree wins. So a push looks whether its links are
 * there, and writes those that are not.
 */
import { isBlobLinked } from '../../metadata/blobs.ts'
import type { Read, Transaction } from '../../metadata/database.ts'
import { type DigestPage, listBlobsOfManifest, listChildren } from '../../metadata/garbage.ts'
import { hasManifest } from '../../metadata/manifests.ts'
import { findRepositoryId, type RepositoryId } from '../../metadata/repositories.ts'
import { findTagDigest } from '../../metadata/tags.ts'
import { markTree } from '../../metadata/tree.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import type { Tag } from '../../oci/tag.ts'
import { layerLinkPath, revisionLinkPath, tagLinkPath } from '../../storage/layout.ts'
import type { TreeFiles } from './patient-files.ts'
import { everyDigest } from './torn-links.ts'

/** What a manifest refers to. */
interface References {
  readonly blobs: readonly Digest[]
  readonly children: readonly Digest[]
}

/** What a push wants to be in the tree. */
export interface PushedLinks extends References {
  readonly repository: RepositoryName
  readonly digest: Digest
  readonly tags: readonly Tag[]
}

export type LostLink =
  | { readonly kind: 'revision' | 'layer'; readonly key: Digest }
  | { readonly kind: 'tag'; readonly key: Tag }

/**
 * Those of the links that are not in the tree, new ones among them. Where a manifest's own link is there, so are those
 * of its blobs and children: they are written together, and removed together.
 */
export async function findLostLinks(
  { database, files }: { readonly database: Read; readonly files: TreeFiles },
  pushed: PushedLinks,
): Promise<LostLink[]> {
  const { repository: name, tags } = pushed
  const repository = await findRepositoryId(database, name)
  if (repository === null) return []
  const lost: LostLink[] = []
  const isLost = async (path: string) => (await files.stat(path)) === null
  for (const key of tags) if (await isLost(tagLinkPath(name, key))) lost.push({ kind: 'tag', key })
  const manifests = new Map<Digest, References>([[pushed.digest, pushed]])
  for (const [key, known] of manifests) {
    if (!(await isLost(revisionLinkPath(name, key)))) continue
    lost.push({ kind: 'revision', key })
    const { blobs, children } = known
    for (const blob of blobs)
      if (await isLost(layerLinkPath(name, blob))) lost.push({ kind: 'layer', key: blob })
    for (const child of children) manifests.set(child, await referencesOf(database, repository, child))
  }
  return lost
}

async function referencesOf(read: Read, repository: RepositoryId, manifest: Digest): Promise<References> {
  const blobs = (page: DigestPage) => listBlobsOfManifest(read, repository, manifest, page)
  const children = (page: DigestPage) => listChildren(read, repository, manifest, page)
  return {
    blobs: await Array.fromAsync(everyDigest(blobs)),
    children: await Array.fromAsync(everyDigest(children)),
  }
}

/** Inside the command of the push: the links that the database knows are written again before anybody is answered. */
export async function showLostLinks(
  tx: Transaction,
  repository: RepositoryId,
  lost: readonly LostLink[],
): Promise<void> {
  for (const link of lost) {
    const after = await knownValue(tx, repository, link)
    if (after !== null) await markTree(tx, { ...link, repositoryId: repository }, { before: null, after })
  }
}

/** What the link should hold; null where the database does not know it any more. */
async function knownValue(
  read: Read,
  repository: RepositoryId,
  { kind, key }: LostLink,
): Promise<Digest | null> {
  if (kind === 'tag') return await findTagDigest(read, repository, key)
  const isKnown = kind === 'revision' ? hasManifest : isBlobLinked
  return (await isKnown(read, repository, key)) ? key : null
}
