/** What must hold of a repository after a race, by what its clients get and by what lies on the disk. */
import { expect } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { integer, text } from '../../src/metadata/row.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { RepositoryName } from '../../src/oci/repository-name.ts'
import { getBlob } from '../../src/registry/blobs.ts'
import { getManifest } from '../../src/registry/manifests.ts'
import { blobDataPath, layerLinkPath, revisionLinkPath } from '../../src/storage/layout.ts'
import type { Table } from './race.ts'

/** Everything that is there can be read, links and files agree with the rows, and what lies in the trash has all that it needs. */
export async function expectWhole(table: Table, repository: RepositoryName): Promise<void> {
  const [row] = await table.rows('SELECT id FROM repositories WHERE name = $1', [repository])
  const id = row === undefined ? 0 : integer(row, 'id')
  const digests = async (sql: string) =>
    (await table.rows(sql, [id])).map((each) => text(each, 'digest') as Digest)
  const manifests = await digests('SELECT digest FROM manifests WHERE repository_id = $1')
  for (const manifest of manifests) await expectManifest(table, repository, manifest)
  const linked = await digests('SELECT digest FROM repository_blobs WHERE repository_id = $1')
  for (const blob of linked) await expectBlob(table, repository, blob)
  const needed = await digests('SELECT digest FROM manifest_blobs WHERE repository_id = $1')
  for (const blob of needed) expectBytes(table, blob)
  const trashed = await digests('SELECT digest FROM trashed_manifests WHERE repository_id = $1')
  for (const manifest of trashed) expect(await hasPayload(table, manifest)).toBe(true)
}

/** The repository has these manifests and no other. */
export async function expectManifests(
  { rows }: Table,
  repository: RepositoryName,
  digests: readonly Digest[],
): Promise<void> {
  const found = await rows(
    'SELECT digest FROM manifests WHERE repository_id = (SELECT id FROM repositories WHERE name = $1)',
    [repository],
  )
  expect(found.map((row) => text(row, 'digest'))).toEqual([...digests])
}

async function expectManifest(table: Table, repository: RepositoryName, digest: Digest): Promise<void> {
  const { bytes } = await getManifest(table.registry, repository, parseReference(digest))
  expect(digestOf(bytes)).toBe(digest)
  expectBytes(table, digest)
  expect(readFileSync(join(table.root, revisionLinkPath(repository, digest)), 'utf8')).toBe(digest)
}

async function expectBlob(table: Table, repository: RepositoryName, digest: Digest): Promise<void> {
  const { size } = await getBlob(table.registry, repository, digest)
  expect(size).toBe(expectBytes(table, digest))
  expect(readFileSync(join(table.root, layerLinkPath(repository, digest)), 'utf8')).toBe(digest)
}

/** Gives how many there are. */
function expectBytes({ root }: Table, digest: Digest): number {
  const bytes = readFileSync(join(root, blobDataPath(digest)))
  expect(digestOf(bytes)).toBe(digest)
  return bytes.length
}

async function hasPayload(table: Table, digest: Digest): Promise<boolean> {
  return (await table.rows('SELECT 1 FROM manifest_payloads WHERE digest = $1', [digest])).length > 0
}

/** Neither a row nor a file of the blob is left. */
export async function expectGone(table: Table, digest: Digest): Promise<void> {
  expect(existsSync(join(table.root, blobDataPath(digest)))).toBe(false)
  for (const from of ['blobs', 'repository_blobs', 'gc_reviews', 'manifest_blobs']) {
    expect(await table.rows(`SELECT digest FROM ${from} WHERE digest = $1`, [digest])).toEqual([])
  }
}
