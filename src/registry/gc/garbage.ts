/**
 * Finds what nothing needs, as distribution's `garbage-collect` does and tells: first every repository with what it
 * keeps, then how much there is of each, then the content that may go. It deletes nothing.
 *
 * It goes page by page, and whoever asks carries the place where the next page begins: so a registry of any size is
 * looked at in little memory, a server that does so serves on, and one that stops meanwhile loses nothing.
 * What is in the trash is needed by it. On any doubt content counts as needed.
 */
import { nextTurn } from '../../lib/next-turn.ts'
import { findBlobSize } from '../../metadata/blobs.ts'
import type { Read } from '../../metadata/database.ts'
import {
  listAllManifestDigests,
  listBlobsOfManifest,
  listChildren,
  listManifestDigests,
  listReferredDigests,
  listRepositoriesWithManifest,
} from '../../metadata/garbage.ts'
import { findRepositoryId, listRepositoryNames } from '../../metadata/repositories.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { blobDataPath } from '../../storage/layout.ts'
import type { TreeStore } from '../../storage/tree-store.ts'
import type { Registry } from '../registry.ts'
import { findTreeState } from '../tree/tree-pass.ts'
import { findDoubt } from './doubts.ts'
import { type KeepRules, Kept } from './kept.ts'
import { findStoredFolder } from './stored-digests.ts'
import { usageAsBlob, usageAsManifest, usageOf } from './usage.ts'

/** Where facts and content are looked up. */
export interface GarbagePlace {
  readonly read: Read
  readonly files: Pick<TreeStore, 'list' | 'stat'>
  /** Since which start the database must know the tree; null where nobody else can have changed it. */
  readonly start: string | null
  /** Until when, in milliseconds since 1970, the database has heard of what was pushed; null for until now. */
  readonly knownUntil: number | null
}

/** Where the running registry looks; null where content is in memory. */
export function garbagePlaceOf({ database, tree }: Registry): GarbagePlace | null {
  return tree === null ? null : { read: database, files: tree.files, start: tree.start, knownUntil: null }
}

/** What is garbage cannot be told now. The message says why, and what to do. */
export class GarbageUnknown extends Error {
  override readonly name = 'GarbageUnknown'
}

/** In the order of distribution's lines. */
export type GarbageFinding =
  | { readonly kind: 'repository'; readonly repository: RepositoryName }
  | { readonly kind: 'kept manifest'; readonly repository: RepositoryName; readonly digest: Digest }
  | { readonly kind: 'kept blob'; readonly repository: RepositoryName; readonly digest: Digest }
  | { readonly kind: 'garbage manifest'; readonly repository: RepositoryName; readonly digest: Digest }
  | ({ readonly kind: 'counts' } & GarbageCounts)
  | { readonly kind: 'garbage blob'; readonly digest: Digest }

/** Each digest is counted once, wherever it is used. */
export interface GarbageCounts {
  /** What is kept: manifests, and what they refer to. */
  readonly kept: number
  /** Content that nothing needs, manifests among it. */
  readonly blobs: number
  /** Manifests that nothing names, once in each repository. */
  readonly manifests: number
  /** Content that only the trash needs. */
  readonly inTrash: number
}

/** Where the next page begins. Plain data, for it is handed out and comes back. */
export interface GarbageCursor {
  readonly step: 'repositories' | 'referred' | 'manifests' | 'count' | 'list'
  /** The name, digest or folder after which this step goes on; '' at its beginning. */
  readonly after: string
  /** Within the repository after `after`: its last manifest that was looked at; null before its first. */
  readonly manifest: string | null
  readonly counts: GarbageCounts
}

export interface GarbagePage {
  readonly findings: readonly GarbageFinding[]
  /** Null after the last page. */
  readonly next: GarbageCursor | null
}

export const GARBAGE_BEGIN: GarbageCursor = {
  step: 'repositories',
  after: '',
  manifest: null,
  counts: { kept: 0, blobs: 0, manifests: 0, inTrash: 0 },
}

/** A page has at least one part, and then as many as fit: of an empty folder there is nothing to tell. */
const PAGE_MILLISECONDS = 200
const FINDINGS_AT_ONCE = 1000
/** Milliseconds for which content that the database does not know is taken for a push under way. */
export const PUSH_UNDER_WAY = 60 * 60 * 1000
const MANIFESTS_AT_ONCE = 50
const DIGESTS_AT_ONCE = 200
const EDGES_AT_ONCE = 500

