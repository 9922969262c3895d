/**
 * What the owner of a registry may ask, answered by this process: a server's, or a command's that has found no server and
 * opens the registry itself, alone, without a listener.
 */
import type { Config } from '../config/config.ts'
import { CollectionCounts } from '../jobs/collection-counts.ts'
import { messageOf } from '../lib/thrown.ts'
import type { Log } from '../observability/log.ts'
import { type ManagementApi, managementApi } from '../protocols/management/api.ts'
import type { Registry } from '../registry/registry.ts'
import { goThroughTree } from '../registry/tree/tree-pass.ts'
import { BlobHashing } from '../registry/verify/hashing.ts'
import { jobStates } from './jobs.ts'
import { listOwnBackups } from './metadata-backups.ts'
import { AppMetrics } from './metrics.ts'
import { requireDatabaseFile, requireFolder } from './nothing-there.ts'
import { openRegistry } from './registry.ts'

export interface OwnerOptions {
  readonly config: Config
  readonly registry: Registry
  /** Whether this is a server's process. */
  readonly isServed: boolean
  readonly collected: CollectionCounts
  readonly log: Log
}

export function ownerApi({ config, registry, isServed, collected, log }: OwnerOptions): ManagementApi {
  return managementApi({
    registry,
    hashing: new BlobHashing(registry.blobs),
    isServed,
    // On PostgreSQL another replica may push into the same folder meanwhile.
    isAlone: !isServed && config.database.kind === 'sqlite',
    collects: config.collection.isEnabled,
    onCollected: (part) => collected.add(part),
    isReadOnly: config.storage.readOnly,
    jobs: () => jobStates(registry.database),
    backups: () => listOwnBackups(config),
    log,
  })
}

export interface OwnRegistryOptions {
  readonly config: Config
  readonly log: Log
  /** Whether what will be asked deletes: then what another registry may have left must be known first. */
  readonly deletes: boolean
  readonly onProgress: (progress: { readonly done: number; readonly total: number }) => void
}

/**
 * The registry that the configuration describes, for this process alone, until the closers run. Throws NothingThere,
 * VolumeInUse while a server runs on it, VolumeRefused, DatabaseUnavailable, SchemaTooNew, StorageUnavailable.
 */
export async function openOwnRegistry(
  { config, log, deletes, onProgress }: OwnRegistryOptions,
  closers: AsyncDisposableStack,
): Promise<ManagementApi> {
  const { storage, database } = config
  const root = requireFolder(storage)
  if (database.kind === 'sqlite') requireDatabaseFile(database.path, root)
  const metrics = new AppMetrics(storage.driver.kind)
  const { registry } = await openRegistry({ config, role: { kind: 'single' }, log, metrics }, closers)
  if (deletes) await learnTree(registry, onProgress, log)
  return ownerApi({ config, registry, isServed: false, collected: new CollectionCounts(), log })
}

/** What cannot be read is told here; what would delete then refuses by itself. */
async function learnTree(
  { tree, uploads }: Registry,
  onProgress: OwnRegistryOptions['onProgress'],
  log: Log,
): Promise<void> {
  if (tree === null) return
  await goThroughTree(tree, {
    process: uploads.process,
    signal: new AbortController().signal,
    onProgress,
    onError: (error) => log.error({ error }, `a repository is in error: ${messageOf(error)}`),
  })
}
