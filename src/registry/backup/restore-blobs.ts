/** Brings the blobs of a point back into a registry's storage, each hashed on its way, and durable. One that is there already stays. */
import type { Digest } from '../../oci/digest.ts'
import { newUploadId } from '../../oci/upload-id.ts'
import type { BackupFolder } from '../../storage/backup-folder.ts'
import type { BlobStore } from '../../storage/blob-store.ts'
import { type ListedBlob, readBlobList } from './blob-list.ts'
import { eachOf, isSound, NotTheBlob, verified } from './copy-blobs.ts'
import { blobListPath, blobPath, type Lack, type Point } from './points.ts'

const AT_ONCE = 4
const MOST_NAMED = 100

export interface RestoreBlobsOptions {
  readonly folder: BackupFolder
  readonly point: Point
  readonly blobs: Pick<BlobStore, 'stat' | 'append' | 'commit' | 'discard'>
  readonly onBlob: (blob: ListedBlob) => void
}

/** Blobs that the backup has not, or not as they should be. */
export interface Lacking {
  readonly lacking: number
  /** The first ones only. */
  readonly lacks: readonly { readonly digest: Digest; readonly why: Lack }[]
}

/** Throws StorageUnavailable, BackupDamaged. */
export function restoreBlobs({ folder, point, blobs, onBlob }: RestoreBlobsOptions): Promise<Lacking> {
  return collectLacks(folder, point, async (blob) => {
    if ((await blobs.stat(blob.digest)) !== blob.size) await restoreBlob({ folder, blobs }, blob)
    onBlob(blob)
  })
}

/** Hashes all blobs of a point. Throws StorageUnavailable, BackupDamaged. */
export function checkBlobs(
  folder: BackupFolder,
  point: Point,
  onBlob: (blob: ListedBlob) => void,
): Promise<Lacking> {
  return collectLacks(folder, point, async (blob) => {
    if (!(await isSound(folder, blob))) throw new NotTheBlob(blob.digest)
    onBlob(blob)
  })
}

async function collectLacks(
  folder: BackupFolder,
  point: Point,
  work: (blob: ListedBlob) => Promise<void>,
): Promise<Lacking> {
  const lacks: { digest: Digest; why: Lack }[] = []
  let lacking = 0
  const lack = (digest: Digest, why: Lack) => {
    lacking++
    if (lacks.length < MOST_NAMED) lacks.push({ digest, why })
  }
  await eachOf(readBlobList(folder, blobListPath(point), point), AT_ONCE, async (blob) => {
    if ((await folder.stat(blobPath(blob.digest))) === null) return lack(blob.digest, 'missing')
    try {
      await work(blob)
    } catch (error) {
      if (!(error instanceof NotTheBlob)) throw error
      lack(blob.digest, 'damaged')
    }
  })
  return { lacking, lacks }
}

async function restoreBlob(
  { folder, blobs }: Pick<RestoreBlobsOptions, 'folder' | 'blobs'>,
  blob: ListedBlob,
): Promise<void> {
  const upload = newUploadId()
  try {
    const writer = await blobs.append(upload, 0)
    try {
      for await (const chunk of verified(folder.read(blobPath(blob.digest)), blob)) await writer.write(chunk)
    } finally {
      await writer.close()
    }
    await blobs.commit(upload, blob.digest, blob.size)
  } catch (error) {
    await blobs.discard(upload)
    throw error
  }
}
