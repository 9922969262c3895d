/** Tags: list and delete. Pushing one is part of pushing its manifest. */
import { findRepositoryId } from '../metadata/repositories.ts'
import { listTags } from '../metadata/tags.ts'
import { RegistryError } from '../oci/errors.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { Tag } from '../oci/tag.ts'
import { type Page, type PageRequest, pageOf } from './page.ts'
import { findUnchecked, type Registry, type RegistryReads, requireChecked } from './registry.ts'
import { deleteTagCommand } from './tags.commands.ts'
import { isThere, listUncheckedTags } from './tree/unchecked-reads.ts'

/** One page of tags in byte order (distribution-spec "Listing Tags"). Throws NAME_UNKNOWN. */
export async function listRepositoryTags(
  registry: RegistryReads,
  repository: RepositoryName,
  request: PageRequest,
): Promise<Page<Tag>> {
  const unchecked = await findUnchecked(registry, repository)
  if (unchecked !== null) {
    if (!(await isThere(unchecked))) throw unknownRepository(repository)
    return await pageOf(request, (page) => listUncheckedTags(unchecked, page))
  }
  const id = await findRepositoryId(registry.database, repository)
  if (id === null) throw unknownRepository(repository)
  return await pageOf(request, (page) => listTags(registry.database, id, page))
}

/** Takes one tag away and leaves the manifest and its other tags. Throws MANIFEST_UNKNOWN. */
export async function deleteTag(
  registry: Registry,
  input: { readonly repository: RepositoryName; readonly tag: Tag; readonly by: string },
): Promise<void> {
  await requireChecked(registry, input.repository)
  const { lease } = registry.policy.collection
  await registry.database.write(deleteTagCommand, { ...input, lease })
}

function unknownRepository(repository: RepositoryName): RegistryError {
  return new RegistryError('NAME_UNKNOWN', `There is no repository ${repository}.`, { name: repository })
}
