/** Tags: list and delete. Pushing one is part of pushing its manifest. */
import type { Database } from '../metadata/database.ts'
import { findRepositoryId } from '../metadata/repositories.ts'
import { listTags } from '../metadata/tags.ts'
import { RegistryError } from '../oci/errors.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { Tag } from '../oci/tag.ts'
import { type Page, type PageRequest, pageOf } from './page.ts'
import type { Registry } from './registry.ts'
import { deleteTagCommand } from './tags.commands.ts'

/** One page of tags in byte order (distribution-spec "Listing Tags"). Throws NAME_UNKNOWN. */
export async function listRepositoryTags(
  database: Database,
  repository: RepositoryName,
  request: PageRequest,
): Promise<Page<Tag>> {
  const id = await findRepositoryId(database, repository)
  if (id === null)
    throw new RegistryError('NAME_UNKNOWN', `There is no repository ${repository}.`, { name: repository })
  return pageOf(request, (page) => listTags(database, id, page))
}

/** Takes one tag away and leaves the manifest and its other tags. Throws MANIFEST_UNKNOWN. */
export async function deleteTag(
  registry: Registry,
  input: { readonly repository: RepositoryName; readonly tag: Tag; readonly by: string },
): Promise<void> {
  await registry.database.write(deleteTagCommand, input)
}
