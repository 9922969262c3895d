/** Manifests, their exact bytes, and the edges to what they refer to. */
import type { Digest } from '../oci/digest.ts'
import type { MediaType } from '../oci/media-type.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { Tag } from '../oci/tag.ts'
import { chunksOf, rowsWith } from './chunks.ts'
import type { Read, Row, SqlValue, Transaction } from './database.ts'
import { findDigestsAmong } from './digests-among.ts'
import { insertRows } from './many-rows.ts'
import { insertPayload, raisePayload } from './payloads.ts'
import type { RepositoryId } from './repositories.ts'
import { bytes, exists, integer, text } from './row.ts'
import { noteBlobUsage } from './usage-changes.ts'

/** What a HEAD says of a manifest. `size` is bytes. */
export interface ManifestFacts {
  readonly digest: Digest
  readonly mediaType: MediaType
  readonly size: number
}

export interface ManifestContent extends ManifestFacts {
  readonly bytes: Uint8Array
}

/** A manifest as it is inserted. `annotations` is JSON, kept only of what has a subject: for the referrers list. */
export interface NewManifest extends ManifestContent {
  readonly artifactType: MediaType | null
  readonly subject: Digest | null
  readonly annotations: string | null
  readonly pushedBy: string
}

// One table and scalar subqueries, no join: SQLite plans a join anew whenever values are bound to it, which
// costs ten times what finding the row does.
const FACTS = 'digest, media_type, size'
const BYTES =
  '(SELECT bytes FROM manifest_payloads WHERE manifest_payloads.digest = manifests.digest) AS bytes'
const REPOSITORY = '(SELECT id FROM repositories WHERE name = $1)'
const TAGGED = `(SELECT tags.digest FROM tags WHERE tags.repository_id = ${REPOSITORY} AND tags.name = $2)`
const BY_TAG = `FROM manifests WHERE repository_id = ${REPOSITORY} AND digest = ${TAGGED}`
const BY_DIGEST = `FROM manifests WHERE repository_id = ${REPOSITORY} AND digest = $2`

export function findManifestFactsByTag(
  read: Read,
  repository: RepositoryName,
  tag: Tag,
): Promise<ManifestFacts | null> {
  return read.one(`SELECT ${FACTS} ${BY_TAG}`, [repository, tag], manifestFacts)
}

export function findManifestFacts(
  read: Read,
  repository: RepositoryName,
  digest: Digest,
): Promise<ManifestFacts | null> {
  return read.one(`SELECT ${FACTS} ${BY_DIGEST}`, [repository, digest], manifestFacts)
}

/** Which of these manifests the repository has. */
export function findManifestDigests(
  read: Read,
  repository: RepositoryId,
  digests: readonly Digest[],
): Promise<Set<Digest>> {
  const rows = 'manifests WHERE repository_id = $1 AND digest = column1'
  return findDigestsAmong(read, repository, digests, rows)
}

export function findManifestByTag(
  read: Read,
  repository: RepositoryName,
  tag: Tag,
): Promise<ManifestContent | null> {
  return read.one(`SELECT ${FACTS}, ${BYTES} ${BY_TAG}`, [repository, tag], manifestContent)
}

export function findManifest(
  read: Read,
  repository: RepositoryName,
  digest: Digest,
): Promise<ManifestContent | null> {
  return read.one(`SELECT ${FACTS}, ${BYTES} ${BY_DIGEST}`, [repository, digest], manifestContent)
}

/** The exact bytes of a manifest, whichever repository has it. */
export function findPayload(read: Read, digest: Digest): Promise<Uint8Array | null> {
  return read.one(`SELECT bytes FROM manifest_payloads WHERE digest = $1`, [digest], (row) =>
    bytes(row, 'bytes'),
  )
}

export function hasManifest(read: Read, repository: number, digest: Digest): Promise<boolean> {
  return exists(read, `SELECT 1 FROM manifests WHERE repository_id = $1 AND digest = $2`, [
    repository,
    digest,
  ])
}

const MANIFEST_COLUMNS =
  'repository_id, digest, media_type, artifact_type, subject, annotations, annotations_length, size, pushed_by, created_at'

function manifestRow(repository: RepositoryId, manifest: NewManifest, createdAt: number): SqlValue[] {
  return [
    repository,
    manifest.digest,
    manifest.mediaType,
    manifest.artifactType ?? '',
    manifest.subject,
    manifest.annotations,
    Buffer.byteLength(manifest.annotations ?? ''),
    manifest.size,
    manifest.pushedBy,
    createdAt,
  ]
}

/** True when the repository did not have the manifest before. */
export async function insertManifest(
  tx: Transaction,
  repository: RepositoryId,
  manifest: NewManifest,
): Promise<boolean> {
  const { digest } = manifest
  const isNewPayload = await insertPayload(tx, digest, manifest.bytes)
  const inserted = await tx.run(
    `INSERT INTO manifests (${MANIFEST_COLUMNS})
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (repository_id, digest) DO NOTHING`,
    manifestRow(repository, manifest, tx.now),
  )
  if (inserted === 1 && !isNewPayload) await needPayload(tx, manifest)
  // The manifest was there, but its bytes had been lost, or others were in their place.
  if (inserted !== 1 && isNewPayload) await noteBlobUsage(tx, [{ repository: 0, digest }])
  return inserted === 1
}

