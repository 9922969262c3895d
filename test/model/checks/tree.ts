/** The link tree shows what the database says, and nothing else. To be asked when everything has been shown. */
import type { Row } from '../../../src/metadata/database.ts'
import { text } from '../../../src/metadata/row.ts'
import { algorithmOf, type Digest, hexOf } from '../../../src/oci/digest.ts'
import type { RepositoryName } from '../../../src/oci/repository-name.ts'
import { blobDataPath } from '../../../src/storage/layout.ts'
import { tagFoldersOf, treeOf } from '../../registry-facts.ts'
import { nameOf, REPOSITORIES } from '../stock.ts'
import type { World } from '../world.ts'

export async function requireTree(world: World): Promise<void> {
  for (const repository of REPOSITORIES) {
    const wanted = await linksOf(world, repository)
    const found = await treeOf(world.files, repository)
    const wrong = [...new Set([...Object.keys(wanted), ...Object.keys(found)])]
      .filter((path) => isOwn(path) && wanted[path] !== found[path])
      .map((path) => `${path} holds ${found[path] ?? 'nothing'}, not ${wanted[path] ?? 'nothing'}`)
    if (wrong.length > 0) throw new Error(`the link tree of ${repository} differs:\n${wrong.join('\n')}`)
    await requireTagFolders(world, repository)
  }
  for (const row of await world.rows('SELECT digest FROM manifest_payloads')) {
    const digest = text(row, 'digest') as Digest
    if ((await world.files.stat(blobDataPath(digest))) === null)
      throw new Error(`the bytes of ${nameOf(digest)} are not in the tree`)
  }
}

async function requireTagFolders(world: World, repository: RepositoryName): Promise<void> {
  const folders = (await tagFoldersOf(world.files, repository)).join(' ')
  const tags = (await rowsOf(world, 'tags', repository)).map((row) => text(row, 'name')).join(' ')
  if (folders !== tags)
    throw new Error(`registry:2 would find the tags ${folders} in ${repository}, not ${tags}`)
}

/** Neither of a repository inside of this one, nor one of the links that stay when a tag moves on. */
function isOwn(path: string): boolean {
  return path.startsWith('_') && !/^_manifests\/tags\/[^/]+\/index\//.test(path)
}

async function linksOf(world: World, repository: RepositoryName): Promise<Record<string, string>> {
  const tags = await rowsOf(world, 'tags', repository)
  const manifests = await rowsOf(world, 'manifests', repository)
  const blobs = await rowsOf(world, 'repository_blobs', repository)
  return Object.fromEntries([
    ...tags.map((row) => [`_manifests/tags/${text(row, 'name')}/current/link`, text(row, 'digest')]),
    ...manifests.map((row) => [`_manifests/revisions/${folderOf(row)}/link`, text(row, 'digest')]),
    ...blobs.map((row) => [`_layers/${folderOf(row)}/link`, text(row, 'digest')]),
  ])
}

function folderOf(row: Row): string {
  const digest = text(row, 'digest') as Digest
  return `${algorithmOf(digest)}/${hexOf(digest)}`
}

function rowsOf(world: World, table: 'tags' | 'manifests' | 'repository_blobs', repository: RepositoryName) {
  const order = table === 'tags' ? 'name' : 'digest'
  return world.rows(
    `SELECT * FROM ${table} WHERE repository_id = (SELECT id FROM repositories WHERE name = $1) ORDER BY ${order}`,
    [repository],
  )
}
