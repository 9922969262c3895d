/** Repositories as a whole: for now, their list. */
import type { Database } from '../metadata/database.ts'
import { listRepositoryNames, type Scope } from '../metadata/repositories.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { type Page, type PageRequest, pageOf } from './page.ts'

/** One page of the repositories in scope that have, or had, a manifest; in byte order. */
export function listRepositories(
  database: Database,
  scope: Scope,
  request: PageRequest,
): Promise<Page<RepositoryName>> {
  return pageOf(request, (page) => listRepositoryNames(database, scope, page))
}
