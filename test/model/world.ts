/** Where a run takes place: a registry whose process can die and be started again, and what of it can be seen from outside. */
import type { Row, SqlValue } from '../../src/metadata/database.ts'
import type { Digest } from '../../src/oci/digest.ts'
import type { VerifyFinding } from '../../src/registry/verify/finding.ts'
import type { TreeStore } from '../../src/storage/tree-store.ts'
import type { Client, Owner } from './client.ts'

/** How long things last here, in milliseconds. */
export interface Times {
  /** Between two steps. */
  readonly step: number
  readonly minute: number
  /** Content that was pushed or mounted is left alone for so long, and after a HEAD for half of it. */
  readonly lease: number
  /** What nothing needs stays for so long at most before each step that collection takes with it. */
  readonly grace: number
  readonly trash: number
  readonly uploads: number
  /** How long a request may take: what lasts shorter than that is not relied on. */
  readonly slack: number
}

export interface World {
  readonly client: Client
  /** Null where nobody can reach it. */
  readonly owner: Owner | null
  readonly times: Times
  /** By the clock that counts here. */
  readonly now: number
  /** The process has died: nobody hears what it says. */
  readonly isDead: boolean
  /** Weeks pass at once. */
  readonly isSimulated: boolean
  /** What is in it outlives the process. */
  readonly outlives: boolean
  readonly files: TreeStore
  /** The rows of a statement, as they are. */
  rows(sql: string, values?: readonly SqlValue[]): Promise<Row[]>
  /** The size of the bytes that are stored under a digest; null where none are. */
  storedSize(digest: Digest): Promise<number | null>
  forward(milliseconds: number): Promise<void>
  /** The process will die after so many operations of the next step, or at its end. */
  dieWithin(operations: number): void
  /** Another process takes the place of the one that has died, or dies now. */
  restart(options: { readonly isReindexed: boolean }): Promise<void>
  /** What goes on beside the requests: the link tree is gone through to its end, and what it shows becomes durable. */
  goThroughTree(): Promise<void>
  flush(): Promise<void>
  /** Every change is counted for what everything takes up. */
  countUsage(): Promise<void>
  /** So many steps of collection. Where told so, the process falls asleep whenever it has decided to take bytes away. */
  collect(times: number, sleepsUntil?: Promise<unknown>): Promise<void>
  /** Until nothing is to be done now. */
  collectAll(): Promise<void>
  /** What has lain in the trash for long enough goes, and what a crash has interrupted there goes on. */
  purge(): Promise<void>
  expireUploads(): Promise<void>
  verify(): Promise<readonly VerifyFinding[]>
  /** Bytes that are stored beside the blobs: of uploads, condemned, set aside. */
  otherBytes(): Promise<readonly string[]>
  close(): Promise<void>
}
