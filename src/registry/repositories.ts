/** Repositories as a whole: for now, their list. */
import { listRepositoryNames, type Scope } from '../metadata/repositories.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { type Page, type PageRequest, pageOf } from './page.ts'
import type { RegistryReads } from './registry.ts'
import { listUncheckedNames } from './tree/unchecked-reads.ts'

/** One page of the repositories in scope that have, or had, a manifest; in byte order. */
export function listRepositories(
  registry: RegistryReads,
  scope: Scope,
  request: PageRequest,
): Promise<Page<RepositoryName>> {
  const { database, tree } = registry
  return pageOf(request, async (page) => {
    const known = await listRepositoryNames(database, scope, page)
    if (tree === null || tree.isChecked || tree.areNamesKnown) return known
    return merged(known, await listUncheckedNames(tree.files, page), page.limit)
  })
}

/** The first names of two lists that are in byte order. */
function merged(
  one: readonly RepositoryName[],
  other: readonly RepositoryName[],
  limit: number,
): RepositoryName[] {
  return [...new Set([...one, ...other])].sort().slice(0, limit)
}
