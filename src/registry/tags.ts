/** Tags: list, delete, and what each has named before. Pushing one is part of pushing its manifest. */
import type { Read } from '../metadata/database.ts'
import { findManifestDigests } from '../metadata/manifests.ts'
import { isRepositoryDeleted, type RepositoryId } from '../metadata/repositories.ts'
import { findTagInterval, hasNamed, listTagIntervals, listTags, type TagInterval } from '../metadata/tags.ts'
import type { Digest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { Tag } from '../oci/tag.ts'
import { type Page, type PageRequest, pageOf } from './page.ts'
import { findUnchecked, type Registry, type RegistryReads, requireChecked } from './registry.ts'
import { getRepositoryId, unknownRepository } from './repositories.ts'
import { findAway, Restoration, type RestoredThings } from './restoration.ts'
import { deleteTagCommand, restoreTagCommand } from './tags.commands.ts'
import { isThere, listUncheckedTags } from './tree/unchecked-reads.ts'

/** One page of tags in byte order (distribution-spec "Listing Tags"). Throws NAME_UNKNOWN. */
export async function listRepositoryTags(
  registry: RegistryReads,
  repository: RepositoryName,
  request: PageRequest,
): Promise<Page<Tag>> {
  const unchecked = await findUnchecked(registry, repository)
  if (unchecked !== null) {
    if (!(await isThere(unchecked))) throw unknownRepository(repository)
    return await pageOf(request, (page) => listUncheckedTags(unchecked, page))
  }
  const id = await getRepositoryId(registry.database, repository)
  const page = await pageOf(request, (page) => listTags(registry.database, id, page))
  if (page.items.length === 0 && (await isRepositoryDeleted(registry.database, id))) {
    throw unknownRepository(repository)
  }
  return page
}

/** Takes one tag away and leaves the manifest and its other tags. Throws MANIFEST_UNKNOWN. */
export async function deleteTag(
  registry: Registry,
  input: { readonly repository: RepositoryName; readonly tag: Tag; readonly by: string },
): Promise<void> {
  await requireChecked(registry, input.repository)
  const { lease } = registry.policy.collection
  await registry.database.write(deleteTagCommand, { ...input, lease })
}

/** A position in a tag's history. Times are milliseconds since 1970. */
export interface TagPosition {
  /** 0 is what the tag names now, 1 what it named before that; a deleted tag has no 0. */
  readonly position: number
  readonly digest: Digest
  readonly by: string
  readonly from: number
  /** Null while it does. */
  readonly until: number | null
  /** Where the manifest is: in the repository, in its trash, or nowhere any more. */
  readonly manifest: 'here' | 'trash' | 'gone'
}

export interface TagHistoryPage {
  /** The newest first. */
  readonly positions: readonly TagPosition[]
  /** Where the next page begins; null on the last page. */
  readonly next: TagHistoryPlace | null
}

/** A place in a history: after it the page goes on. */
export interface TagHistoryPlace {
  readonly id: number
  readonly position: number
}

export interface TagName {
  readonly repository: RepositoryName
  readonly tag: Tag
}

/** One page of what the tag has named, also where it was deleted. Throws MANIFEST_UNKNOWN for one that never was. */
export async function listTagHistory(
  registry: RegistryReads,
  { repository, tag }: TagName,
  request: { readonly after: TagHistoryPlace | null; readonly limit: number },
): Promise<TagHistoryPage> {
  await requireChecked(registry, repository)
  const { database } = registry
  const id = await getRepositoryId(database, repository)
  const page = { before: request.after?.id ?? null, limit: request.limit + 1 }
  const found = await listTagIntervals(database, id, tag, page)
  if (found.length === 0 && request.after === null) throw unknownTag(repository, tag)
  const newest = found[0]?.until === null ? 0 : 1
  const first = request.after === null ? newest : request.after.position + 1
  const shown = found.slice(0, request.limit)
  const positions = await positionsOf(database, id, shown, first)
  const last = shown.at(-1)
  const hasMore = found.length > request.limit && last !== undefined
  return { positions, next: hasMore ? { id: last.id, position: first + shown.length - 1 } : null }
}

async function positionsOf(
  read: Read,
  repository: RepositoryId,
  intervals: readonly TagInterval[],
  first: number,
): Promise<TagPosition[]> {
  const digests = [...new Set(intervals.map(({ digest }) => digest))]
  const here = await findManifestDigests(read, repository, digests)
  const away = new Set(await findAway(read, repository, digests))
  return intervals.map(({ digest, movedBy, from, until }, at) => ({
    position: first + at,
    digest,
    by: movedBy,
    from,
    until,
    manifest: here.has(digest) ? 'here' : away.has(digest) ? 'trash' : 'gone',
  }))
}

export interface TagRestoration extends TagName {
  /** A position of the tag's history, or a digest that stands in it. */
  readonly to: number | Digest
  readonly by: string
}

export interface RestoredTag {
  readonly digest: Digest
  /** False where the tag named it already. */
  readonly hasMoved: boolean
  /** What came back from the trash for it. */
  readonly brought: RestoredThings
}

/** So far back a position may lie. */
const FURTHEST = 10_000

/**
 * Lets a tag, deleted or not, name again what it named before; where that manifest lies in the trash, it comes back
 * first. Throws MANIFEST_UNKNOWN where the history has no such position, or the manifest is gone for good.
 */
export async function restoreTag(registry: Registry, input: TagRestoration): Promise<RestoredTag> {
  const { repository, tag, by } = input
  await requireChecked(registry, repository)
  const { database, policy } = registry
  const id = await getRepositoryId(database, repository)
  const digest = await digestInHistory(database, id, input)
  const restoration = new Restoration(registry, { repository: id, by })
  await restoration.bringBack(await findAway(database, id, [digest]), null)
  const step = { repository, tag, digest, by, lease: policy.collection.lease }
  const hasMoved = await database.write(restoreTagCommand, step)
  return { digest, hasMoved, brought: restoration.report }
}

/** Throws MANIFEST_UNKNOWN. */
async function digestInHistory(
  read: Read,
  id: RepositoryId,
  { repository, tag, to }: TagRestoration,
): Promise<Digest> {
  if (typeof to === 'string') {
    if (await hasNamed(read, id, tag, to)) return to
    throw noPosition(repository, tag, `it has never named ${to}`)
  }
  const newest = await listTagIntervals(read, id, tag, { before: null, limit: 1 })
  const skipped = newest[0]?.until === null ? to : to - 1
  if (newest.length === 0) throw unknownTag(repository, tag)
  if (skipped < 0) throw noPosition(repository, tag, 'it does not exist now')
  const found = skipped > FURTHEST ? null : await findTagInterval(read, id, tag, skipped)
  if (found === null) throw noPosition(repository, tag, 'its history does not go back so far')
  return found.digest
}

function unknownTag(repository: RepositoryName, tag: Tag): RegistryError {
  return new RegistryError('MANIFEST_UNKNOWN', `There is no tag ${tag} in ${repository}, and never was.`)
}

function noPosition(repository: RepositoryName, tag: Tag, why: string): RegistryError {
  return new RegistryError(
    'MANIFEST_UNKNOWN',
    `The tag ${tag} of ${repository} cannot be restored: ${why}. "berth tag history ${repository}:${tag}" shows what it has named.`,
  )
}