/** Throws GarbageUnknown, DatabaseUnavailable, StorageUnavailable. */
export async function findGarbage(
  place: GarbagePlace,
  rules: KeepRules,
  cursor: GarbageCursor,
): Promise<GarbagePage> {
  await requireKnownTree(place, rules)
  const kept = new Kept(place.read, rules)
  const until = performance.now() + PAGE_MILLISECONDS
  const findings: GarbageFinding[] = []
  let next: GarbageCursor | null = cursor
  do {
    const part: GarbagePage = await findPart(place, kept, next)
    for (const finding of part.findings) findings.push(finding)
    next = part.next
  } while (next !== null && findings.length < FINDINGS_AT_ONCE && performance.now() < until)
  return { findings, next }
}

/** What is looked at in one go: a few manifests, a few hundred digests, or a folder. */
async function findPart(place: GarbagePlace, kept: Kept, cursor: GarbageCursor): Promise<GarbagePage> {
  switch (cursor.step) {
    case 'repositories':
      return await repositoriesPage(place.read, kept, cursor)
    case 'referred':
      return await referredPage(place.read, kept, cursor)
    case 'manifests':
      return await manifestsPage(place.read, kept, cursor)
    case 'count':
      return await countPage(place, kept, cursor)
    case 'list':
      return await listPage(place, kept, cursor)
  }
}

/** Some manifests of one repository. */
async function repositoriesPage(read: Read, kept: Kept, cursor: GarbageCursor): Promise<GarbagePage> {
  const [name] = await listRepositoryNames(read, { kind: 'everything' }, { after: cursor.after, limit: 1 })
  if (name === undefined) return { findings: [], next: begin('referred', cursor.counts) }
  const findings: GarbageFinding[] =
    cursor.manifest === null ? [{ kind: 'repository', repository: name }] : []
  const id = await findRepositoryId(read, name)
  const page = { after: cursor.manifest ?? '', limit: MANIFESTS_AT_ONCE }
  const manifests = id === null ? [] : await listManifestDigests(read, id, page)
  let garbage = 0
  for (const digest of manifests) {
    await nextTurn()
    if (id !== null && (await kept.isKept({ repository: id, manifest: digest }))) {
      findings.push({ kind: 'kept manifest', repository: name, digest })
      for await (const blob of referredBy(read, id, digest)) {
        findings.push({ kind: 'kept blob', repository: name, digest: blob })
      }
    } else {
      garbage++
      findings.push({ kind: 'garbage manifest', repository: name, digest })
    }
  }
  const counts = { ...cursor.counts, manifests: cursor.counts.manifests + garbage }
  const last = manifests.length < MANIFESTS_AT_ONCE ? undefined : manifests.at(-1)
  const next = last === undefined ? { after: name, manifest: null } : { after: cursor.after, manifest: last }
  return { findings, next: { step: 'repositories', ...next, counts } }
}

/** What a manifest refers to: an index's children are content too. */
async function* referredBy(read: Read, repository: number, manifest: Digest): AsyncGenerator<Digest> {
  for (const list of [listChildren, listBlobsOfManifest]) {
    for (let after = ''; ; ) {
      const digests = await list(read, repository, manifest, { after, limit: EDGES_AT_ONCE })
      yield* digests
      const last = digests.at(-1)
      if (last === undefined || digests.length < EDGES_AT_ONCE) break
      after = last
    }
  }
}

/** Counts what kept manifests refer to. */
async function referredPage(read: Read, kept: Kept, cursor: GarbageCursor): Promise<GarbagePage> {
  const digests = await listReferredDigests(read, { after: cursor.after, limit: DIGESTS_AT_ONCE })
  const found = await countWhere(
    digests,
    async (digest) => (await usageAsBlob(read, kept, digest)) === 'kept',
  )
  return countedPage(cursor, found, digests, 'manifests')
}

/** Counts kept manifests that nothing refers to as a blob: those were counted. */
async function manifestsPage(read: Read, kept: Kept, cursor: GarbageCursor): Promise<GarbagePage> {
  const digests = await listAllManifestDigests(read, { after: cursor.after, limit: DIGESTS_AT_ONCE })
  const found = await countWhere(
    digests,
    async (digest) =>
      (await usageAsManifest(read, kept, digest)) === 'kept' &&
      (await usageAsBlob(read, kept, digest)) !== 'kept',
  )
  return countedPage(cursor, found, digests, 'count')
}

