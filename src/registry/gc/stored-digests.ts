/**
 * Every digest that has bytes in the tree, folder by folder: also of content that no repository knows any more, as
 * another registry leaves it behind. Files and folders that are none of distribution's are passed over.
 */
import { type Digest, isDigest } from '../../oci/digest.ts'
import { blobsFolder } from '../../storage/layout.ts'
import type { TreeStore } from '../../storage/tree-store.ts'

export type ListFolder = Pick<TreeStore, 'list'>

/** One folder of content, `sha256/ab`: a few thousand digests where a registry has a million. */
export interface StoredFolder {
  readonly place: string
  readonly digests: readonly Digest[]
}

const ALGORITHMS = ['sha256', 'sha512'] as const
const PREFIX = /^[0-9a-f]{2}$/

/** The first folder after a place ('' for the first of all), or null where there is none. Throws StorageUnavailable. */
export async function findStoredFolder(files: ListFolder, after: string): Promise<StoredFolder | null> {
  for (const algorithm of ALGORITHMS) {
    if (`${algorithm}/ff` <= after) continue
    const prefixes = (await files.list(`${blobsFolder}/${algorithm}`)).filter((name) => PREFIX.test(name))
    const prefix = prefixes.find((name) => `${algorithm}/${name}` > after)
    if (prefix === undefined) continue
    const place = `${algorithm}/${prefix}`
    const names = await files.list(`${blobsFolder}/${place}`)
    return { place, digests: names.map((name) => `${algorithm}:${name}`).filter(isDigest) }
  }
  return null
}
