/**
 * Compares a repository that the database knows with the link tree, which another registry may have changed
 * since Berth last ran. Where the two differ, the tree wins; where a tag's link is torn or a manifest's bytes are
 * lost that the database can write again, they are repaired. It only suspects: each change is carried out only if the database is still as it
 * was seen, and the path is not marked.
 */
import { hasReferences, type LinkedBlob, listLinkedBlobs } from '../../metadata/blobs.ts'
import type { CheckedRepository } from '../../metadata/checks.ts'
import type { Read } from '../../metadata/database.ts'
import { listManifestDigests } from '../../metadata/garbage.ts'
import { listTagRows, type TagRow } from '../../metadata/tags.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Tag } from '../../oci/tag.ts'
import { readTagForAdoption } from './adoption.ts'
import { type TreeChange, torn } from './changes.ts'
import type { TreeReader } from './odd-entries.ts'
import { findContentSize, readLinkedManifest } from './tree-content.ts'
import { type PlacedLink, readLayers, readRevisions, readTags, type TagInTree } from './tree-links.ts'
import { isWhole } from './whole-manifest.ts'

const ROWS_AT_ONCE = 1_000

export interface Comparison {
  readonly reader: TreeReader
  readonly database: Read
  readonly repository: CheckedRepository
}

/** What the database must take over. Throws StorageUnavailable where something of the repository cannot be read. */
export async function* compareWithTree(comparison: Comparison): AsyncGenerator<TreeChange> {
  const { database, repository } = comparison
  const tags = new Map<Tag, TagRow>()
  for await (const row of everyRow(
    (page) => listTagRows(database, repository.id, page),
    (row) => row.name,
  )) {
    tags.set(row.name, row)
  }
  const here = new Set<Digest>()
  const gone: TreeChange[] = []
  yield* compareManifests(comparison, here, gone)
  yield* compareBlobs(comparison)
  yield* compareTags(comparison, here, tags)
  // Last, for a deleted manifest takes along the tags that still name it.
  yield* gone
}

/** Fills `here` with the manifests that the repository has once all is done, and `gone` with what it has no more. */
async function* compareManifests(
  comparison: Comparison,
  here: Set<Digest>,
  gone: TreeChange[],
): AsyncGenerator<TreeChange> {
  const { reader, database, repository } = comparison
  const page = (from: { readonly after: string; readonly limit: number }) =>
    listManifestDigests(database, repository.id, from)
  const known = new Set<Digest>()
  for await (const digest of everyRow(page, (row) => row)) known.add(digest)
  for await (const revision of readRevisions(reader, repository.name)) {
    const isKnown = known.delete(revision.digest)
    const change = isKnown
      ? await compareManifest(comparison, revision)
      : await readNewManifest(reader, revision)
    if (change === 'not here') {
      yield torn({ what: 'manifest', key: revision.digest })
      continue
    }
    if (change?.kind === 'manifest gone') {
      gone.push(change)
      continue
    }
    here.add(revision.digest)
    if (change !== null) yield change
    if (!revision.isSound) yield torn({ what: 'revision', key: revision.digest })
  }
  for (const digest of known) gone.push({ kind: 'manifest gone', digest })
}

async function readNewManifest(reader: TreeReader, revision: PlacedLink): Promise<TreeChange | 'not here'> {
  const manifest = await readLinkedManifest(reader, revision)
  return manifest === null ? 'not here' : { kind: 'manifest', manifest }
}

/** Bytes that are lost are put back from the database where the manifest is still of use. */
async function compareManifest(
  { reader, database, repository }: Comparison,
  { digest }: PlacedLink,
): Promise<TreeChange | null> {
  if ((await findContentSize(reader.files, digest)) !== null) return null
  const check = { database, files: reader.files, repository: repository.id }
  if (!(await isWhole(check, digest))) return { kind: 'manifest gone', digest }
  return { kind: 'repair', what: 'payload', digest }
}

async function* compareBlobs(comparison: Comparison): AsyncGenerator<TreeChange> {
  const { reader, database, repository } = comparison
  const known = new Map<Digest, LinkedBlob>()
  const page = (from: { readonly after: string; readonly limit: number }) =>
    listLinkedBlobs(database, repository.id, from)
  for await (const blob of everyRow(page, (row) => row.digest)) known.set(blob.digest, blob)
  for await (const link of readLayers(reader, repository.name)) {
    const change = await compareBlob(comparison, link, known.get(link.digest)?.stored ?? null)
    known.delete(link.digest)
    if (change !== null) yield change
    if (!link.isSound) yield torn({ what: 'layer', key: link.digest })
  }
  for (const digest of known.keys()) yield { kind: 'link gone', digest }
}

async function compareBlob(
  { reader, database, repository }: Comparison,
  { digest, path }: PlacedLink,
  stored: LinkedBlob['stored'],
): Promise<TreeChange | null> {
  const size = await findContentSize(reader.files, digest)
  if (size === null) {
    reader.findings.add('missing blob', path)
    return stored === null ? null : { kind: 'bytes gone', digest, epoch: stored.epoch }
  }
  if (stored === null) {
    const isReferred = await hasReferences(database, repository.id, digest)
    return { kind: 'blob', blob: { digest, size, isReferred } }
  }
  // What was pushed was as long as it should be: whoever asks for the blob is told that it is damaged.
  if (stored.size !== size) reader.findings.add('damaged blob', path)
  return null
}

async function* compareTags(
  { reader, repository }: Comparison,
  here: ReadonlySet<Digest>,
  known: Map<Tag, TagRow>,
): AsyncGenerator<TreeChange> {
  for await (const found of readTags(reader, repository.name)) {
    const seen = known.get(found.tag)
    known.delete(found.tag)
    const change =
      seen === undefined
        ? await readTagForAdoption(reader, repository.name, found, here)
        : compareTag(found, seen, here)
    if (change !== null) yield change
  }
  for (const seen of known.values()) yield { kind: 'tag gone', seen }
}

/** A link that is torn, or names what is not here, says nothing against what the database knows. */
function compareTag({ tag, link }: TagInTree, seen: TagRow, here: ReadonlySet<Digest>): TreeChange | null {
  if (link.kind === 'digest' && link.digest === seen.digest) return null
  if (link.kind === 'digest' && here.has(link.digest)) return { kind: 'tag moved', seen, digest: link.digest }
  return here.has(seen.digest) ? { kind: 'repair', what: 'tag', key: tag, digest: seen.digest } : null
}

/** Every row of a list that is read a page at a time. */
async function* everyRow<Item>(
  list: (page: { readonly after: string; readonly limit: number }) => Promise<Item[]>,
  keyOf: (item: Item) => string,
): AsyncGenerator<Item> {
  let after = ''
  for (;;) {
    const items = await list({ after, limit: ROWS_AT_ONCE })
    yield* items
    const last = items.at(-1)
    if (last === undefined || items.length < ROWS_AT_ONCE) return
    after = keyOf(last)
  }
}
