/**
 * After a crash: whether another program has overtaken what Berth was about to write. A mark remembers every
 * value that its path may hold. A file that is well formed and holds none of them was written by another registry
 * since, and the tree wins; it wins too where that registry has collected what the database's value needs. An
 * empty or torn file tells nothing, and never wins.
 * A mark that is overtaken is only forgotten: the comparison with the tree, which each start makes, does the rest.
 */

import { isBlobLinked } from '../../metadata/blobs.ts'
import type { Read } from '../../metadata/database.ts'
import { hasManifest } from '../../metadata/manifests.ts'
import { findRepositoryName, type RepositoryId } from '../../metadata/repositories.ts'
import { findTagDigest } from '../../metadata/tags.ts'
import { listNewestPathDirt, type TreeMark } from '../../metadata/tree.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import type { Tag } from '../../oci/tag.ts'
import { layerLinkPath, revisionLinkPath, tagLinkPath } from '../../storage/layout.ts'
import type { TreeFiles } from './patient-files.ts'
import { findContentSize } from './tree-content.ts'
import { readLink } from './tree-links.ts'
import { isWhole } from './whole-manifest.ts'

/** Of a path that was marked more often, nobody can tell any more. */
const MOST_VALUES = 1_000

/** The newest mark of the path where it is overtaken, else null. The caller holds the path. */
export async function findOvertaken(read: Read, files: TreeFiles, mark: TreeMark): Promise<number | null> {
  if (mark.kind === 'payload') return null
  const dirt = await listNewestPathDirt(read, mark, MOST_VALUES)
  const name = await findRepositoryName(read, mark.repositoryId)
  const upTo = dirt[0]?.id
  if (upTo === undefined || name === null || dirt.length === MOST_VALUES) return null
  const known = await findValue(read, mark)
  const held = await findHeld(files, mark, name)
  if (held === known) return null
  const isOurs = held === 'unknown' || dirt.some(({ value }) => value === held)
  return isOurs && (await isOfUse(read, files, mark, known)) ? null : upTo
}

function pathOf({ kind, key }: TreeMark, name: RepositoryName): string {
  switch (kind) {
    case 'tag':
      return tagLinkPath(name, key as Tag)
    case 'revision':
      return revisionLinkPath(name, key as Digest)
    default:
      return layerLinkPath(name, key as Digest)
  }
}

/** What the file holds, null for none; `unknown` where it is torn, holds another digest than its place, or names what is not here. */
async function findHeld(
  files: TreeFiles,
  mark: TreeMark,
  name: RepositoryName,
): Promise<Digest | null | 'unknown'> {
  const link = await readLink(files, pathOf(mark, name))
  if (link.kind === 'absent') return null
  if (link.kind !== 'digest') return 'unknown'
  const { digest } = link
  if (mark.kind !== 'tag') return digest === mark.key ? digest : 'unknown'
  const isHere = (await files.stat(revisionLinkPath(name, digest))) !== null
  return isHere && (await findContentSize(files, digest)) !== null ? digest : 'unknown'
}

/** What the database wants the path to hold; null for nothing. */
async function findValue(read: Read, { kind, repositoryId, key }: TreeMark): Promise<Digest | null> {
  const repository = repositoryId as RepositoryId
  if (kind === 'tag') return await findTagDigest(read, repository, key as Tag)
  const digest = key as Digest
  const isKnown =
    kind === 'revision'
      ? await hasManifest(read, repository, digest)
      : await isBlobLinked(read, repository, digest)
  return isKnown ? digest : null
}

/** Whether what the database's value is about is still there. That nothing is there needs nothing. */
async function isOfUse(read: Read, files: TreeFiles, mark: TreeMark, value: Digest | null): Promise<boolean> {
  if (value === null) return true
  if (mark.kind === 'layer') return (await findContentSize(files, value)) !== null
  return await isWhole({ database: read, files, repository: mark.repositoryId as RepositoryId }, value)
}
