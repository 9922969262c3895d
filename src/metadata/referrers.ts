/** Manifests by what they are about. Answered from an index, a bounded page at a time. */
import type { Digest } from '../oci/digest.ts'
import type { MediaType } from '../oci/media-type.ts'
import type { Read } from './database.ts'
import type { RepositoryId } from './repositories.ts'
import { integer, optionalText, text } from './row.ts'

/** A place in the list: after it the next page begins. Lists are sorted by artifact type, then digest. */
export interface ReferrerPlace {
  readonly artifactType: string
  readonly digest: string
}

export interface ReferrerKey extends ReferrerPlace {
  readonly digest: Digest
  /** Characters of the annotations' JSON: annotations may be megabytes, so a page is bounded before it is read. */
  readonly annotationsLength: number
}

export interface Referrer {
  readonly digest: Digest
  readonly mediaType: MediaType
  readonly size: number
  readonly artifactType: string
  /** JSON, or null. */
  readonly annotations: string | null
}

export const FIRST_REFERRER: ReferrerPlace = { artifactType: '', digest: '' }

/** At most `limit` referrers of `subject` after `after`. */
export function listReferrerKeys(
  read: Read,
  repository: RepositoryId,
  subject: Digest,
  page: { readonly after: ReferrerPlace; readonly limit: number },
): Promise<ReferrerKey[]> {
  return read.all(
    `SELECT digest, artifact_type, annotations_length FROM manifests
     WHERE repository_id = $1 AND subject = $2 AND (artifact_type, digest) > ($3, $4)
     ORDER BY artifact_type, digest LIMIT $5`,
    [repository, subject, page.after.artifactType, page.after.digest, page.limit],
    (row) => ({
      digest: text(row, 'digest') as Digest,
      artifactType: text(row, 'artifact_type'),
      annotationsLength: integer(row, 'annotations_length'),
    }),
  )
}

/** As `listReferrerKeys`, but of one artifact type. */
export function listReferrerKeysOfType(
  read: Read,
  repository: RepositoryId,
  subject: Digest,
  artifactType: string,
  page: { readonly after: string; readonly limit: number },
): Promise<ReferrerKey[]> {
  return read.all(
    `SELECT digest, artifact_type, annotations_length FROM manifests
     WHERE repository_id = $1 AND subject = $2 AND artifact_type = $3 AND digest > $4
     ORDER BY digest LIMIT $5`,
    [repository, subject, artifactType, page.after, page.limit],
    (row) => ({
      digest: text(row, 'digest') as Digest,
      artifactType: text(row, 'artifact_type'),
      annotationsLength: integer(row, 'annotations_length'),
    }),
  )
}

export function findReferrer(read: Read, repository: RepositoryId, digest: Digest): Promise<Referrer | null> {
  return read.one(
    `SELECT digest, media_type, size, artifact_type, annotations FROM manifests WHERE repository_id = $1 AND digest = $2`,
    [repository, digest],
    (row) => ({
      digest: text(row, 'digest') as Digest,
      mediaType: text(row, 'media_type') as MediaType,
      size: integer(row, 'size'),
      artifactType: text(row, 'artifact_type'),
      annotations: optionalText(row, 'annotations'),
    }),
  )
}

/** Whether the manifest is here and says that it is about `subject`. */
export async function isReferrer(
  read: Read,
  repository: RepositoryId,
  digest: Digest,
  subject: Digest,
): Promise<boolean> {
  const found = await read.one(
    `SELECT 1 AS found FROM manifests WHERE repository_id = $1 AND digest = $2 AND subject = $3`,
    [repository, digest, subject],
    () => true,
  )
  return found ?? false
}
