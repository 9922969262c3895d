/**
 * What refers to a manifest: signatures, SBOMs, attestations (distribution-spec "Listing Referrers"). First come
 * the manifests whose `subject` it is, by artifact type and digest; then, by digest, what clients of before the
 * referrers API listed under the fallback tag. Answered a page at a time, bounded in number and in bytes.
 */
import type { Read } from '../metadata/database.ts'
import { findManifestByTag } from '../metadata/manifests.ts'
import {
  findWithoutSubject,
  listReferrerKeys,
  listReferrersBetween,
  type Referrer,
  type ReferrerKey,
} from '../metadata/referrers.ts'
import { findRepositoryId, type RepositoryId } from '../metadata/repositories.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { parseManifest } from '../oci/manifest.ts'
import { referrersTag } from '../oci/referrers-tag.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { type RegistryReads, requireChecked } from './registry.ts'

const MOST_REFERRERS = 1_000
/** A page's annotations, in bytes; one referrer alone may have more. */
const MOST_ANNOTATIONS = 2 * 1024 * 1024

/** A place in the list: after it the next page begins. */
export type ReferrerPlace = OwnPlace | { readonly among: 'tag'; readonly digest: string }

interface OwnPlace {
  readonly among: 'subject'
  readonly artifactType: string
  readonly digest: string
}

export interface ReferrersRequest {
  readonly repository: RepositoryName
  readonly subject: Digest
  /** Only referrers of this type; null for all. */
  readonly artifactType: string | null
  /** The place after which the page begins; null for the first page. */
  readonly after: ReferrerPlace | null
}

export interface ReferrersPage {
  readonly referrers: readonly Descriptor[]
  /** Where the next page begins, or null on the last page. A page that is not the last may be empty. */
  readonly next: ReferrerPlace | null
}

/**
 * A repository or subject that does not exist has no referrers: that is no error. One that has not been compared with
 * the tree since the start is, first: what refers to a manifest stands in no place of the tree.
 */
export async function listReferrers(
  registry: RegistryReads,
  request: ReferrersRequest,
): Promise<ReferrersPage> {
  await requireChecked(registry, request.repository)
  const { database } = registry
  const repository = await findRepositoryId(database, request.repository)
  if (repository === null) return { referrers: [], next: null }
  const { keys, ...own } = await listOwn(database, repository, request)
  if (own.next !== null) return own
  const tagged = await listTagged(database, repository, request, keys)
  return { referrers: [...own.referrers, ...tagged.referrers], next: tagged.next }
}

/** The manifests whose `subject` it is, with the keys by which the page was bounded. */
async function listOwn(
  database: Read,
  repository: RepositoryId,
  request: ReferrersRequest,
): Promise<ReferrersPage & { readonly keys: readonly ReferrerKey[] }> {
  const after = startOf(request)
  if (after === null) return { referrers: [], next: null, keys: [] }
  const { subject, artifactType } = request
  const which = artifactType === null ? 'all' : 'same type'
  // One more than fits a page: that tells whether there is a next one.
  const limit = MOST_REFERRERS + 1
  const found = await listReferrerKeys(database, repository, subject, { after, which, limit })
  const keys = fitting(found, [])
  const upTo = keys.at(-1)
  if (upTo === undefined) return { referrers: [], next: null, keys }
  const page = { after, upTo, limit: MOST_REFERRERS }
  const stored = await listReferrersBetween(database, repository, subject, page)
  // What was pushed since the keys were read stands in the page too, and may have pushed others off its end.
  const last = stored.length < MOST_REFERRERS ? upTo : (stored.at(-1) ?? upTo)
  const hasMore = keys.length < found.length || last.digest !== upTo.digest
  return { referrers: stored.map(descriptorOf), next: hasMore ? ownPlace(last) : null, keys }
}

/** Where the page begins among the manifests that name the subject; null where it begins after them all. */
function startOf({ artifactType, after }: ReferrersRequest): OwnPlace | null {
  if (after?.among === 'tag') return null
  const place = after ?? ownPlace({ artifactType: artifactType ?? '', digest: '' })
  const isOfOther = artifactType !== null && artifactType !== place.artifactType
  return isOfOther ? ownPlace({ artifactType, digest: '' }) : place
}

function ownPlace({ artifactType, digest }: Omit<OwnPlace, 'among'>): OwnPlace {
  return { among: 'subject', artifactType, digest }
}

interface Sized {
  readonly annotationsLength: number
}

/** Those of the items for which a page has room that has `before` on it; an empty page has room for any one. */
function fitting<Item extends Sized>(items: readonly Item[], before: readonly Sized[]): readonly Item[] {
  let annotations = before.reduce((sum, each) => sum + each.annotationsLength, 0)
  const end = items.findIndex((item, index) => {
    const count = before.length + index + 1
    annotations += item.annotationsLength
    return count > MOST_REFERRERS || (count > 1 && annotations > MOST_ANNOTATIONS)
  })
  return end === -1 ? items : items.slice(0, end)
}

function descriptorOf({ mediaType, digest, size, artifactType, annotations }: Referrer): Descriptor {
  return {
    mediaType,
    digest,
    size,
    ...(artifactType === '' ? {} : { artifactType }),
    ...(annotations === null ? {} : { annotations: JSON.parse(annotations) as Record<string, string> }),
  }
}

/**
 * What stands under the subject's fallback tag (distribution-spec "Referrers Tag Schema") and has room beside
 * `before`. A manifest that names a subject goes by that alone: by this one it is listed already, by another one
 * it is none of these. What is not here (deleted since, or never pushed) is none either, for nobody could pull it.
 */
async function listTagged(
  database: Read,
  repository: RepositoryId,
  request: ReferrersRequest,
  before: readonly Sized[],
): Promise<ReferrersPage> {
  const listed = await findTagged(database, request)
  const candidates = fitting(listed, before)
  const digests = candidates.map(({ descriptor }) => descriptor.digest)
  const isReferrer = await findWithoutSubject(database, repository, digests)
  const after = request.after?.among === 'tag' ? request.after.digest : ''
  return {
    referrers: candidates.flatMap(({ descriptor }) =>
      isReferrer.has(descriptor.digest) ? [descriptor] : [],
    ),
    next: candidates.length < listed.length ? { among: 'tag', digest: digests.at(-1) ?? after } : null,
  }
}

interface TaggedReferrer extends Sized {
  readonly descriptor: Descriptor
}

/** What the index under the fallback tag says of its children, by digest, from the page's beginning on. */
async function findTagged(database: Read, request: ReferrersRequest): Promise<TaggedReferrer[]> {
  const { repository, subject, artifactType } = request
  const index = await findManifestByTag(database, repository, referrersTag(subject))
  if (index === null) return []
  const after = request.after?.among === 'tag' ? request.after.digest : ''
  return parseManifest(index.bytes, index.mediaType)
    .children.filter((child) => child.digest > after)
    .filter((child) => artifactType === null || child.artifactType === artifactType)
    .toSorted((one, other) => (one.digest < other.digest ? -1 : 1))
    .map(({ urls: _, ...descriptor }) => ({
      descriptor,
      annotationsLength: lengthOf(descriptor.annotations),
    }))
}

function lengthOf(annotations: Descriptor['annotations']): number {
  return annotations === undefined ? 0 : Buffer.byteLength(JSON.stringify(annotations))
}
