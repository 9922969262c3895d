/**
 * What collection asks: which manifests a repository has and what names them, and what uses a blob. Each is a page,
 * answered from an index, so that looking at a whole registry never takes much memory or holds anybody up.
 */
import type { Digest } from '../oci/digest.ts'
import type { Read, Row } from './database.ts'
import { findDigestsAmong } from './digests-among.ts'
import { exists, integer, optionalText, text } from './row.ts'

export interface DigestPage {
  /** The digest after which the page begins; '' for the first page. */
  readonly after: string
  readonly limit: number
}

/** A manifest in a repository. */
export interface ManifestPlace {
  readonly repository: number
  readonly manifest: Digest
}

/** The manifests of a repository. */
export function listManifestDigests(read: Read, repository: number, page: DigestPage): Promise<Digest[]> {
  return read.all(
    `SELECT digest FROM manifests WHERE repository_id = $1 AND digest > $2 ORDER BY digest LIMIT $3`,
    [repository, page.after, page.limit],
    digestColumn,
  )
}

/** Those of the manifests that a tag names. */
export function findTaggedDigests(
  read: Read,
  repository: number,
  digests: readonly Digest[],
): Promise<Set<Digest>> {
  const rows = 'tags WHERE repository_id = $1 AND digest = column1'
  return findDigestsAmong(read, repository, digests, rows)
}

/** The indexes that list the manifest, deleted ones among them. */
export function listParents(
  read: Read,
  repository: number,
  child: Digest,
  page: DigestPage,
): Promise<Digest[]> {
  return read.all(
    `SELECT parent AS digest FROM manifest_references
     WHERE repository_id = $1 AND child = $2 AND parent > $3 ORDER BY parent LIMIT $4`,
    [repository, child, page.after, page.limit],
    digestColumn,
  )
}

/** What an index lists. */
export function listChildren(
  read: Read,
  repository: number,
  parent: Digest,
  page: DigestPage,
): Promise<Digest[]> {
  return read.all(
    `SELECT child AS digest FROM manifest_references
     WHERE repository_id = $1 AND parent = $2 AND child > $3 ORDER BY child LIMIT $4`,
    [repository, parent, page.after, page.limit],
    digestColumn,
  )
}

/** The blobs that a manifest refers to. */
export function listBlobsOfManifest(
  read: Read,
  repository: number,
  manifest: Digest,
  page: DigestPage,
): Promise<Digest[]> {
  return read.all(
    `SELECT digest FROM manifest_blobs
     WHERE repository_id = $1 AND manifest = $2 AND digest > $3 ORDER BY digest LIMIT $4`,
    [repository, manifest, page.after, page.limit],
    digestColumn,
  )
}

/** What a manifest is about; null where that is nothing, or the manifest is not there. */
export async function findSubject(read: Read, repository: number, digest: Digest): Promise<Digest | null> {
  const subject = await read.one(
    `SELECT subject FROM manifests WHERE repository_id = $1 AND digest = $2`,
    [repository, digest],
    (row) => optionalText(row, 'subject'),
  )
  return subject as Digest | null
}

/** Every digest that a manifest of any repository refers to as a blob, each once. */
export function listReferredDigests(read: Read, page: DigestPage): Promise<Digest[]> {
  return read.all(
    `SELECT DISTINCT digest FROM manifest_blobs WHERE digest > $1 ORDER BY digest LIMIT $2`,
    [page.after, page.limit],
    digestColumn,
  )
}

/** Every digest of a manifest of any repository, each once. */
export function listAllManifestDigests(read: Read, page: DigestPage): Promise<Digest[]> {
  return read.all(
    `SELECT DISTINCT digest FROM manifests WHERE digest > $1 ORDER BY digest LIMIT $2`,
    [page.after, page.limit],
    digestColumn,
  )
}

/** The manifests that refer to a blob, deleted ones among them. */
export function listUsers(
  read: Read,
  digest: Digest,
  page: {
    readonly after: { readonly repository: number; readonly manifest: string }
    readonly limit: number
  },
): Promise<ManifestPlace[]> {
  return read.all(
    `SELECT repository_id, manifest FROM manifest_blobs
     WHERE digest = $1 AND repository_id >= $2 AND (repository_id, manifest) > ($2, $3)
     ORDER BY repository_id, manifest LIMIT $4`,
    [digest, page.after.repository, page.after.manifest, page.limit],
    (row) => ({ repository: integer(row, 'repository_id'), manifest: text(row, 'manifest') as Digest }),
  )
}

/** The repositories that have the manifest. */
export function listRepositoriesWithManifest(
  read: Read,
  digest: Digest,
  page: { readonly after: number; readonly limit: number },
): Promise<number[]> {
  return read.all(
    `SELECT repository_id FROM manifests WHERE digest = $1 AND repository_id > $2 ORDER BY repository_id LIMIT $3`,
    [digest, page.after, page.limit],
    (row) => integer(row, 'repository_id'),
  )
}

/** Whether the manifest lies in the trash. */
export function isManifestTrashed(read: Read, { repository, manifest }: ManifestPlace): Promise<boolean> {
  return exists(read, `SELECT 1 FROM trashed_manifests WHERE repository_id = $1 AND digest = $2 LIMIT 1`, [
    repository,
    manifest,
  ])
}

/** Whether the manifest lies in the trash, of whichever repository. */
export function isDigestTrashed(read: Read, digest: Digest): Promise<boolean> {
  return exists(read, `SELECT 1 FROM trashed_manifests WHERE digest = $1 LIMIT 1`, [digest])
}

function digestColumn(row: Row): Digest {
  return text(row, 'digest') as Digest
}
