/**
 * Reads the small files of a repository in the link tree. A link is believed where it holds the digest that its
 * place calls for; what else lies there is told to the findings and left alone.
 * It only reads, and throws StorageUnavailable where something is there and cannot be read.
 */

import { type Digest, isDigest, isDigestAlgorithm } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { findTag, type Tag } from '../../oci/tag.ts'
import {
  layersFolder,
  revisionsFolder,
  tagFolder,
  tagIndexLinkPath,
  tagLinkPath,
  tagsFolder,
} from '../../storage/layout.ts'
import { isFolder, listOwn, reportOdd, type TreeReader } from './odd-entries.ts'
import type { TreeFiles } from './patient-files.ts'

/** What one link file says. `empty` and `torn` are what a crash leaves: they say nothing. */
export type Link =
  | { readonly kind: 'digest'; readonly digest: Digest }
  | { readonly kind: 'absent' | 'empty' | 'torn' }

export async function readLink(files: TreeFiles, path: string): Promise<Link> {
  const bytes = await files.read(path)
  if (bytes === null) return { kind: 'absent' }
  if (bytes.length === 0) return { kind: 'empty' }
  const text = new TextDecoder().decode(bytes)
  return isDigest(text) ? { kind: 'digest', digest: text } : { kind: 'torn' }
}

/** A link whose place names its digest: so it is one even where a crash has emptied its file. */
export interface PlacedLink {
  readonly digest: Digest
  readonly path: string
  /** False where the file is empty or holds something else. */
  readonly isSound: boolean
}

/** The manifests that the repository has. */
export async function* readRevisions(reader: TreeReader, name: RepositoryName): AsyncGenerator<PlacedLink> {
  const folder = revisionsFolder(name)
  for await (const { digest, place } of placesIn(reader, folder)) {
    const link = await readPlaced(reader, place, digest)
    if (link !== null) yield link
  }
}

/** The blobs that may be read through the repository. */
export async function* readLayers(reader: TreeReader, name: RepositoryName): AsyncGenerator<PlacedLink> {
  for await (const { digest, place } of placesIn(reader, layersFolder(name))) {
    const link = await readPlaced(reader, place, digest)
    if (link !== null) yield link
  }
}

export interface TagInTree {
  readonly tag: Tag
  readonly link: Link
}

/** A folder without a current link is none of them: `registry:2` lists it, and can tell nothing about it. */
export async function* readTags(reader: TreeReader, name: RepositoryName): AsyncGenerator<TagInTree> {
  const { files, findings } = reader
  for (const entry of await listOwn(reader, tagsFolder(name), (entry) => findTag(entry) !== null)) {
    const tag = findTag(entry)
    if (tag === null) continue
    const path = tagLinkPath(name, tag)
    const link = await readLink(files, path)
    await reportInTag(reader, tagFolder(name, tag), link)
    if (link.kind === 'empty' || link.kind === 'torn') findings.add(`${link.kind} link`, path)
    if (link.kind !== 'absent') yield { tag, link }
  }
}

async function reportInTag(reader: TreeReader, folder: string, { kind }: Link): Promise<void> {
  if (kind === 'absent' && (await isFolder(reader, folder))) reader.findings.add('empty tag', folder)
  const own = await listOwn(reader, folder, (name) => name === 'current' || name === 'index')
  if (own.includes('current')) await listOwn(reader, `${folder}/current`, isLinkFile)
}

/** What the tag has named before, oldest first, with the time of each in milliseconds since 1970; the current one is not among them. */
export async function readTagIndex(
  reader: TreeReader,
  name: RepositoryName,
  tag: Tag,
  current: Digest,
): Promise<{ readonly digest: Digest; readonly since: number }[]> {
  const earlier: { digest: Digest; since: number }[] = []
  for await (const { digest, place } of placesIn(reader, `${tagFolder(name, tag)}/index`)) {
    await listOwn(reader, place, isLinkFile)
    if (digest === current) continue
    const facts = await reader.files.stat(tagIndexLinkPath(name, tag, digest))
    if (facts !== null && facts.size > 0) earlier.push({ digest, since: facts.modifiedAt })
  }
  return earlier.sort((one, other) => one.since - other.since)
}

/** The folders `<algorithm>/<hex>` in a folder. */
async function* placesIn(
  reader: TreeReader,
  folder: string,
): AsyncGenerator<{ readonly digest: Digest; readonly place: string }> {
  for (const algorithm of await listOwn(reader, folder, isDigestAlgorithm)) {
    const digestOf = (hex: string) => `${algorithm}:${hex}`
    for (const hex of await listOwn(reader, `${folder}/${algorithm}`, (hex) => isDigest(digestOf(hex)))) {
      const digest = digestOf(hex)
      if (isDigest(digest)) yield { digest, place: `${folder}/${algorithm}/${hex}` }
    }
  }
}

/** Registry:2 kept signatures of manifests of schema version 1 beside their links. */
const SIGNATURES = 'signatures'

/** Null where there is no link: a deleted one leaves its folder behind. */
async function readPlaced(reader: TreeReader, place: string, digest: Digest): Promise<PlacedLink | null> {
  const { files, findings } = reader
  const path = `${place}/link`
  const link = await readLink(files, path)
  const beside = await listOwn(reader, place, (name) => isLinkFile(name) || name === SIGNATURES)
  if (beside.includes(SIGNATURES)) findings.add('old signature', `${place}/${SIGNATURES}`)
  if (link.kind === 'absent') {
    if (beside.length === 0) await isFolder(reader, place)
    if (beside.includes('link')) await reportOdd(reader, path)
    return null
  }
  const isSound = link.kind === 'digest' && link.digest === digest
  if (!isSound) findings.add(link.kind === 'empty' ? 'empty link' : 'torn link', path)
  return { digest, path, isSound }
}

function isLinkFile(name: string): boolean {
  return name === 'link'
}
