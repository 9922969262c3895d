/**
 * The link tree against the database: links that the database does not know, and files that do not belong there. None of
 * them is touched: the next start takes over what another registry has written.
 */
import { isBlobLinked } from '../../metadata/blobs.ts'
import { hasManifest } from '../../metadata/manifests.ts'
import { findTagDigest } from '../../metadata/tags.ts'
import { hasTreeDirt, type RepositoryMark } from '../../metadata/tree.ts'
import { findNextRepository, findRepositoryById, type KnownRepository } from '../../metadata/verification.ts'
import { isDigest, isDigestAlgorithm } from '../../oci/digest.ts'
import { findTag } from '../../oci/tag.ts'
import {
  layerLinkPath,
  layersFolder,
  revisionLinkPath,
  revisionsFolder,
  tagLinkPath,
  tagsFolder,
} from '../../storage/layout.ts'
import { Findings } from '../tree/findings.ts'
import { listOwn, type TreeReader } from '../tree/odd-entries.ts'
import { readLink } from '../tree/tree-links.ts'
import { finding } from './finding.ts'
import { tellForeign } from './foreign.ts'
import type { Look, Position } from './look.ts'

/** In the order in which they are gone through. */
const FOLDERS = ['_layers/sha256', '_layers/sha512', 'revisions/sha256', 'revisions/sha512', 'tags'] as const
type Folder = (typeof FOLDERS)[number]

export async function lookAtTree(look: Look, from: Position): Promise<Position | null> {
  const repository = await findRepositoryById(look.read, from.repository)
  const folder = FOLDERS.find((each) => each === from.part) ?? FOLDERS[0]
  if (repository !== null) {
    const place = `${repository.name}: ${folder}`
    const after = await look.at(place, () => lookAtFolder(look, repository, folder, from.after), null)
    if (after !== null) return { ...from, part: folder, after }
    const next = FOLDERS[FOLDERS.indexOf(folder) + 1]
    if (next !== undefined) return { ...from, part: next, after: '' }
  }
  const next = await findNextRepository(look.read, from.repository)
  return next === null ? null : { repository: next.id, part: FOLDERS[0], after: '' }
}

/** The last name that was looked at; null at the end. */
async function lookAtFolder(
  look: Look,
  repository: KnownRepository,
  folder: Folder,
  after: string,
): Promise<string | null> {
  const { tree } = look.registry
  if (tree === null) return null
  const reader: TreeReader = { files: tree.files, findings: new Findings() }
  const names = (await listFolder(reader, repository, folder)).filter((name) => name > after)
  if (after === '') tellForeign(look, reader)
  for (const [at, name] of names.entries()) {
    if (at > 0 && look.isOver) return names[at - 1] ?? null
    await look.at(name, () => lookAtEntry(look, reader, repository, { folder, name }), undefined)
  }
  return null
}

/** The names in it that belong there. */
async function listFolder(reader: TreeReader, { name }: KnownRepository, folder: Folder): Promise<string[]> {
  if (folder === 'tags') return await listOwn(reader, tagsFolder(name), (tag) => findTag(tag) !== null)
  const [kind, algorithm = ''] = folder.split('/')
  const above = kind === '_layers' ? layersFolder(name) : revisionsFolder(name)
  if (algorithm === 'sha256') await listOwn(reader, above, isDigestAlgorithm)
  return await listOwn(reader, `${above}/${algorithm}`, (hex) => isDigest(`${algorithm}:${hex}`))
}

async function lookAtEntry(
  look: Look,
  { files }: TreeReader,
  repository: KnownRepository,
  entry: { readonly folder: Folder; readonly name: string },
): Promise<void> {
  const place = placeOf(repository, entry)
  if (place === null || (await isKnown(look, place.mark))) return
  const link = await readLink(files, place.path)
  // A deleted link leaves its folder behind. What was marked or known by now is Berth's own.
  if (link.kind === 'absent' || (await hasTreeDirt(look.read, place.mark))) return
  if (await isKnown(look, place.mark)) return
  const message = `The link ${place.path} is not known to the database: another registry has written it, and the next start of Berth takes it over.`
  const tag = place.mark.kind === 'tag' ? place.mark.key : null
  const digest = link.kind === 'digest' ? link.digest : null
  look.tell(finding('link unknown', message, { digest, tag, repository: repository.name, path: place.path }))
}

function placeOf(
  { id: repositoryId, name: repository }: KnownRepository,
  { folder, name }: { readonly folder: Folder; readonly name: string },
): { readonly mark: RepositoryMark; readonly path: string } | null {
  if (folder === 'tags') {
    const tag = findTag(name)
    if (tag === null) return null
    return { mark: { kind: 'tag', repositoryId, key: tag }, path: tagLinkPath(repository, tag) }
  }
  const [kind, algorithm = ''] = folder.split('/')
  const digest = `${algorithm}:${name}`
  if (!isDigest(digest)) return null
  return kind === '_layers'
    ? { mark: { kind: 'layer', repositoryId, key: digest }, path: layerLinkPath(repository, digest) }
    : { mark: { kind: 'revision', repositoryId, key: digest }, path: revisionLinkPath(repository, digest) }
}

async function isKnown({ read }: Look, mark: RepositoryMark): Promise<boolean> {
  switch (mark.kind) {
    case 'tag':
      return (await findTagDigest(read, mark.repositoryId, mark.key)) !== null
    case 'layer':
      return await isBlobLinked(read, mark.repositoryId, mark.key)
    case 'revision':
      return hasManifest(read, mark.repositoryId, mark.key)
  }
}