function countedPage(
  cursor: GarbageCursor,
  found: number,
  digests: readonly Digest[],
  step: GarbageCursor['step'],
): GarbagePage {
  const counts = { ...cursor.counts, kept: cursor.counts.kept + found }
  const last = digests.length < DIGESTS_AT_ONCE ? undefined : digests.at(-1)
  return { findings: [], next: last === undefined ? begin(step, counts) : { ...cursor, after: last, counts } }
}

/** Counts the content of one folder that may go. After the last folder it tells all numbers. */
async function countPage(place: GarbagePlace, kept: Kept, cursor: GarbageCursor): Promise<GarbagePage> {
  const folder = await findStoredFolder(place.files, cursor.after)
  if (folder === null) {
    const next = cursor.counts.blobs === 0 ? null : begin('list', cursor.counts)
    return { findings: [{ kind: 'counts', ...cursor.counts }], next }
  }
  let { blobs, inTrash } = cursor.counts
  for (const digest of folder.digests) {
    await nextTurn()
    const usage = await usageOf(place.read, kept, digest)
    if (usage === 'trash') inTrash++
    else if (usage === 'none' && (await mayGo(place, digest))) blobs++
  }
  return {
    findings: [],
    next: { ...cursor, after: folder.place, counts: { ...cursor.counts, blobs, inTrash } },
  }
}

/** The content of one folder that may go. */
async function listPage(place: GarbagePlace, kept: Kept, cursor: GarbageCursor): Promise<GarbagePage> {
  const folder = await findStoredFolder(place.files, cursor.after)
  if (folder === null) return { findings: [], next: null }
  const findings: GarbageFinding[] = []
  for (const digest of folder.digests) {
    await nextTurn()
    const usage = await usageOf(place.read, kept, digest)
    if (usage === 'none' && (await mayGo(place, digest))) findings.push({ kind: 'garbage blob', digest })
  }
  return { findings, next: { ...cursor, after: folder.place } }
}

/**
 * Content that nothing uses. Not an empty folder, as one is left where content was; and not what may be a push under
 * way: its bytes are there before the database hears of them.
 */
async function mayGo({ read, files, knownUntil }: GarbagePlace, digest: Digest): Promise<boolean> {
  const found = await files.stat(blobDataPath(digest))
  if (found === null) return false
  if (knownUntil !== null && found.modifiedAt > knownUntil) throw new GarbageUnknown(CHANGED_SINCE)
  if (found.modifiedAt < Date.now() - PUSH_UNDER_WAY) return true
  return (await findBlobSize(read, digest)) !== null || (await hasManifestAnywhere(read, digest))
}

async function hasManifestAnywhere(read: Read, digest: Digest): Promise<boolean> {
  const repositories = await listRepositoriesWithManifest(read, digest, { after: 0, limit: 1 })
  return repositories.length > 0
}

const CHANGED_SINCE =
  'Something was pushed to this folder after Berth had stopped, by another registry perhaps, so what is needed ' +
  'there is not known. Start Berth once, and ask again when it has gone through the folder.'

/** Throws GarbageUnknown. */
async function requireKnownTree({ read, start }: GarbagePlace, rules: KeepRules): Promise<void> {
  if (start === null) return
  const state = await findTreeState(read, start)
  if (state === 'unknown') {
    throw new GarbageUnknown(
      'The folder is still being gone through, so what is needed there is not known yet. ' +
        'The log of the server says how far it is; ask again when it has finished.',
    )
  }
  if (state === 'partly known') {
    throw new GarbageUnknown(
      'A repository in this folder could not be read, so what it needs is not known; the log of the server names it. ' +
        'Make its files readable, start Berth again, and ask again when it has gone through the folder.',
    )
  }
  const doubt = await findDoubt(read, start, rules)
  if (doubt !== null) throw new GarbageUnknown(doubt)
}

function begin(step: GarbageCursor['step'], counts: GarbageCounts): GarbageCursor {
  return { step, after: '', manifest: null, counts }
}

async function countWhere(
  digests: readonly Digest[],
  holds: (digest: Digest) => Promise<boolean>,
): Promise<number> {
  let count = 0
  for (const digest of digests) {
    await nextTurn()
    if (await holds(digest)) count++
  }
  return count
}