/** Of bytes that were there before its row: they may have been about to go with the trash. */
async function needPayload(
  tx: Transaction,
  { digest, bytes: content }: Pick<NewManifest, 'digest' | 'bytes'>,
): Promise<void> {
  if (!(await raisePayload(tx, digest))) await insertPayload(tx, digest, content)
}

/** The index's children. Edges already there stay: the manifest may be coming back while its older self lies in the trash. */
export async function insertChildren(
  tx: Transaction,
  repository: RepositoryId,
  parent: Digest,
  children: readonly Digest[],
): Promise<void> {
  for (const chunk of chunksOf(children)) {
    await tx.run(
      `INSERT INTO manifest_references (repository_id, parent, child) VALUES ${rowsWith(2, chunk.length)}
       ON CONFLICT (repository_id, parent, child) DO NOTHING`,
      [repository, parent, ...chunk],
    )
  }
}

/** The manifest's use of blobs: what keeps them from being collected. */
export async function insertManifestBlobs(
  tx: Transaction,
  repository: RepositoryId,
  manifest: Digest,
  blobs: readonly Digest[],
): Promise<void> {
  for (const chunk of chunksOf(blobs)) {
    await tx.run(
      `INSERT INTO manifest_blobs (repository_id, manifest, digest) VALUES ${rowsWith(2, chunk.length)}
       ON CONFLICT (repository_id, manifest, digest) DO NOTHING`,
      [repository, manifest, ...chunk],
    )
  }
}

/**
 * Holds the row until the transaction ends, so that nobody deletes a manifest that is being given a tag.
 * False: it is not there.
 */
export async function holdManifest(
  tx: Transaction,
  repository: RepositoryId,
  digest: Digest,
): Promise<boolean> {
  const held = await tx.run(`UPDATE manifests SET size = size WHERE repository_id = $1 AND digest = $2`, [
    repository,
    digest,
  ])
  return held === 1
}

/** Takes the row away; the edges and the bytes stay for as long as the trash may want them back. False: there was none. */
export async function deleteManifest(
  tx: Transaction,
  repository: RepositoryId,
  digest: Digest,
): Promise<boolean> {
  const deleted = await tx.run(`DELETE FROM manifests WHERE repository_id = $1 AND digest = $2`, [
    repository,
    digest,
  ])
  return deleted === 1
}

/** At most `limit` manifests of the repository after `after`, in order of their digests, with the time of each push. */
export function listManifestTimes(
  read: Read,
  repository: RepositoryId,
  page: { readonly after: string; readonly limit: number },
): Promise<{ readonly digest: Digest; readonly createdAt: number }[]> {
  return read.all(
    `SELECT digest, created_at FROM manifests WHERE repository_id = $1 AND digest > $2 ORDER BY digest LIMIT $3`,
    [repository, page.after, page.limit],
    (row) => ({ digest: text(row, 'digest') as Digest, createdAt: integer(row, 'created_at') }),
  )
}

/** Whether the repository has any. */
export function hasManifests(read: Read, repository: RepositoryId): Promise<boolean> {
  return exists(
    read,
    `SELECT 1 FROM manifests WHERE repository_id = $1 AND digest > '' ORDER BY digest LIMIT 1`,
    [repository],
  )
}

/** A manifest that was found in the link tree. */
export interface FoundManifest extends Omit<NewManifest, 'pushedBy'> {
  readonly children: readonly Digest[]
  readonly blobs: readonly Digest[]
  /** Since when, in milliseconds since 1970. */
  readonly foundSince: number
}

/** Stores manifests that are not there yet, with their edges. */
export async function insertFoundManifests(
  tx: Transaction,
  repository: RepositoryId,
  found: readonly FoundManifest[],
  pushedBy: string,
): Promise<void> {
  const nothing = 'DO NOTHING'
  const newPayloads = await insertRows(tx, {
    into: 'manifest_payloads (digest, bytes)',
    rows: found.map(({ digest, bytes }) => [digest, bytes]),
    ending: `ON CONFLICT (digest) ${nothing}`,
  })
  await insertRows(tx, {
    into: `manifests (${MANIFEST_COLUMNS})`,
    rows: found.map((manifest) => manifestRow(repository, { ...manifest, pushedBy }, manifest.foundSince)),
    ending: `ON CONFLICT (repository_id, digest) ${nothing}`,
  })
  if (newPayloads < found.length) for (const manifest of found) await needPayload(tx, manifest)
  await insertRows(tx, {
    into: 'manifest_references (repository_id, parent, child)',
    rows: found.flatMap(({ digest, children }) => children.map((child) => [repository, digest, child])),
    ending: `ON CONFLICT (repository_id, parent, child) ${nothing}`,
  })
  await insertRows(tx, {
    into: 'manifest_blobs (repository_id, manifest, digest)',
    rows: found.flatMap(({ digest, blobs }) => blobs.map((blob) => [repository, digest, blob])),
    ending: `ON CONFLICT (repository_id, manifest, digest) ${nothing}`,
  })
}

function manifestFacts(row: Row): ManifestFacts {
  return {
    digest: text(row, 'digest') as Digest,
    mediaType: text(row, 'media_type') as MediaType,
    size: integer(row, 'size'),
  }
}

/** Null where its bytes were damaged and are forgotten (verify): then it counts as missing, and is pushed again. */
function manifestContent(row: Row): ManifestContent | null {
  return row['bytes'] === null ? null : { ...manifestFacts(row), bytes: bytes(row, 'bytes') }
}
