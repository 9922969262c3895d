/**
 * Makes a server's database anew from a backup of the metadata, with nobody else on the folder. It is filled with the
 * schema that the backup has; whoever opens it next brings it to this program's. What lay there before is put aside
 * (SQLite), or must have been empty (PostgreSQL).
 */
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import type { FillableDatabase } from '../metadata/fillable.ts'
import { clearPostgres, openPostgresToFill } from '../metadata/postgres/fillable.ts'
import { MIGRATIONS } from '../metadata/schema.ts'
import { setAside } from '../metadata/sqlite/damaged.ts'
import { openSqliteToFill } from '../metadata/sqlite/fillable.ts'
import { acquireWriterLock } from '../metadata/sqlite/lock.ts'
import { loadMetadata } from '../registry/backup/load-metadata.ts'
import { openMetadata } from '../registry/backup/metadata.ts'
import { BackupTooNew, type MetadataHead, type RowCounts } from '../registry/backup/metadata-format.ts'
import type { BackupFolder } from '../storage/backup-folder.ts'
import { databasePath } from '../storage/layout.ts'
import { beginRestoring, findRestoring } from './restoring.ts'
import { VolumeRefused } from './volume.ts'

export interface FillOptions {
  readonly config: Config
  /** The data folder. */
  readonly root: string
  readonly folder: BackupFolder
  /** A backup of the metadata in that folder, which is known to be whole. */
  readonly file: string
  /** What a person types to do it again. */
  readonly command: string
}

export interface Filled {
  readonly counts: RowCounts
  /** Where the database lies now that was there before; null where there was none. */
  readonly aside: string | null
}

/**
 * Until `endRestoring`, no server starts on the folder. Throws VolumeRefused, VolumeInUse, DatabaseUnavailable,
 * BackupTooNew, BackupDamaged, StorageUnavailable.
 */
export async function fillDatabase(options: FillOptions): Promise<Filled> {
  const { config, root, folder, file, command } = options
  const metadata = await openMetadata(folder, file)
  const migrations = migrationsUpTo(metadata.head)
  const name = databaseName(config, root)
  const isUnfinished = (await findRestoring(root))?.database === name
  const aside =
    config.database.kind === 'sqlite'
      ? await clearSqlite(sqlitePath(config, root), isUnfinished)
      : await requireClearPostgres(config.database.url, isUnfinished)
  await beginRestoring(root, { command, database: name })
  const database =
    config.database.kind === 'sqlite'
      ? await openSqliteToFill(sqlitePath(config, root), migrations)
      : await openPostgresToFill(config.database.url, migrations)
  try {
    return { counts: await loadMetadata(database, metadata), aside }
  } finally {
    await database.close()
  }
}

/** An empty database beside the backups, which is removed when it is closed. */
export async function openScratchDatabase(folder: string, schema: number): Promise<FillableDatabase> {
  const place = join(folder, 'temporary', `scratch-${crypto.randomUUID()}`)
  await mkdir(place, { recursive: true, mode: 0o700 })
  const migrations = MIGRATIONS.filter(({ version }) => version <= schema)
  const database = await openSqliteToFill(join(place, 'scratch.db'), migrations, { isThrownAway: true })
  return {
    ...database,
    async close() {
      await database.close()
      await rm(place, { recursive: true, force: true })
    },
  }
}

function migrationsUpTo({ schema, schemaName, program }: MetadataHead): typeof MIGRATIONS {
  const newest = MIGRATIONS.at(-1)?.version ?? 0
  if (schema <= newest) return MIGRATIONS.filter(({ version }) => version <= schema)
  throw new BackupTooNew(
    `It was made by Berth ${program}, whose database is newer (schema ${schema}, "${schemaName}") than this one ` +
      `knows (${newest}). Use that Berth, or a newer one.`,
  )
}

export function sqlitePath({ database }: Pick<Config, 'database'>, root: string): string {
  const chosen = database.kind === 'sqlite' ? database.path : null
  return chosen ?? join(root, databasePath)
}

/** Which database it is, without its user and password. */
export function databaseName({ database }: Pick<Config, 'database'>, root: string): string {
  if (database.kind === 'sqlite') return resolve(sqlitePath({ database }, root))
  const { host, pathname } = new URL(database.url)
  return `postgres://${host}${pathname}`
}

/** What an interrupted run has left is of no use; anything else may be. */
async function clearSqlite(path: string, isUnfinished: boolean): Promise<string | null> {
  await mkdir(dirname(path), { recursive: true })
  const lock = await acquireWriterLock(path)
  try {
    if (!isUnfinished) return setAside(path, 'before-restore')
    for (const ending of ['', '-wal', '-shm']) await rm(`${path}${ending}`, { force: true })
    return null
  } finally {
    lock.release()
  }
}

async function requireClearPostgres(url: string, isUnfinished: boolean): Promise<null> {
  if (await clearPostgres(url, MIGRATIONS, { isWorthless: isUnfinished })) return null
  throw new VolumeRefused(
    'The PostgreSQL database holds facts already, and Berth does not overwrite them. ' +
      'Name an empty database in berth.database.url (BERTH_DATABASE_URL).',
  )
}

/** That nothing would be overwritten, before hours are spent. Throws VolumeRefused, DatabaseUnavailable. */
export async function requireEmptyDatabase({ database }: Config, path: string): Promise<void> {
  if (database.kind === 'postgres') {
    await requireClearPostgres(database.url, false)
  } else if (existsSync(path)) {
    throw new VolumeRefused(
      `There is a database already, ${path}, and nothing is ever restored over what is there. Move it away, or ` +
        'name another folder with --data.',
    )
  }
}
