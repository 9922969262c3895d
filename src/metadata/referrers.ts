/** Manifests by what they are about. Answered from an index, a bounded page at a time. */
import type { Digest } from '../oci/digest.ts'
import type { MediaType } from '../oci/media-type.ts'
import type { Read } from './database.ts'
import { findDigestsAmong } from './digests-among.ts'
import type { RepositoryId } from './repositories.ts'
import { integer, optionalText, text } from './row.ts'

/** A place in the list: after it the next page begins. Lists are sorted by artifact type, then digest. */
export interface ReferrerPlace {
  readonly artifactType: string
  readonly digest: string
}

export interface ReferrerKey extends ReferrerPlace {
  readonly digest: Digest
  /** Bytes of the annotations' JSON: annotations may be megabytes, so a page is bounded before it is read. */
  readonly annotationsLength: number
}

export interface Referrer {
  readonly digest: Digest
  readonly mediaType: MediaType
  readonly size: number
  readonly artifactType: MediaType | ''
  /** JSON, or null. */
  readonly annotations: string | null
}

/** At most `limit` referrers of `subject` after `after`; only those of its artifact type where `sameType`. */
export function listReferrerKeys(
  read: Read,
  repository: RepositoryId,
  subject: Digest,
  page: { readonly after: ReferrerPlace; readonly which: 'all' | 'same type'; readonly limit: number },
): Promise<ReferrerKey[]> {
  const isAfter =
    page.which === 'all' ? '(artifact_type, digest) > ($3, $4)' : 'artifact_type = $3 AND digest > $4'
  return read.all(
    `SELECT digest, artifact_type, annotations_length FROM manifests
     WHERE repository_id = $1 AND subject = $2 AND ${isAfter}
     ORDER BY artifact_type, digest LIMIT $5`,
    [repository, subject, page.after.artifactType, page.after.digest, page.limit],
    (row) => ({
      digest: text(row, 'digest') as Digest,
      artifactType: text(row, 'artifact_type'),
      annotationsLength: integer(row, 'annotations_length'),
    }),
  )
}

/** The referrers of `subject` after one place, up to and with another: at most `limit`. */
export function listReferrersBetween(
  read: Read,
  repository: RepositoryId,
  subject: Digest,
  page: { readonly after: ReferrerPlace; readonly upTo: ReferrerPlace; readonly limit: number },
): Promise<Referrer[]> {
  const { after, upTo, limit } = page
  return read.all(
    `SELECT digest, media_type, size, artifact_type, annotations FROM manifests
     WHERE repository_id = $1 AND subject = $2
     AND (artifact_type, digest) > ($3, $4) AND (artifact_type, digest) <= ($5, $6)
     ORDER BY artifact_type, digest LIMIT $7`,
    [repository, subject, after.artifactType, after.digest, upTo.artifactType, upTo.digest, limit],
    (row) => ({
      digest: text(row, 'digest') as Digest,
      mediaType: text(row, 'media_type') as MediaType,
      size: integer(row, 'size'),
      artifactType: text(row, 'artifact_type') as MediaType | '',
      annotations: optionalText(row, 'annotations'),
    }),
  )
}

/** Those of the digests whose manifests the repository has, and which name no subject. */
export function findWithoutSubject(
  read: Read,
  repository: RepositoryId,
  digests: readonly Digest[],
): Promise<Set<Digest>> {
  const rows = 'manifests WHERE repository_id = $1 AND digest = column1 AND subject IS NULL'
  return findDigestsAmong(read, repository, digests, rows)
}
