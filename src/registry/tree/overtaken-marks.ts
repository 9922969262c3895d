/**
 * After a crash: whether another program has overtaken what Berth was about to write. A mark remembers every
 * value that its path may hold. A file that is well formed and holds none of them was written by another registry
 * since, and the tree wins; it wins too where that registry has collected what the database's value needs. An
 * empty or torn file tells nothing, and never wins.
 *
 * One of these values may stand there because the power went before it was replaced, or because another registry
 * put it back. The power did not go while the machine runs: then what Berth had made the tree show would still be
 * there, and a path that holds an older value, and was changed after that time, is another registry's. The time is
 * asked because a disk that was detached loses what it had not written, too.
 * A mark that is overtaken is only forgotten: the comparison with the tree, which each start makes, does the rest.
 */

import { isBlobLinked } from '../../metadata/blobs.ts'
import type { Read } from '../../metadata/database.ts'
import { hasManifest } from '../../metadata/manifests.ts'
import { findRepositoryName, type RepositoryId } from '../../metadata/repositories.ts'
import { findTagDigest } from '../../metadata/tags.ts'
import {
  hasTreeDirt,
  listNewestPathDirt,
  type RepositoryMark,
  type TreeDirt,
  type TreeMark,
} from '../../metadata/tree.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { layerLinkPath, revisionLinkPath, tagLinkPath } from '../../storage/layout.ts'
import type { TreeStore } from '../../storage/tree-store.ts'
import type { TreeFiles } from './patient-files.ts'
import { findContentSize } from './tree-content.ts'
import { readLink } from './tree-links.ts'
import { isWhole } from './whole-manifest.ts'

/** Of a path that was marked more often, nobody can tell any more. */
const MOST_VALUES = 1_000

export interface MarkedTree {
  readonly read: Read
  readonly files: TreeFiles & Pick<TreeStore, 'changedAt'>
  /** The run of the machine that is now; null where it is not known. */
  readonly boot: string | null
}

/** The newest mark of the path where it is overtaken, else null. The caller holds the path. */
export async function findOvertaken(tree: MarkedTree, mark: TreeMark): Promise<number | null> {
  // Of a deleted repository only empty folders go: that undoes nobody's work.
  if (mark.kind === 'payload' || mark.kind === 'repository') return null
  const { read, files } = tree
  const dirt = await listNewestPathDirt(read, mark, MOST_VALUES)
  const name = await findRepositoryName(read, mark.repositoryId)
  const upTo = dirt[0]?.id
  if (upTo === undefined || name === null || dirt.length === MOST_VALUES) return null
  const known = await findValue(read, mark)
  const held = await findHeld(files, mark, name)
  if (held === known) return null
  const isOurs = held === 'unknown' || (await mayBeOurs(tree, dirt, { held, path: pathOf(mark, name) }))
  return isOurs && (await isOfUse(tree, { mark, name, value: known })) ? null : upTo
}

/** What a path holds, although the database says another thing. */
interface Held {
  readonly held: Digest | null
  readonly path: string
}

/** Whether Berth, or the end of the power, may have left it so. `dirt` is what the path may hold, the newest first. */
async function mayBeOurs(
  tree: MarkedTree,
  dirt: readonly TreeDirt[],
  { held, path }: Held,
): Promise<boolean> {
  if (!dirt.some(({ value }) => value === held)) return false
  if (tree.boot === null || dirt.some(({ boot }) => boot !== tree.boot)) return true
  const at = dirt.findIndex(({ shownAt }) => shownAt !== null)
  const shown = dirt[at]
  const [last, since] = shown === undefined ? [held, dirt.at(-1)?.markedAt] : [shown.value, shown.shownAt]
  // It died before it had shown a later value, or before it had noted that it had.
  const isLater = held !== last && dirt.slice(0, at).some(({ value }) => value === held)
  // Nobody can tell how long nothing has been there.
  const isStillNothing = held === null && last === null
  if (isLater || isStillNothing) return true
  return (await tree.files.changedAt(path)) < (since ?? 0)
}

function pathOf({ kind, key }: RepositoryMark, name: RepositoryName): string {
  switch (kind) {
    case 'tag':
      return tagLinkPath(name, key)
    case 'revision':
      return revisionLinkPath(name, key)
    case 'layer':
      return layerLinkPath(name, key)
  }
}

/** What the file holds, null for none; `unknown` where it is torn, holds another digest than its place, or names what is not here. */
async function findHeld(
  files: TreeFiles,
  mark: RepositoryMark,
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
async function findValue(read: Read, { kind, repositoryId, key }: RepositoryMark): Promise<Digest | null> {
  switch (kind) {
    case 'tag':
      return await findTagDigest(read, repositoryId, key)
    case 'revision':
      return (await hasManifest(read, repositoryId, key)) ? key : null
    case 'layer':
      return (await isBlobLinked(read, repositoryId, key)) ? key : null
  }
}

interface Wanted {
  readonly mark: RepositoryMark
  readonly name: RepositoryName
  readonly value: Digest | null
}

/** Whether what the database's value is about is still there. That nothing is there needs nothing. */
async function isOfUse(tree: MarkedTree, { mark, name, value }: Wanted): Promise<boolean> {
  const { read, files } = tree
  if (value === null) return true
  if (mark.kind === 'layer') return (await findContentSize(files, value)) !== null
  const repository = mark.repositoryId
  if (mark.kind === 'tag' && !(await willHaveManifest(tree, repository, name, value))) return false
  return await isWhole({ database: read, files, repository }, value)
}

/** Another registry may have deleted the manifest that a tag was about to name. */
async function willHaveManifest(
  tree: MarkedTree,
  repositoryId: RepositoryId,
  name: RepositoryName,
  digest: Digest,
): Promise<boolean> {
  if ((await tree.files.stat(revisionLinkPath(name, digest))) !== null) return true
  const revision: RepositoryMark = { kind: 'revision', repositoryId, key: digest }
  return (await hasTreeDirt(tree.read, revision)) && (await findOvertaken(tree, revision)) === null
}
