/**
 * Reads a repository that another registry made, as changes that make the database know it whole: manifests
 * first, then the blobs that it may read, then tags, so that nothing is named before it is there.
 */
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { tagLinkPath } from '../../storage/layout.ts'
import { type TreeChange, torn } from './changes.ts'
import type { TreeReader } from './odd-entries.ts'
import { findContentSize, readLinkedManifest } from './tree-content.ts'
import { readLayers, readRevisions, readTagIndex, readTags, type TagInTree } from './tree-links.ts'

/** Throws StorageUnavailable where something of the repository cannot be read. */
export async function* readForAdoption(reader: TreeReader, name: RepositoryName): AsyncGenerator<TreeChange> {
  const here = new Set<Digest>()
  const referred = new Set<Digest>()
  for await (const revision of readRevisions(reader, name)) {
    const manifest = await readLinkedManifest(reader, revision)
    if (manifest === null) {
      yield torn({ what: 'manifest', key: revision.digest })
      continue
    }
    here.add(manifest.digest)
    for (const blob of manifest.blobs) referred.add(blob)
    yield { kind: 'manifest', manifest }
    if (!revision.isSound) yield torn({ what: 'revision', key: manifest.digest })
  }
  for await (const { digest, path, isSound } of readLayers(reader, name)) {
    const size = await findContentSize(reader.files, digest)
    if (size === null) {
      reader.findings.add('missing blob', path)
      continue
    }
    yield { kind: 'blob', blob: { digest, size, isReferred: referred.has(digest) } }
    if (!isSound) yield torn({ what: 'layer', key: digest })
  }
  for await (const found of readTags(reader, name)) {
    const change = await readTagForAdoption(reader, name, found, here)
    if (change !== null) yield change
  }
}

/** Null where the tag names what is not here. */
export async function readTagForAdoption(
  reader: TreeReader,
  name: RepositoryName,
  { tag, link }: TagInTree,
  here: ReadonlySet<Digest>,
): Promise<TreeChange | null> {
  if (link.kind !== 'digest') return torn({ what: 'tag', key: tag })
  const path = tagLinkPath(name, tag)
  if (!here.has(link.digest)) {
    reader.findings.add('missing manifest', path)
    return null
  }
  const since = (await reader.files.stat(path))?.modifiedAt ?? Date.now()
  const earlier = await readTagIndex(reader, name, tag, link.digest)
  return { kind: 'tag', tag: { name: tag, digest: link.digest, since, earlier } }
}
