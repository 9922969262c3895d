/** Repositories as a whole: their list, and deleting one. */
import type { Read } from '../metadata/database.ts'
import {
  findRepositoryId,
  listRepositoryNames,
  type RepositoryId,
  type Scope,
} from '../metadata/repositories.ts'
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
import { type StepTime, UNLIMITED } from './step-time.ts'
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
  if (trash === null) throw unknownRepository(input.repository)
  await fillDeletion(registry, trash)
  return trash
}

/** Goes on with a deletion until it is whole; false where the time was over before. Throws TrashBusy. */
export async function fillDeletion(registry: Registry, trash: TrashId, time = UNLIMITED): Promise<boolean> {
  const { database, blobs, policy } = registry
  const { lease } = policy.collection
  const kinds: readonly ((after: string) => Promise<NextStep>)[] = [
    (after) => database.write(deleteManifestsCommand, { trash, after, lease }),
    async (after) => {
      const { next, files } = await database.write(cancelUploadsCommand, { trash, after, lease })
      for (const file of files) await blobs.discard(file)
      return next
    },
    (after) => database.write(dropLinksCommand, { trash, after, lease }),
  ]
  for (const step of kinds) if (!(await eachStep(trash, step, time))) return false
  await database.write(endRepositoryDeletionCommand, { trash })
  return true
}

/** False: the time was over, and more of this kind is left. */
async function eachStep(
  trash: TrashId,
  step: (after: string) => Promise<NextStep>,
  time: StepTime,
): Promise<boolean> {
  for (let after: NextStep = ''; ; ) {
    after = await step(after)
    if (after === null) return true
    if (after === 'lost')
      throw new TrashBusy(`The deletion ${trash} has been restored or ended by somebody else.`)
    if (time.isOver) return false
  }
}

function isIn(scope: Scope, name: RepositoryName): boolean {
  return scope.kind === 'everything' || scope.names.includes(name)
}

/** Throws NAME_UNKNOWN. */
export async function getRepositoryId(read: Read, repository: RepositoryName): Promise<RepositoryId> {
  const id = await findRepositoryId(read, repository)
  if (id === null) throw unknownRepository(repository)
  return id
}

export function unknownRepository(repository: RepositoryName): RegistryError {
  return new RegistryError('NAME_UNKNOWN', `There is no repository ${repository}.`, { name: repository })
}
