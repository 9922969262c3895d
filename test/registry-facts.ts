/** What a test wants to know of a registry's database and link tree, read without the code that it tests. */
import { expect } from 'bun:test'
import { join } from 'node:path'
import type { Row } from '../src/metadata/database.ts'
import { findPayload } from '../src/metadata/manifests.ts'
import { integer, optionalInteger, optionalText, text } from '../src/metadata/row.ts'
import type { Digest } from '../src/oci/digest.ts'
import type { RepositoryName } from '../src/oci/repository-name.ts'
import { blobDataPath, repositoryFolder } from '../src/storage/layout.ts'
import type { TreeStore } from '../src/storage/tree-store.ts'
import type { Bench } from './registry-bench.ts'

const OF_REPOSITORY = 'repository_id = (SELECT id FROM repositories WHERE name = $1)'

/** Tag → digest. */
export async function tagsOf(bench: Bench, repository: RepositoryName): Promise<Record<string, string>> {
  const rows = await bench.rows(`SELECT name, digest FROM tags WHERE ${OF_REPOSITORY} ORDER BY name`, [
    repository,
  ])
  return Object.fromEntries(rows.map((row) => [text(row, 'name'), text(row, 'digest')]))
}

export interface TagInterval {
  readonly tag: string
  readonly digest: string
  readonly by: string
  readonly isOpen: boolean
}

/** Every interval in which a tag named something, oldest first. */
export async function historyOf(bench: Bench, repository: RepositoryName): Promise<TagInterval[]> {
  const rows = await bench.rows(
    `SELECT name, digest, moved_by, until_at FROM tag_history WHERE ${OF_REPOSITORY} ORDER BY id`,
    [repository],
  )
  return rows.map((row) => ({
    tag: text(row, 'name'),
    digest: text(row, 'digest'),
    by: text(row, 'moved_by'),
    isOpen: optionalInteger(row, 'until_at') === null,
  }))
}

/** What the outbox holds of a repository, oldest first. */
export async function eventsOf(bench: Bench, repository: RepositoryName): Promise<Record<string, unknown>[]> {
  const rows = await bench.rows(`SELECT kind, actor, facts FROM events WHERE ${OF_REPOSITORY} ORDER BY id`, [
    repository,
  ])
  return rows.map((row) => ({
    kind: text(row, 'kind'),
    by: text(row, 'actor'),
    ...(JSON.parse(text(row, 'facts')) as Record<string, unknown>),
  }))
}

/** Each deletion with what it took along, oldest first. */
export async function trashOf(bench: Bench, repository: RepositoryName): Promise<Record<string, unknown>[]> {
  const deletions = await bench.rows(
    `SELECT id, what, deleted_by FROM trash WHERE ${OF_REPOSITORY} ORDER BY id`,
    [repository],
  )
  return await Promise.all(deletions.map((row) => deletionOf(bench, row)))
}

async function deletionOf(bench: Bench, row: Row): Promise<Record<string, unknown>> {
  const id = integer(row, 'id')
  const manifests = await bench.rows('SELECT digest FROM trashed_manifests WHERE trash_id = $1', [id])
  const tags = await bench.rows('SELECT name, digest FROM trashed_tags WHERE trash_id = $1 ORDER BY name', [
    id,
  ])
  return {
    what: text(row, 'what'),
    by: text(row, 'deleted_by'),
    manifests: manifests.map((each) => text(each, 'digest')),
    tags: Object.fromEntries(tags.map((each) => [text(each, 'name'), text(each, 'digest')])),
  }
}

/** What collection is to look at because of this digest: `reason` of each place, `0` standing for the blob itself. */
export async function reviewsOf(bench: Bench, digest: Digest): Promise<string[]> {
  const rows = await bench.rows(
    'SELECT repository_id, reason FROM gc_reviews WHERE digest = $1 ORDER BY repository_id',
    [digest],
  )
  return rows.map((row) => (integer(row, 'repository_id') === 0 ? 'blob: ' : 'here: ') + text(row, 'reason'))
}

export interface BlobFacts {
  readonly size: number
  readonly state: string
  readonly epoch: number
  readonly leaseUntil: number
}

export async function blobFacts(bench: Bench, digest: Digest): Promise<BlobFacts | null> {
  const [row] = await bench.rows('SELECT size, state, epoch, lease_until FROM blobs WHERE digest = $1', [
    digest,
  ])
  if (row === undefined) return null
  return {
    size: integer(row, 'size'),
    state: text(row, 'state'),
    epoch: integer(row, 'epoch'),
    leaseUntil: integer(row, 'lease_until'),
  }
}

/** What a manifest is written down to use: children first, then blobs. Sorted. */
export async function edgesOf(bench: Bench, repository: RepositoryName, manifest: Digest) {
  const children = await bench.rows(
    `SELECT child FROM manifest_references WHERE ${OF_REPOSITORY} AND parent = $2 ORDER BY child`,
    [repository, manifest],
  )
  const blobs = await bench.rows(
    `SELECT digest FROM manifest_blobs WHERE ${OF_REPOSITORY} AND manifest = $2 ORDER BY digest`,
    [repository, manifest],
  )
  return {
    children: children.map((row) => text(row, 'child')),
    blobs: blobs.map((row) => text(row, 'digest')),
  }
}

/** The marks of a repository's paths, oldest first: `kind key = value`. */
export async function marksOf(bench: Bench, repository: RepositoryName): Promise<string[]> {
  const rows = await bench.rows(
    `SELECT kind, key, value FROM tree_dirty WHERE ${OF_REPOSITORY} ORDER BY id`,
    [repository],
  )
  return rows.map((row) => `${text(row, 'kind')} ${text(row, 'key')} = ${optionalText(row, 'value')}`)
}

/** Where the bytes of a blob lie, when the storage is the filesystem. */
export function fileOf(bench: Bench, digest: Digest): string {
  return join(bench.root, blobDataPath(digest))
}

/** Every file of a repository's folder in the link tree, with what it holds; paths are relative to the folder. */
export async function treeOf(
  files: TreeStore,
  repository: RepositoryName,
): Promise<Readonly<Record<string, string>>> {
  const folder = repositoryFolder(repository)
  const found: [string, string][] = []
  for await (const path of walk(files, folder)) {
    const bytes = await files.read(path)
    found.push([path.slice(folder.length + 1), new TextDecoder().decode(bytes ?? undefined)])
  }
  return Object.fromEntries(found)
}

/** Names of the tag folders that are there, empty ones too: `registry:2` takes each of them for a tag. */
export function tagFoldersOf(files: TreeStore, repository: RepositoryName): Promise<string[]> {
  return files.list(`${repositoryFolder(repository)}/_manifests/tags`)
}

async function* walk(files: TreeStore, folder: string): AsyncGenerator<string> {
  const names = await files.list(folder).catch(() => [])
  for (const name of names) {
    const path = `${folder}/${name}`
    if (name === 'link' || name === 'data') yield path
    else yield* walk(files, path)
  }
}

/** The bytes of a manifest in the link tree, which are those of the database. */
export async function dataOf({ files, database }: Bench, digest: Digest): Promise<Uint8Array> {
  const bytes = new Uint8Array((await files.read(blobDataPath(digest))) ?? [])
  expect(bytes).toEqual(new Uint8Array((await findPayload(database, digest)) ?? []))
  return bytes
}
