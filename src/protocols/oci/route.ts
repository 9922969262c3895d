/** What every route of this protocol is given, and what it must declare. */
import type { Authenticator } from '../../access/authenticate.ts'
import type { Action, Can } from '../../access/authorize.ts'
import type { Principal } from '../../access/principal.ts'
import type { Reply } from '../../http/reply.ts'
import type { IncomingRequest } from '../../http/request.ts'
import type { Route } from '../../http/router.ts'
import type { Log } from '../../observability/log.ts'
import { parseRepositoryName, type RepositoryName } from '../../oci/repository-name.ts'
import type { Registry } from '../../registry/registry.ts'
import type { AddressOptions } from './location.ts'

export interface OciOptions {
  readonly registry: Registry
  /** Whether DELETE of manifests, tags and blobs is switched on. */
  readonly deleteEnabled: boolean
  /** Whether nothing may be pushed or deleted. */
  readonly isReadOnly: boolean
  readonly lists: ListLimits
  readonly addresses: AddressOptions
  /** The way in. */
  readonly authenticator: Authenticator
  /** What keeps everything from being stored. */
  readonly obstacles: Obstructions
  readonly log: Log
}

export interface Obstructions {
  /** Is told of what requests fail of, and says whether it tells the operator of that itself. */
  notice(error: unknown): boolean
  /** Whether a disk is full. */
  readonly isFull: boolean
  /** Looks whether it still is. */
  lookAgain(): Promise<void>
}

/** The largest `n` that lists take. */
export interface ListLimits {
  readonly catalogMaxEntries: number
  readonly tagsMax: number
}

/** One request on its way through a route. */
export interface OciContext extends OciOptions {
  readonly request: IncomingRequest
  readonly principal: Principal
  readonly can: Can
}

export type OciRoute = Route<OciContext, Action>

/** The repository that the address names. Throws NAME_INVALID. */
export function repositoryOf(params: { readonly name: string }): RepositoryName {
  return parseRepositoryName(params.name)
}

/** A success without a body. */
export function emptyReply(status: number, headers: Readonly<Record<string, string>>): Reply {
  return { status, headers, body: null }
}
