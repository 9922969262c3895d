/**
 * A backup of a whole registry, while it runs: first all facts of one moment, then the blobs that these name, those that
 * earlier runs have copied left out. Whatever is pushed or deleted meanwhile, the point that comes of it is that moment,
 * whole. A run that is interrupted leaves no point, and blobs that the next run need not copy.
 */
import { isDigest } from '../../oci/digest.ts'
import type { BackupFolder } from '../../storage/backup-folder.ts'
import { type ListedBlob, readBlobList, writeBlobList } from './blob-list.ts'
import { type BlobSource, type Copied, copyBlobs } from './copy-blobs.ts'
import { type MetadataSource, openMetadata, writeMetadata } from './metadata.ts'
import type { MetadataHead, StoredRows } from './metadata-format.ts'
import {
  claimBackupFolder,
  type Point,
  partialPath,
  pointName,
  putPoint,
  removePartialPoints,
} from './points.ts'
import { type BackupProgress, tellingBlobs } from './progress.ts'
import { type Pruned, prunePoints } from './prune.ts'

export interface BackUpOptions extends MetadataSource {
  readonly folder: BackupFolder
  readonly blobs: BlobSource
  /** The registry's id. */
  readonly registry: string
  readonly source: Point['source']
  /** So many points stay; null for all. */
  readonly keep: number | null
  readonly isDeep: boolean
  readonly onProgress: (progress: BackupProgress) => void
  readonly signal: AbortSignal
}

export interface BackedUp {
  readonly point: Point
  /** What this run has copied. */
  readonly copied: Pick<Copied, 'blobs' | 'bytes'>
  readonly pruned: Pruned
}

/**
 * The caller holds the folder of the backup, and what collection condemns meanwhile. Throws StorageUnavailable (also of a
 * full disk at the target), DatabaseUnavailable, BackupDamaged, BackupTooNew.
 */
export async function backUpRegistry(options: BackUpOptions): Promise<BackedUp> {
  const { folder, registry, source, keep } = options
  await claimBackupFolder(folder, registry)
  await folder.clear()
  await removePartialPoints(folder)
  const madeAt = Date.now()
  const name = pointName(madeAt)
  const metadata = partialPath(name, 'metadata.ndjson.zst')
  await writeMetadata(options, folder, metadata, madeAt)
  const { head, tables } = await openMetadata(folder, metadata)
  const list = partialPath(name, 'blobs.zst')
  // Going through them is the reading back, too.
  const facts = await writeBlobList(folder, list, blobsOf(tables))
  const { lacks, lacking, ...copied } = await copyBlobs(readBlobList(folder, list, facts), {
    ...options,
    source: options.blobs,
    onBlob: tellingBlobs(options.onProgress, facts),
  })
  const point = pointOf(head, { name, ...facts, lacks, lacking, source })
  await putPoint(folder, point)
  const pruned = keep === null ? NOTHING : await prunePoints(folder, keep)
  return { point, copied, pruned }
}

const NOTHING: Pruned = { points: [], blobs: 0, bytes: 0 }

function pointOf(
  { registry, madeAt, program, schema }: MetadataHead,
  rest: Omit<Point, 'registry' | 'madeAt' | 'program' | 'schema' | 'finishedAt'>,
): Point {
  return { registry, madeAt, program, schema, finishedAt: Date.now(), ...rest }
}

/** Those that the registry has; what is being deleted, nobody refers to. Reads the metadata to its end. */
async function* blobsOf(tables: AsyncIterable<StoredRows>): AsyncGenerator<ListedBlob> {
  for await (const { table, rows } of tables) {
    if (table.name !== 'blobs') continue
    const place = (column: string) => table.columns.findIndex(({ name }) => name === column)
    const [digest, size, state] = [place('digest'), place('size'), place('state')]
    for (const row of rows) {
      const blob = { digest: String(row[digest]), size: Number(row[size]) }
      if (row[state] !== 'deleting' && isDigest(blob.digest)) yield { digest: blob.digest, size: blob.size }
    }
  }
}
