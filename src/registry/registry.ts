/** What every use case is given: where facts and bytes live, and what the operator has decided. */
import type { Database, Read } from '../metadata/database.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import type { LiveUploads } from './live-uploads.ts'
import type { ManifestPolicy } from './manifest-policy.ts'
import type { UncheckedRepository, UncheckedTree } from './tree/unchecked-tree.ts'

export interface Registry {
  readonly database: Database
  readonly blobs: BlobStore
  readonly uploads: LiveUploads
  readonly policy: Policy
  /** What another registry may have changed; null where none can have (bytes in memory). */
  readonly tree: UncheckedTree | null
}

/** What reading needs. */
export interface RegistryReads {
  readonly database: Read
  readonly tree: UncheckedTree | null
}

/** The operator's decisions. Times are milliseconds. */
export interface Policy {
  readonly manifests: ManifestPolicy
  /** An upload that nobody touches for this long is forgotten. */
  readonly uploadExpiry: number
  readonly collection: CollectionPolicy
  readonly trash: {
    /** What was deleted can be taken back for so long. */
    readonly keepFor: number
  }
  readonly untagged: {
    /** A manifest that nothing names for so long is deleted, into the trash; null: never. */
    readonly deleteAfter: number | null
  }
  /** Nothing may be pushed or deleted, by anybody. */
  readonly isReadOnly: boolean
}

/** When what nothing needs is deleted. */
export interface CollectionPolicy {
  /** Content that nothing refers to stays for so long. At least as long as the lease. */
  readonly grace: number
  /** Content that has just gained or lost a reference, or that a client was told is there, is left alone for so long. */
  readonly lease: number
  /** What is condemned can come back for so long before it is deleted. */
  readonly condemnedFor: number
  /** Deleted bytes lie aside for so long. */
  readonly unlinkAfter: number
}

/** The repository as the link tree must be asked about it; null where the database alone can tell, as it mostly can. */
export async function findUnchecked(
  registry: RegistryReads,
  repository: RepositoryName,
): Promise<UncheckedRepository | null> {
  return (await uncheckedTreeOf(registry)?.find(repository)) ?? null
}

/** Null once every repository has been compared with the tree since the start: what each pull asks first. */
export function uncheckedTreeOf({ tree }: RegistryReads): UncheckedTree | null {
  return tree === null || tree.isChecked ? null : tree
}

/** To be waited for before anything is written to a repository. Throws StorageUnavailable where the tree cannot be read. */
export async function requireChecked(registry: RegistryReads, repository: RepositoryName): Promise<void> {
  await uncheckedTreeOf(registry)?.check(repository)
}
