/**
 * What the folder holds and nobody can know what it needs: damaged manifests, tags whose links say nothing,
 * repositories that no name leads to. While there is one, nothing is garbage, as in registry:2, whose
 * `garbage-collect` ends there with an error.
 */
import type { Read } from '../../metadata/database.ts'
import { isManifestTrashed } from '../../metadata/garbage.ts'
import { hasManifest } from '../../metadata/manifests.ts'
import { findRepositoryName, type RepositoryId } from '../../metadata/repositories.ts'
import { findTagDigest } from '../../metadata/tags.ts'
import { listTornFiles, type TornPlace, type TornPosition } from '../../metadata/torn-files.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import type { Tag } from '../../oci/tag.ts'
import { revisionsFolder, tagFolder } from '../../storage/layout.ts'
import { findPassEnd } from '../tree/tree.commands.ts'
import type { KeepRules } from './kept.ts'

const AT_ONCE = 100

/** The first that is found, as a sentence with what to do; null where there is none. */
export async function findDoubt(
  read: Read,
  start: string,
  { deleteUntagged }: KeepRules,
): Promise<string | null> {
  const { nameless = null } = (await findPassEnd(read, start)) ?? {}
  if (nameless !== null) return ofNameless(nameless)
  const manifest = await findUnknown(read, 'manifest', ({ repository, key }) =>
    isManifestKnown(read, repository, key),
  )
  if (manifest !== null) return ofManifest(manifest.name, manifest.key)
  // Where untagged manifests stay, tags do not matter.
  const tag = deleteUntagged
    ? await findUnknown(
        read,
        'tag',
        async ({ repository, key }) => (await findTagDigest(read, repository, key)) !== null,
      )
    : null
  return tag === null ? null : ofTag(tag.name, tag.key)
}

/** What the deleted ones need is known too. */
async function isManifestKnown(read: Read, repository: RepositoryId, manifest: Digest): Promise<boolean> {
  return (
    (await hasManifest(read, repository, manifest)) ||
    (await isManifestTrashed(read, { repository, manifest }))
  )
}

interface Unknown<Key> {
  readonly name: RepositoryName
  readonly key: Key
}

/** The first torn file that no push has made known since. */
async function findUnknown<What extends 'manifest' | 'tag'>(
  read: Read,
  what: What,
  isKnown: (place: TornPlace<What>) => Promise<boolean>,
): Promise<Unknown<TornPlace<What>['key']> | null> {
  for (let after: TornPosition = { repository: 0, key: '' }; ; ) {
    const page = await listTornFiles(read, what, { after, limit: AT_ONCE })
    for (const place of page) {
      const name = (await isKnown(place)) ? null : await findRepositoryName(read, place.repository)
      if (name !== null) return { name, key: place.key }
    }
    const last = page.at(-1)
    if (last === undefined || page.length < AT_ONCE) return null
    after = last
  }
}

function ofNameless(folder: string): string {
  return (
    `The folder ${folder} holds images under a name that no client of Berth can ask for, so what they need is not ` +
    `known. Push them under another name with the registry that made them, remove the folder, start Berth again, and ask again when it has gone through.`
  )
}

function ofManifest(name: RepositoryName, digest: Digest): string {
  const folder = `${revisionsFolder(name)}/${digest.replace(':', '/')}`
  return (
    `The manifest ${digest} of ${name} is damaged or gone, so what it needs is not known. Push it again; or stop ` +
    `Berth, remove the folder ${folder}, start Berth, and ask again when it has gone through the folder.`
  )
}

function ofTag(name: RepositoryName, tag: Tag): string {
  return (
    `The tag ${tag} of ${name} is damaged, so which manifest it keeps is not known. Push it again; or stop Berth, ` +
    `remove the folder ${tagFolder(name, tag)}, start Berth, and ask again when it has gone through the folder.`
  )
}
