/**
 * What the owner's routes are made of. They are for whoever owns the server, who may ask everything; each is a file of
 * its noun, checks its body with a schema of src/contract, and calls one use case.
 */
import { BadRequest } from '../../http/request.ts'
import type { Route } from '../../http/router.ts'
import type { Log } from '../../observability/log.ts'
import type { MetadataBackup } from '../../registry/backup/metadata.ts'
import type { Collected } from '../../registry/gc/collect.ts'
import type { Registry } from '../../registry/registry.ts'
import type { BlobHashing } from '../../registry/verify/hashing.ts'
import { NotNow } from './errors.ts'
import type { OwnerAnswer } from './exchange.ts'

export interface ManagementOptions {
  readonly registry: Registry
  /** What is being hashed for whoever verifies. */
  readonly hashing: BlobHashing
  /** A server answers, and not a command that has found none. */
  readonly isServed: boolean
  /** Nobody else works on this registry while the question is answered. */
  readonly isAlone: boolean
  /** Whether what nothing needs is deleted while a server runs (`berth.collection.enabled`). */
  readonly collects: boolean
  /** Is told of what was collected because somebody asked for it. */
  onCollected(part: Collected): void
  /** The operator wishes that nothing be changed (`storage.maintenance.readonly`). */
  readonly isReadOnly: boolean
  /** What became of the jobs, as plain data. */
  jobs(): Promise<readonly JobState[]>
  /** The server's own backups of the metadata, the newest first. */
  backups(): Promise<OwnBackups>
  readonly log: Log
}

export interface OwnBackups {
  /** Where they lie; null where everything is in memory. */
  readonly folder: string | null
  readonly metadata: readonly MetadataBackup[]
}

/** Times in milliseconds since 1970; null where it has not happened. */
export interface JobState {
  readonly name: string
  readonly isRunning: boolean
  readonly dueAt: number
  readonly succeededAt: number | null
  readonly failures: number
  readonly failingSince: number | null
  readonly lastError: string | null
}

export interface ManagementContext extends ManagementOptions {
  readonly query: URLSearchParams
  /** Of which nothing is known yet: `checked` makes it what the route takes. */
  readonly body: unknown
  /** Fires when nobody waits for the answer any longer. */
  readonly signal: AbortSignal
}

/** Who did it, in histories and in the trash: whoever may open the control socket, or the folder. */
export const OWNER = 'the owner of the server'

/** Everything here is for whoever owns the server. */
export type Need = 'owner'

export type ManagementRoute = Route<ManagementContext, Need, OwnerAnswer>

/** A schema of src/contract. They are imported when they are needed: the library takes some megabytes. */
export interface Schema<Parsed> {
  safeParse(
    value: unknown,
  ):
    | { readonly success: true; readonly data: Parsed }
    | { readonly success: false; readonly error: { readonly issues: readonly Issue[] } }
}

interface Issue {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** What a schema makes of a body or of query parameters. Throws BadRequest, which names the first thing that is wrong. */
export function checked<Parsed>(schema: Schema<Parsed>, value: unknown): Parsed {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const place = issue?.path.join('.') ?? ''
  throw new BadRequest(
    `The request is not valid: ${place === '' ? '' : `${place}: `}${issue?.message ?? ''}.`,
  )
}

/** To be called before anything is changed. Throws NotNow. */
export function requireWritable({ isReadOnly }: ManagementContext): void {
  if (!isReadOnly) return
  throw new NotNow(
    'The registry is in read-only mode (storage.maintenance.readonly), so nothing is changed. ' +
      'Set that to false and start it again.',
  )
}
