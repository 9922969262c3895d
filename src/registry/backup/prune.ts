/** Makes old points go, and blobs that no point needs any more. On any doubt a blob stays. */
import { type Digest, isDigest } from '../../oci/digest.ts'
import type { BackupFolder } from '../../storage/backup-folder.ts'
import { checkBlobList, readBlobList } from './blob-list.ts'
import { BackupDamaged } from './metadata-format.ts'
import { BLOBS, blobListPath, blobPath, listPoints, POINTS, type Point, removePoint } from './points.ts'

export interface Pruned {
  /** Names of points. */
  readonly points: readonly string[]
  readonly blobs: number
  readonly bytes: number
}

/**
 * Keeps so many of the newest points, and, whatever their number, the newest that lacks nothing. Throws BackupDamaged
 * where a list of a kept point cannot be read: then no blob goes.
 */
export async function prunePoints(folder: BackupFolder, keep: number): Promise<Pruned> {
  const points = await listPoints(folder)
  const newestWhole = points.find(({ lacking }) => lacking === 0)
  const kept = points.filter((point, index) => index < keep || point === newestWhole)
  const going = points.filter((point) => !kept.includes(point))
  for (const point of going) await removePoint(folder, point)
  return { points: going.map(({ name }) => name), ...(await sweepBlobs(folder, kept)) }
}

/** Goes through the lists of all kept points beside the blobs, all in order of the digests. */
async function sweepBlobs(
  folder: BackupFolder,
  kept: readonly Point[],
): Promise<{ readonly blobs: number; readonly bytes: number }> {
  // First each list as a whole: of one that is damaged, nobody knows what it needs.
  for (const point of kept) await requireSoundList(folder, point)
  const needed = kept.map((point) => new NeededBlobs(folder, point))
  const removed = { blobs: 0, bytes: 0 }
  try {
    for await (const digest of storedBlobs(folder)) {
      let isNeeded = false
      for (const each of needed) if (await each.needs(digest)) isNeeded = true
      if (isNeeded) continue
      removed.bytes += (await folder.stat(blobPath(digest))) ?? 0
      removed.blobs++
      await folder.remove(blobPath(digest))
    }
  } finally {
    for (const each of needed) await each.close()
  }
  return removed
}

async function requireSoundList(folder: BackupFolder, point: Point): Promise<void> {
  try {
    await checkBlobList(folder, blobListPath(point), point)
  } catch (error) {
    if (!(error instanceof BackupDamaged)) throw error
    throw new BackupDamaged(
      `The backup is made, but no blob was removed, for nobody knows what the point ${point.name} needs. ` +
        `${error.message} Remove the folder ${folder.path}/${POINTS}/${point.name}.`,
      { cause: error },
    )
  }
}

class NeededBlobs {
  readonly #list: AsyncIterator<{ readonly digest: Digest }>
  #current: Digest | null = null
  #hasEnded = false

  constructor(folder: BackupFolder, point: Point) {
    this.#list = readBlobList(folder, blobListPath(point), point)
  }

  /** To be asked in order of the digests. */
  async needs(digest: Digest): Promise<boolean> {
    while (!this.#hasEnded && (this.#current === null || this.#current < digest)) {
      const step = await this.#list.next()
      if (step.done === true) this.#hasEnded = true
      else this.#current = step.value.digest
    }
    return !this.#hasEnded && this.#current === digest
  }

  async close(): Promise<void> {
    await this.#list.return?.()
  }
}

async function* storedBlobs(folder: BackupFolder): AsyncGenerator<Digest> {
  for (const algorithm of await folder.list(BLOBS)) {
    for (const prefix of await folder.list(`${BLOBS}/${algorithm}`)) {
      for (const hex of await folder.list(`${BLOBS}/${algorithm}/${prefix}`)) {
        const digest = `${algorithm}:${hex}`
        if (isDigest(digest)) yield digest
      }
    }
  }
}
