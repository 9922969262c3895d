/** What still needs a digest's bytes: a kept manifest of any repository, or one in the trash, or nothing. */
import type { Read } from '../../metadata/database.ts'
import {
  isDigestTrashed,
  isManifestTrashed,
  listRepositoriesWithManifest,
  listUsers,
} from '../../metadata/garbage.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Kept } from './kept.ts'

const AT_ONCE = 100

export type Usage = 'kept' | 'trash' | 'none'

/** Whether a kept manifest refers to the digest as a blob, or, where none does, one in the trash. */
export async function usageAsBlob(read: Read, kept: Kept, digest: Digest): Promise<Usage> {
  let usage: Usage = 'none'
  for (let after = { repository: 0, manifest: '' }; ; ) {
    const users = await listUsers(read, digest, { after, limit: AT_ONCE })
    for (const user of users) {
      if (await kept.isKept(user)) return 'kept'
      if (usage === 'none' && (await isManifestTrashed(read, user))) usage = 'trash'
    }
    const last = users.at(-1)
    if (last === undefined || users.length < AT_ONCE) return usage
    after = last
  }
}

/** Whether a repository keeps the digest as a manifest, or, where none does, the trash. */
export async function usageAsManifest(read: Read, kept: Kept, digest: Digest): Promise<Usage> {
  for (let after = 0; ; ) {
    const repositories = await listRepositoriesWithManifest(read, digest, { after, limit: AT_ONCE })
    for (const repository of repositories) {
      if (await kept.isKept({ repository, manifest: digest })) return 'kept'
    }
    const last = repositories.at(-1)
    if (last === undefined || repositories.length < AT_ONCE) break
    after = last
  }
  return (await isDigestTrashed(read, digest)) ? 'trash' : 'none'
}

export async function usageOf(read: Read, kept: Kept, digest: Digest): Promise<Usage> {
  const asBlob = await usageAsBlob(read, kept, digest)
  if (asBlob === 'kept') return 'kept'
  const asManifest = await usageAsManifest(read, kept, digest)
  return asManifest === 'none' ? asBlob : asManifest
}
