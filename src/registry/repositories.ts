/** Repositories as a whole: for now, their list. */
import { listRepositoryNames, type Scope } from '../metadata/repositories.ts'
import { byFolders, type RepositoryName } from '../oci/repository-name.ts'
import { type Page, type PageRequest, pageOf } from './page.ts'
import type { RegistryReads } from './registry.ts'
import { listUncheckedNames } from './tree/unchecked-reads.ts'

/** One page of the repositories in scope that have, or had, a manifest; in distribution's order. */
export function listRepositories(
  registry: RegistryReads,
  scope: Scope,
  request: PageRequest,
): Promise<Page<RepositoryName>> {
  const { database, tree } = registry
  return pageOf(request, async (page) => {
    const known = await listRepositoryNames(database, scope, page)
    if (tree === null || tree.isChecked || tree.areNamesKnown) return known
    const found = await listUncheckedNames(tree.files, page, (name) => isIn(scope, name))
    return [...new Set([...known, ...found])].sort(byFolders).slice(0, page.limit)
  })
}

function isIn(scope: Scope, name: RepositoryName): boolean {
  return scope.kind === 'everything' || scope.names.includes(name)
}
