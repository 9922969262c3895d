/**
 * Backups of the metadata: a consistent state of all facts that the images' folder cannot tell (accounts, grants, the
 * trash, the history of tags, who pushed what), and of those that it can. One is written beside all requests, read
 * back before it counts, and makes older ones go. It is written whole, or not at all.
 */
import { compressed, decompressed } from '../../lib/zstd.ts'
import type { FillableDatabase } from '../../metadata/fillable.ts'
import {
  findSchemaVersion,
  type SchemaVersion,
  type Snapshot,
  type TakeSnapshot,
} from '../../metadata/snapshot.ts'
import { lastingTables, listTableRows, type TableRow } from '../../metadata/tables.ts'
import type { BackupFolder } from '../../storage/backup-folder.ts'
import { findIdentity } from '../identity.ts'
import { loadMetadata } from './load-metadata.ts'
import {
  BackupDamaged,
  type DecodedMetadata,
  decodeMetadata,
  encodeMetadata,
  type MetadataHead,
  type Pause,
  type RowCounts,
  type StoredRows,
  verifyMetadata,
  withoutPause,
} from './metadata-format.ts'
import { outdated, type Rotation } from './rotation.ts'

export interface MetadataSource {
  readonly takeSnapshot: TakeSnapshot
  /** The version of Berth. */
  readonly program: string
  /** Is waited for after each page of rows. */
  readonly pause: Pause
}

export interface MetadataBackup {
  /** Its name in the folder. */
  readonly file: string
  /** Milliseconds since 1970. */
  readonly madeAt: number
  readonly bytes: number
}

export interface WrittenMetadata extends MetadataBackup {
  readonly counts: RowCounts
}

export interface BackupPlan extends MetadataSource {
  readonly folder: BackupFolder
  readonly rotation: Rotation
  /** Opens an empty database of that schema, to see whether the backup can be restored; null where there is none to be had. */
  readonly openScratch: ((schema: number) => Promise<FillableDatabase>) | null
}

/** Of a larger backup it is seen only that it can be read: filling a database would take a minute of the processor. */
const MOST_ROWS_TO_TRY = 100_000
const PAGE = { rows: 500, bytes: 4 * 1024 * 1024 }
const NAME = /^metadata-(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d\.\d{3}Z)\.ndjson\.zst$/

/**
 * Makes one, tries it, and removes those that are outdated. Throws StorageUnavailable, DatabaseUnavailable, and
 * BackupDamaged where what was written does not read back: then it is removed, and older ones stay.
 */
export async function backUpMetadata(plan: BackupPlan): Promise<WrittenMetadata> {
  const { folder, rotation } = plan
  await folder.clear()
  const madeAt = Date.now()
  const file = nameOf(madeAt)
  const bytes = await writeMetadata(plan, folder, file, madeAt)
  const counts = await verified(plan, file).catch(async (error: unknown) => {
    await folder.remove(file)
    throw error
  })
  const all = await listMetadataBackups(folder)
  const going = new Set(
    outdated(
      all.map((each) => each.madeAt),
      rotation,
    ),
  )
  for (const each of all) if (going.has(each.madeAt)) await folder.remove(each.file)
  return { file, madeAt, bytes, counts }
}

/** Writes all facts into one file, from one moment; gives its size. Throws StorageUnavailable, DatabaseUnavailable. */
export async function writeMetadata(
  source: MetadataSource,
  folder: BackupFolder,
  file: string,
  madeAt: number,
): Promise<number> {
  const bytes = await source.takeSnapshot(async (snapshot) => {
    const schema = await requireSchema(snapshot)
    const head: MetadataHead = {
      registry: (await findIdentity(snapshot)) ?? '',
      schema: schema.version,
      schemaName: schema.name,
      madeAt,
      program: source.program,
    }
    return await folder.write(file, compressed(encodeMetadata(head, allRows(snapshot, source.pause))))
  })
  await folder.sync(file.slice(0, Math.max(0, file.lastIndexOf('/'))))
  return bytes
}

async function requireSchema(snapshot: Snapshot): Promise<SchemaVersion> {
  const schema = await findSchemaVersion(snapshot)
  if (schema === null) throw new Error('the database has no schema')
  return schema
}

async function* allRows(snapshot: Snapshot, pause: Pause): AsyncGenerator<StoredRows> {
  for (const table of lastingTables(await snapshot.listTables())) {
    for (let after: TableRow | null = null; ; ) {
      const began = performance.now()
      const rows: TableRow[] = await listTableRows(snapshot, table, after, PAGE)
      yield { table, rows }
      const last = rows.at(-1)
      if (last === undefined) break
      after = last
      await pause(performance.now() - began)
    }
  }
}

/** Opens a backup to be read; it is known to be whole only when all of it has been. Throws BackupDamaged, BackupTooNew, StorageUnavailable. */
export async function openMetadata(folder: BackupFolder, file: string): Promise<DecodedMetadata> {
  return await decodeMetadata(decompressed(folder.read(file)))
}

/** Reads a backup whole. Throws BackupDamaged, BackupTooNew, StorageUnavailable. */
export async function checkMetadata(
  folder: BackupFolder,
  file: string,
  pause = withoutPause,
): Promise<{ readonly head: MetadataHead; readonly counts: RowCounts }> {
  return await verifyMetadata(decompressed(folder.read(file)), pause)
}

async function verified({ folder, openScratch, pause }: BackupPlan, file: string): Promise<RowCounts> {
  const { head, counts } = await checkMetadata(folder, file, pause)
  const rows = Object.values(counts).reduce((sum, count) => sum + count, 0)
  if (openScratch === null || rows > MOST_ROWS_TO_TRY) return counts
  const scratch = await openScratch(head.schema)
  try {
    return await loadMetadata(scratch, await openMetadata(folder, file), pause)
  } finally {
    await scratch.close()
  }
}

/** The newest first. */
export async function listMetadataBackups(folder: BackupFolder): Promise<MetadataBackup[]> {
  const found: MetadataBackup[] = []
  for (const file of await folder.list('')) {
    const madeAt = timeOf(file)
    const bytes = madeAt === null ? null : await folder.stat(file)
    if (madeAt !== null && bytes !== null) found.push({ file, madeAt, bytes })
  }
  return found.sort((one, other) => other.madeAt - one.madeAt)
}

export interface SoundBackup extends MetadataBackup {
  readonly head: MetadataHead
}

/**
 * The newest that can be read, and what is wrong with those that are newer; null where none can be. Throws BackupTooNew,
 * StorageUnavailable.
 */
export async function findNewestSound(
  folder: BackupFolder,
): Promise<{ readonly newest: SoundBackup | null; readonly damaged: readonly string[] }> {
  const damaged: string[] = []
  for (const backup of await listMetadataBackups(folder)) {
    try {
      return { newest: { ...backup, head: (await checkMetadata(folder, backup.file)).head }, damaged }
    } catch (error) {
      if (!(error instanceof BackupDamaged)) throw error
      damaged.push(`${folder.path}/${backup.file} is damaged. ${error.message}`)
    }
  }
  return { newest: null, damaged }
}

function nameOf(time: number): string {
  return `metadata-${new Date(time).toISOString().replaceAll(':', '-')}.ndjson.zst`
}

function timeOf(file: string): number | null {
  const [, day, hours, minutes, seconds] = NAME.exec(file) ?? []
  return day === undefined ? null : Date.parse(`${day}${hours}:${minutes}:${seconds}`)
}
