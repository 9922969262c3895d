/** Repositories as a whole: their list, and deleting one. */
import { listRepositoryNames, type Scope } from '../metadata/repositories.ts'
import type { TrashId } from '../metadata/trash.ts'
import { RegistryError } from '../oci/errors.ts'
import { byFolders, type RepositoryName } from '../oci/repository-name.ts'
import { type Page, type PageRequest, pageOf } from './page.ts'
import { type Registry, type RegistryReads, requireChecked } from './registry.ts'
import {
  beginRepositoryDeletionCommand,
  cancelUploadsCommand,
  deleteManifestsCommand,
  dropLinksCommand,
  endRepositoryDeletionCommand,
  type NextStep,
} from './repositories.commands.ts'
import { TrashBusy } from './trash-errors.ts'
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

/**
 * Deletes a repository: its manifests, tags and links go into the trash as one deletion, which `restoreTrash` takes
 * back; its uploads in progress end. What is pushed meanwhile stays, and makes the repository live again. The same call
 * goes on with what a crash has interrupted. Gives the deletion.
 * Throws NAME_UNKNOWN, TrashBusy where it is restored at this moment, StorageUnavailable, DatabaseUnavailable.
 */
export async function deleteRepository(
  registry: Registry,
  input: { readonly repository: RepositoryName; readonly by: string },
): Promise<TrashId> {
  await requireChecked(registry, input.repository)
  const trash = await registry.database.write(beginRepositoryDeletionCommand, input)
  if (trash === null) {
    const { repository: name } = input
    throw new RegistryError('NAME_UNKNOWN', `There is no repository ${name}.`, { name })
  }
  await fillDeletion(registry, trash)
  return trash
}

/** Goes on with a deletion until it is whole. Throws TrashBusy. */
export async function fillDeletion(registry: Registry, trash: TrashId): Promise<void> {
  const { database, blobs, policy } = registry
  const { lease } = policy.collection
  await eachStep(trash, (after) => database.write(deleteManifestsCommand, { trash, after, lease }))
  await eachStep(trash, async (after) => {
    const { next, files } = await database.write(cancelUploadsCommand, { trash, after, lease })
    for (const file of files) await blobs.discard(file)
    return next
  })
  await eachStep(trash, (after) => database.write(dropLinksCommand, { trash, after, lease }))
  await database.write(endRepositoryDeletionCommand, { trash })
}

async function eachStep(trash: TrashId, step: (after: string) => Promise<NextStep>): Promise<void> {
  for (let after: NextStep = ''; after !== null; ) {
    after = await step(after)
    if (after === 'lost')
      throw new TrashBusy(`The deletion ${trash} has been restored or ended by somebody else.`)
  }
}

function isIn(scope: Scope, name: RepositoryName): boolean {
  return scope.kind === 'everything' || scope.names.includes(name)
}
