/**
 * One Registry, opened as the configuration says: the volume claimed, the database, the blobs, what is not known yet
 * of the tree. For a server's process, and for a command that finds no server.
 */
import type { Config } from '../config/config.ts'
import { findBootId } from '../lib/boot-id.ts'
import type { Database } from '../metadata/database.ts'
import type { Log } from '../observability/log.ts'
import { putBackNeeded } from '../registry/gc/sweep.ts'
import { LiveUploads } from '../registry/live-uploads.ts'
import type { Registry } from '../registry/registry.ts'
import { beginStartCommand } from '../registry/tree/tree.commands.ts'
import { UncheckedTree } from '../registry/tree/unchecked-tree.ts'
import { openFilesystemBlobStore } from '../storage/filesystem/blob-store.ts'
import { openFilesystemTreeToRead } from '../storage/filesystem/tree-store.ts'
import { measuredBlobStore } from '../storage/measured-blob-store.ts'
import { openMemoryBlobStore } from '../storage/memory/blob-store.ts'
import { collectionPolicyOf } from './collection-policy.ts'
import { type OpenedDatabase, openOwnDatabase, openSharedDatabase } from './database.ts'
import { manifestPolicyOf } from './manifest-policy.ts'
import { MeasuredDatabase } from './measured-database.ts'
import type { AppMetrics } from './metrics.ts'
import { describeTree } from './tree.ts'
import { claimConfiguredVolume, claimSameIdentity, type VolumeFacts } from './volume.ts'
import type { WriterAddress } from './writer-settings.ts'

export type AppRole =
  | { readonly kind: 'single' }
  /** `name` is this worker's place among its siblings: its successor has the same. The supervisor holds the volume. */
  | {
      readonly kind: 'worker'
      readonly name: string
      readonly volume: VolumeFacts | null
      /** Null on PostgreSQL. */
      readonly writer: WriterAddress | null
    }

export interface RegistryOptions {
  readonly config: Config
  readonly role: AppRole
  readonly log: Log
  readonly metrics: AppMetrics
}

export interface OpenedRegistry {
  readonly registry: Registry
  /** Rejects when this process can write no more, and had better end. Never resolves. */
  readonly broken: Promise<never>
  /** Null where bytes live in memory. */
  readonly volume: VolumeFacts | null
}

/** Until the closers run. Throws VolumeRefused, VolumeInUse, SchemaTooNew, DatabaseUnavailable, StorageUnavailable. */
export async function openRegistry(
  { config, role, log, metrics }: RegistryOptions,
  closers: AsyncDisposableStack,
): Promise<OpenedRegistry> {
  const volume = role.kind === 'single' ? await claimConfiguredVolume(config, closers) : role.volume
  const opened = await openDatabase(config, role, volume, log)
  closers.defer(() => opened.close())
  if (volume !== null) await claimSameIdentity(opened.database, volume)
  const tree = volume === null ? null : await openTree(volume, opened.database)
  if (tree !== null) metrics.alsoDescribe(() => describeTree(tree))
  const registry: Registry = {
    tree,
    database: new MeasuredDatabase(opened.database, metrics),
    blobs: measuredBlobStore(
      volume === null ? openMemoryBlobStore() : await openFilesystemBlobStore(volume),
      (action, seconds) => metrics.storageActed(action, seconds),
    ),
    uploads: new LiveUploads(processName(config, role), (await findBootId()) ?? crypto.randomUUID()),
    policy: {
      manifests: await manifestPolicyOf(config.manifests),
      uploadExpiry: config.uploads.expireAfterMilliseconds,
      collection: collectionPolicyOf(config.collection),
      trash: { keepFor: config.trash.keepMilliseconds },
      untagged: { deleteAfter: config.trash.deleteUntaggedAfterMilliseconds },
      isReadOnly: config.storage.readOnly,
    },
  }
  // Before anybody compares the folder with the database.
  if (!config.storage.readOnly) await putBackNeeded(registry)
  return { registry, broken: opened.broken, volume }
}

/** Another registry may have worked on the folder before this start, so the database is not believed yet. */
async function openTree(volume: VolumeFacts, database: Database): Promise<UncheckedTree> {
  await database.write(beginStartCommand, { start: volume.start })
  return new UncheckedTree({ database, files: await openFilesystemTreeToRead(volume), start: volume.start })
}

function openDatabase(
  config: Config,
  role: AppRole,
  volume: VolumeFacts | null,
  log: Log,
): Promise<OpenedDatabase> {
  return role.kind === 'single'
    ? openOwnDatabase(config, volume, log)
    : openSharedDatabase(config, volume, role.writer, log)
}

/** Among replicas on PostgreSQL nobody can tell who is dead, so every process has a name of its own. */
function processName(config: Config, role: AppRole): string {
  if (config.database.kind === 'postgres') return crypto.randomUUID()
  return role.kind === 'single' ? 'single' : role.name
}
