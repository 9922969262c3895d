/** What every use case is given: where facts and bytes live, and what the operator has decided. */
import type { Database } from '../metadata/database.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import type { LiveUploads } from './live-uploads.ts'

export interface Registry {
  readonly database: Database
  readonly blobs: BlobStore
  readonly uploads: LiveUploads
  readonly policy: Policy
}

/** The operator's decisions. Times are milliseconds. */
export interface Policy {
  /** An image manifest may refer to blobs that are not in its repository. */
  readonly allowMissingBlobs: boolean
  /** An upload that nobody touches for this long is forgotten. */
  readonly uploadExpiry: number
}

/** How long content that has just gained or lost a reference is left alone, in milliseconds. Collection's grace is at least as long. */
export const BLOB_LEASE = 60 * 60 * 1000
