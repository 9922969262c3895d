/**
 * Every link that the database knows against the link tree, which other registries read. A path that is marked is being
 * written, and tells nothing. A link that names something else is another registry's doing, and left to the next start.
 */
import { isBlobLinked, listLinkedBlobs } from '../../metadata/blobs.ts'
import { listManifestDigests } from '../../metadata/garbage.ts'
import { hasManifest } from '../../metadata/manifests.ts'
import type { RepositoryId } from '../../metadata/repositories.ts'
import { findTagDigest, listTagRows } from '../../metadata/tags.ts'
import { hasTreeDirt } from '../../metadata/tree.ts'
import { findNextRepository, findRepositoryById, type KnownRepository } from '../../metadata/verification.ts'
import type { Digest } from '../../oci/digest.ts'
import { layerLinkPath, revisionLinkPath, tagIndexLinkPath, tagLinkPath } from '../../storage/layout.ts'
import type { LostLink } from '../tree/lost-links.ts'
import { readLink } from '../tree/tree-links.ts'
import { type FindingKind, finding, mended } from './finding.ts'
import type { Look, Position } from './look.ts'
import { showLinksCommand } from './repair.commands.ts'

const ROWS_AT_ONCE = 200

/** A link that should be there, and where. A tag's is two files: what it names, and that it has named it. */
interface KnownLink {
  readonly link: LostLink
  readonly digest: Digest
  readonly paths: readonly string[]
}

type Part = 'revision' | 'layer' | 'tag'

/** Each part with the one that comes after it. */
const AFTER: Readonly<Record<Part, Part | null>> = { revision: 'layer', layer: 'tag', tag: null }

export async function lookAtLinks(look: Look, from: Position): Promise<Position | null> {
  const repository = await findRepositoryById(look.read, from.repository)
  const part = partOf(from.part)
  const links = repository === null ? [] : await listLinks(look, repository, part, from.after)
  let after = from.after
  for (const known of links) {
    if (look.isOver) return { ...from, after }
    if (repository !== null) {
      await look.at(known.paths[0] ?? '', () => lookAtLink(look, repository, known), undefined)
    }
    look.count('links')
    after = known.link.key
  }
  if (links.length === ROWS_AT_ONCE) return { ...from, after }
  const nextPart = repository === null ? null : AFTER[part]
  if (nextPart !== null) return { ...from, part: nextPart, after: '' }
  const next = await findNextRepository(look.read, from.repository)
  return next === null ? null : { repository: next.id, part: 'revision', after: '' }
}

function partOf(text: string): Part {
  return text === 'layer' || text === 'tag' ? text : 'revision'
}

async function listLinks(
  { read }: Look,
  { id, name }: KnownRepository,
  part: Part,
  after: string,
): Promise<KnownLink[]> {
  const page = { after, limit: ROWS_AT_ONCE }
  switch (part) {
    case 'revision':
      return (await listManifestDigests(read, id, page)).map((digest) => ({
        link: { kind: part, key: digest },
        digest,
        paths: [revisionLinkPath(name, digest)],
      }))
    case 'layer':
      return (await listLinkedBlobs(read, id, page)).map(({ digest }) => ({
        link: { kind: part, key: digest },
        digest,
        paths: [layerLinkPath(name, digest)],
      }))
    case 'tag':
      return (await listTagRows(read, id, page)).map(({ name: tag, digest }) => ({
        link: { kind: part, key: tag },
        digest,
        paths: [tagLinkPath(name, tag), tagIndexLinkPath(name, tag, digest)],
      }))
  }
}

async function lookAtLink(look: Look, repository: KnownRepository, known: KnownLink): Promise<void> {
  for (const path of known.paths) {
    const kind = await wrongLink(look, repository.id, known, path)
    // It may have been written between the look at the mark and the look at the file.
    if (kind === null || (await wrongLink(look, repository.id, known, path)) === null) continue
    await tell(look, repository, known, { kind, path })
    return
  }
}

/** Null where it is as the database says, or is being written. */
async function wrongLink(
  look: Look,
  repositoryId: RepositoryId,
  { link, digest }: KnownLink,
  path: string,
): Promise<FindingKind | null> {
  const { tree, database } = look.registry
  if (tree === null) return null
  const found = await readLink(tree.files, path)
  if (found.kind === 'digest' && found.digest === digest) return null
  const mark = { ...link, repositoryId }
  if (await hasTreeDirt(database, mark)) return null
  if ((await knownValue(look, repositoryId, link)) !== digest) return null
  if (found.kind === 'absent') return 'link missing'
  return found.kind === 'digest' && link.kind === 'tag' ? 'link differs' : 'link torn'
}

async function knownValue({ read }: Look, repository: RepositoryId, link: LostLink): Promise<Digest | null> {
  if (link.kind === 'tag') return await findTagDigest(read, repository, link.key)
  const isKnown = link.kind === 'revision' ? hasManifest : isBlobLinked
  return (await isKnown(read, repository, link.key)) ? link.key : null
}

const SENTENCES: Readonly<Partial<Record<FindingKind, string>>> = {
  'link missing': 'is missing: at the next start Berth takes that for a deletion',
  'link torn': 'is empty or torn, so another registry on the same folder cannot read it',
  'link differs':
    'names something else than the database: another registry has written it, and the next start of Berth takes it over',
}

async function tell(
  look: Look,
  { id, name }: KnownRepository,
  { link, digest }: KnownLink,
  { kind, path }: { readonly kind: FindingKind; readonly path: string },
): Promise<void> {
  const message = `The link ${path} ${SENTENCES[kind] ?? 'is wrong'}.`
  const tag = link.kind === 'tag' ? link.key : null
  const found = finding(kind, message, { digest, repository: name, tag, path })
  if (!look.options.repair || kind === 'link differs') return look.tell(found)
  await look.registry.database.write(showLinksCommand, { repository: id, links: [link] })
  look.tell(mended(found, 'It was written again.'))
}
