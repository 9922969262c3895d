/**
 * Copies blobs into a backup: only those that it does not have, several at a time, each hashed on its way. What the
 * registry itself has no more, or not as it should be, is told, and never takes the place of a good copy.
 */

import { algorithmOf, type Digest, digestFrom } from '../../oci/digest.ts'
import type { BackupFolder } from '../../storage/backup-folder.ts'
import type { ListedBlob } from './blob-list.ts'
import { BLOBS, blobPath, type Lack } from './points.ts'

const AT_ONCE = 4
/** Named, of what is lacking; the others are counted. */
const MOST_NAMED = 100

export interface BlobSource {
  /** A blob's bytes, wherever they lie now; null where they are nowhere. Throws StorageUnavailable. */
  open(digest: Digest): Promise<AsyncIterable<Uint8Array> | null>
}

export interface CopyOptions {
  readonly folder: BackupFolder
  readonly source: BlobSource
  /** Hashes also what the backup has already. */
  readonly isDeep: boolean
  readonly onBlob: (blob: ListedBlob) => void
  readonly signal: AbortSignal
}

export interface Copied {
  readonly blobs: number
  readonly bytes: number
  readonly lacks: readonly { readonly digest: Digest; readonly why: Lack }[]
  readonly lacking: number
}

/** Throws StorageUnavailable, and what the list throws. What was copied until then is of use to the next run. */
export async function copyBlobs(list: AsyncIterable<ListedBlob>, options: CopyOptions): Promise<Copied> {
  const copied = { blobs: 0, bytes: 0, lacking: 0 }
  const lacks: { digest: Digest; why: Lack }[] = []
  await eachOf(list, AT_ONCE, async (blob) => {
    options.signal.throwIfAborted()
    const outcome = await copyBlob(blob, options)
    if (outcome === 'copied') {
      copied.blobs++
      copied.bytes += blob.size
    } else if (outcome !== 'there') {
      copied.lacking++
      if (lacks.length < MOST_NAMED) lacks.push({ digest: blob.digest, why: outcome })
    }
    options.onBlob(blob)
  })
  await syncBlobFolders(options.folder)
  return { ...copied, lacks }
}

async function copyBlob(blob: ListedBlob, options: CopyOptions): Promise<'there' | 'copied' | Lack> {
  const { folder, source } = options
  if (await isThere(blob, options)) return 'there'
  const bytes = await source.open(blob.digest)
  if (bytes === null) return 'missing'
  try {
    await folder.write(blobPath(blob.digest), verified(bytes, blob))
    return 'copied'
  } catch (error) {
    if (error instanceof NotTheBlob) return 'damaged'
    throw error
  }
}

async function isThere(blob: ListedBlob, { folder, isDeep }: CopyOptions): Promise<boolean> {
  const path = blobPath(blob.digest)
  if ((await folder.stat(path)) !== blob.size) return false
  return !isDeep || (await isSound(folder, blob))
}

/** Whether a backup's copy is the blob: read whole. Throws StorageUnavailable. */
export async function isSound(folder: BackupFolder, blob: ListedBlob): Promise<boolean> {
  try {
    for await (const _ of verified(folder.read(blobPath(blob.digest)), blob));
    return true
  } catch (error) {
    if (error instanceof NotTheBlob) return false
    throw error
  }
}

/** The bytes are not those of the digest. */
export class NotTheBlob extends Error {
  override readonly name = 'NotTheBlob'
}

/** Passes the bytes on, and throws NotTheBlob at their end where they are not those of the digest. */
export async function* verified(
  bytes: AsyncIterable<Uint8Array>,
  { digest, size }: ListedBlob,
): AsyncGenerator<Uint8Array> {
  const hasher = new Bun.CryptoHasher(algorithmOf(digest))
  let length = 0
  for await (const chunk of bytes) {
    hasher.update(chunk)
    length += chunk.byteLength
    yield chunk
  }
  if (length !== size || digestFrom(hasher, algorithmOf(digest)) !== digest)
    throw new NotTheBlob(`these are not the bytes of ${digest}`)
}

/** Also those of an earlier run that was interrupted: they have never been. */
async function syncBlobFolders(folder: BackupFolder): Promise<void> {
  for (const algorithm of await folder.list(BLOBS)) {
    for (const prefix of await folder.list(`${BLOBS}/${algorithm}`)) {
      await folder.sync(`${BLOBS}/${algorithm}/${prefix}`)
    }
  }
}

/** Works on so many items at once. What fails first is thrown, when the others that were begun have ended. */
export async function eachOf<Item>(
  items: AsyncIterable<Item>,
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.asyncIterator]()
  let failure: { readonly error: unknown } | null = null
  const worker = async () => {
    for (;;) {
      const step = await iterator.next()
      if (step.done === true || failure !== null) return
      await work(step.value)
    }
  }
  const workers = Array.from({ length: atOnce }, () =>
    worker().catch((error: unknown) => {
      failure ??= { error }
    }),
  )
  await Promise.all(workers)
  await iterator.return?.()
  if (failure !== null) throw (failure as { readonly error: unknown }).error
}
