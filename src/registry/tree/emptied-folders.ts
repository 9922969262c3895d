/**
 * The folders that a deleted repository leaves behind: to registry:2, and to the next start, a repository is what has
 * folders. Only what is empty goes, one folder at a time, so nothing that another registry has written is ever removed.
 */
import type { RepositoryName } from '../../oci/repository-name.ts'
import { repositoriesFolder, repositoryFolder } from '../../storage/layout.ts'
import type { TreeStore } from '../../storage/tree-store.ts'

type Folders = Pick<TreeStore, 'list' | 'removeEmptyFolder'>

/** How many folders are looked into at once: whoever does it holds up others. */
const MOST_AT_ONCE = 2_000
/** Nothing of a repository lies deeper: `_manifests/tags/<tag>/index/<algorithm>/<hex>`. */
const DEEPEST = 7

/** False where there is more to do. Repositories inside this one (`a/b` in `a`) are left as they are. */
export async function removeEmptied(folders: Folders, name: RepositoryName): Promise<boolean> {
  const budget = { left: MOST_AT_ONCE, removed: 0 }
  const folder = repositoryFolder(name)
  for (const own of ['_layers', '_manifests', '_uploads']) await prune(folders, `${folder}/${own}`, budget)
  // Where none was empty among so many, another registry has filled them: then that is how it is.
  if (budget.left <= 0 && budget.removed > 0) return false
  for (let place = folder; place !== repositoriesFolder; place = place.slice(0, place.lastIndexOf('/'))) {
    if (!(await folders.removeEmptyFolder(place))) break
  }
  return true
}

interface Budget {
  /** How many folders may still be looked into. */
  left: number
  removed: number
}

/** Removes the folder, and those in it, as far as they are empty. False: it is still there. */
async function prune(folders: Folders, path: string, budget: Budget, depth = 1): Promise<boolean> {
  if (depth > DEEPEST || budget.left <= 0) return false
  budget.left--
  let isEmpty = true
  // A link has nothing in it either, and is not removed: it is no folder.
  for (const entry of await folders.list(path)) {
    isEmpty = (await prune(folders, `${path}/${entry}`, budget, depth + 1)) && isEmpty
  }
  const isGone = isEmpty && (await folders.removeEmptyFolder(path))
  if (isGone) budget.removed++
  return isGone
}
