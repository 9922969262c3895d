/**
 * The content that a link tree's links are about: the bytes of manifests, and the sizes of blobs. Files that a
 * crash has emptied count as missing.
 */

import type { FoundManifest } from '../../metadata/manifests.ts'
import { algorithmOf, type Digest, digestOf } from '../../oci/digest.ts'
import { MANIFEST_LIMIT } from '../../oci/manifest.ts'
import { blobDataPath } from '../../storage/layout.ts'
import type { TreeReader } from './odd-entries.ts'
import type { TreeFiles } from './patient-files.ts'
import type { PlacedLink } from './tree-links.ts'
import { type ReadManifest, readManifest } from './tree-manifest.ts'

const EMPTY: readonly Digest[] = [digestOf(new Uint8Array()), digestOf(new Uint8Array(), 'sha512')]

/** The size in bytes of what lies at the digest's place, or null. */
export async function findContentSize(files: TreeFiles, digest: Digest): Promise<number | null> {
  const found = await files.stat(blobDataPath(digest))
  return found === null || isEmptied(digest, found.size) ? null : found.size
}

/** Whether a file of this size is what a crash has left of the content. */
function isEmptied(digest: Digest, size: number): boolean {
  return size === 0 && !EMPTY.includes(digest)
}

/** The bytes at a digest's place, as far as a manifest may be that long; null where there are none. They are not hashed. */
export async function findManifestBytes(files: TreeFiles, digest: Digest): Promise<Uint8Array | null> {
  const size = await findContentSize(files, digest)
  return size === null || size > MANIFEST_LIMIT ? null : await files.read(blobDataPath(digest))
}

/** The manifest that a revision link is about, its bytes hashed; null where there is none, which is told to the findings. */
export async function readLinkedManifest(
  { files, findings }: TreeReader,
  { digest, path }: PlacedLink,
): Promise<FoundManifest | null> {
  const bytes = await findManifestBytes(files, digest)
  if (bytes === null) {
    findings.add('missing manifest', path)
    return null
  }
  const isWhole = digestOf(bytes, algorithmOf(digest)) === digest
  const manifest: ReadManifest | null = isWhole ? readManifest(bytes) : null
  if (manifest === null) {
    findings.add('unreadable manifest', blobDataPath(digest))
    return null
  }
  const since = (await files.stat(path))?.modifiedAt
  return { ...manifest, digest, foundSince: since ?? Date.now() }
}
