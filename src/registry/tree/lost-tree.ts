/** Tells a tree that was lost, or is not mounted, from one in which nothing durable has ever been. */
import type { Read } from '../../metadata/database.ts'
import { listManifestDigests } from '../../metadata/garbage.ts'
import { findRepositoryId, listRepositoryNames } from '../../metadata/repositories.ts'
import { hasTreeDirt } from '../../metadata/tree.ts'

/** So many of each are looked at: a manifest that is not durable yet is marked, and few are at a time. */
const REPOSITORIES = 100
const MANIFESTS = 100

/** Whether the database knows a manifest whose link in the tree has survived every power loss. */
export async function hasDurableManifest(read: Read): Promise<boolean> {
  for (const name of await listRepositoryNames(
    read,
    { kind: 'everything' },
    { after: '', limit: REPOSITORIES },
  )) {
    const repositoryId = await findRepositoryId(read, name)
    if (repositoryId === null) continue
    for (const key of await listManifestDigests(read, repositoryId, { after: '', limit: MANIFESTS })) {
      if (!(await hasTreeDirt(read, { kind: 'revision', repositoryId, key }))) return true
    }
  }
  return false
}
