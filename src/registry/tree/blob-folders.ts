/**
 * Looks for what does not belong into the folders above the repositories, and into those of the blobs. Blobs are
 * found by their digests and never by looking, for there may be millions: their folders are looked through once in
 * the life of a database, after everything else, and by `berth reindex`.
 */
import { isDigest, isDigestAlgorithm } from '../../oci/digest.ts'
import { berthFolder, blobsFolder, registryFolder, rootFolder } from '../../storage/layout.ts'
import { isFolder, listOwn, reportOdd, type TreeReader } from './odd-entries.ts'
import { endBlobLookCommand, hasLookedAtBlobs } from './tree.commands.ts'
import type { UncheckedTree } from './unchecked-tree.ts'

const DATA = 'data'

/** People keep certificates and passwords beside the images; below `docker` there are few folders, so each start looks. */
export async function lookAboveRepositories(reader: TreeReader): Promise<void> {
  const steps = registryFolder.split('/')
  for (const name of await reader.files.list(rootFolder)) {
    if (name !== berthFolder && name !== steps[0]) await reportOdd(reader, name)
  }
  for (const [depth, step] of steps.slice(1).entries()) {
    await listOwn(reader, steps.slice(0, depth + 1).join('/'), (name) => name === step)
  }
  await listOwn(reader, registryFolder, (name) => name === 'blobs' || name === 'repositories')
  for await (const _ of listPrefixes(reader));
}

/** Does nothing where an earlier start has done it. Ends early by the signal; then, and where a folder cannot be read (StorageUnavailable), the next start begins anew. */
export async function lookAtBlobsOnce(tree: UncheckedTree, signal: AbortSignal): Promise<void> {
  if (await hasLookedAtBlobs(tree.database)) return
  await lookAtBlobs(tree, signal)
  if (!signal.aborted) await tree.database.write(endBlobLookCommand, null)
}

/** Throws StorageUnavailable. */
export async function lookAtBlobs(reader: TreeReader, signal: AbortSignal): Promise<void> {
  for await (const { folder, algorithm } of listPrefixes(reader)) {
    const prefix = folder.slice(-2)
    const isOwn = (hex: string) => hex.startsWith(prefix) && isDigest(`${algorithm}:${hex}`)
    for (const hex of await listOwn(reader, folder, isOwn)) {
      if (signal.aborted) return
      const names = await listOwn(reader, `${folder}/${hex}`, (name) => name === DATA)
      if (names.length === 0) await isFolder(reader, `${folder}/${hex}`)
    }
  }
}

/** The folders `<algorithm>/<the first two digits>`. */
async function* listPrefixes(
  reader: TreeReader,
): AsyncGenerator<{ readonly folder: string; readonly algorithm: string }> {
  for (const algorithm of await listOwn(reader, blobsFolder, isDigestAlgorithm)) {
    const above = `${blobsFolder}/${algorithm}`
    for (const prefix of await listOwn(reader, above, (name) => /^[0-9a-f]{2}$/.test(name))) {
      yield { folder: `${above}/${prefix}`, algorithm }
    }
  }
}
