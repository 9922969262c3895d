/**
 * What refers to a manifest: signatures, SBOMs, attestations (distribution-spec "Listing Referrers").
 * What older clients wrote under the fallback tag is read too. Answered a page at a time, bounded in number
 * and in bytes.
 */
import type { Database } from '../metadata/database.ts'
import { findManifestByTag } from '../metadata/manifests.ts'
import {
  FIRST_REFERRER,
  findReferrer,
  isReferrer,
  listReferrerKeys,
  listReferrerKeysOfType,
  type ReferrerKey,
  type ReferrerPlace,
} from '../metadata/referrers.ts'
import { findRepositoryId, type RepositoryId } from '../metadata/repositories.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { parseManifest } from '../oci/manifest.ts'
import type { MediaType } from '../oci/media-type.ts'
import { referrersTag } from '../oci/referrers-tag.ts'
import type { RepositoryName } from '../oci/repository-name.ts'

const MOST_REFERRERS = 1_000
/** A page's annotations, in characters; one referrer alone may have more. */
const MOST_ANNOTATIONS = 2 * 1024 * 1024

export type { ReferrerPlace } from '../metadata/referrers.ts'

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
  /** Where the next page begins, or null on the last page. */
  readonly next: ReferrerPlace | null
}

/** A repository or subject that does not exist has no referrers: that is no error. */
export async function listReferrers(database: Database, request: ReferrersRequest): Promise<ReferrersPage> {
  const repository = await findRepositoryId(database, request.repository)
  if (repository === null) return { referrers: [], next: null }
  const found = await listKeys(database, repository, request)
  const keys = fittingPage(found)
  const stored = await Promise.all(keys.map((key) => readReferrer(database, repository, key.digest)))
  const referrers = stored.filter((referrer) => referrer !== null)
  const last = keys.at(-1)
  if (last !== undefined && keys.length < found.length) return { referrers, next: last }
  return { referrers: [...referrers, ...(await listFallback(database, repository, request))], next: null }
}

function listKeys(
  database: Database,
  repository: RepositoryId,
  request: ReferrersRequest,
): Promise<ReferrerKey[]> {
  const limit = MOST_REFERRERS + 1
  const { subject, artifactType } = request
  const after = request.after ?? FIRST_REFERRER
  return artifactType === null
    ? listReferrerKeys(database, repository, subject, { after, limit })
    : listReferrerKeysOfType(database, repository, subject, artifactType, { after: after.digest, limit })
}

function fittingPage(keys: readonly ReferrerKey[]): readonly ReferrerKey[] {
  let annotations = 0
  const count = keys.findIndex((key, index) => {
    annotations += key.annotationsLength
    return index >= MOST_REFERRERS || (index > 0 && annotations > MOST_ANNOTATIONS)
  })
  return count === -1 ? keys : keys.slice(0, count)
}

async function readReferrer(
  database: Database,
  repository: RepositoryId,
  digest: Digest,
): Promise<Descriptor | null> {
  const referrer = await findReferrer(database, repository, digest)
  if (referrer === null) return null
  const { mediaType, size, artifactType, annotations } = referrer
  return {
    mediaType,
    digest,
    size,
    ...(artifactType === '' ? {} : { artifactType: artifactType as MediaType }),
    ...(annotations === null ? {} : { annotations: JSON.parse(annotations) as Record<string, string> }),
  }
}

/** distribution-spec "Referrers Tag Schema": an index under a tag made of the subject's digest. */
async function listFallback(
  database: Database,
  repository: RepositoryId,
  request: ReferrersRequest,
): Promise<Descriptor[]> {
  const index = await findManifestByTag(database, request.repository, referrersTag(request.subject))
  if (index === null) return []
  const listed = parseManifest(index.bytes, index.mediaType).children
  const wanted = listed.filter(
    (child) => request.artifactType === null || child.artifactType === request.artifactType,
  )
  const isKnown = await Promise.all(
    wanted.map((child) => isReferrer(database, repository, child.digest, request.subject)),
  )
  return wanted.filter((_, index) => !isKnown[index])
}
