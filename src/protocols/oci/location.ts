/**
 * The addresses that this protocol is served at and hands out. They are paths, which every client resolves against the
 * address that it used itself, unless the operator wants whole ones.
 */
import type { IncomingRequest } from '../../http/request.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import type { UploadId } from '../../oci/upload-id.ts'

export interface AddressOptions {
  /** What every `Location` begins with, before `/v2/`: `https://registry.example.com`, perhaps with a path; or null. */
  readonly host: string | null
  /** What stands before `/v2/` in every path: '', or such as `/registry`. */
  readonly prefix: string
  /** Whether a `Location` is a path where there is no `host`. Otherwise it is a URL of the host that the client asked. */
  readonly relativeUrls: boolean
}

/** A request, and how addresses in its reply are made. */
export interface Addressed {
  readonly request: IncomingRequest
  readonly addresses: AddressOptions
}

export function blobLocation(context: Addressed, repository: RepositoryName, digest: Digest): string {
  return `${locationBase(context)}/v2/${repository}/blobs/${digest}`
}

export function manifestLocation(context: Addressed, repository: RepositoryName, digest: Digest): string {
  return `${locationBase(context)}/v2/${repository}/manifests/${digest}`
}

/** With a query, as distribution's have: scripts append `&digest=` to what they were given, and not `?digest=`. */
export function uploadLocation(context: Addressed, repository: RepositoryName, id: UploadId): string {
  return `${locationBase(context)}/v2/${repository}/blobs/uploads/${id}?_state=1`
}

/** The path by which the client asked, with what a proxy has cut off it: what the next page's address begins with. */
export function ownPath(request: IncomingRequest): string {
  return request.cutPrefix + request.path
}

/** A path without the prefix, for the router; null for one that does not have it. `/` is for load balancers, and stays. */
export function withoutPrefix({ prefix }: AddressOptions, path: string): string | null {
  if (prefix === '' || path === '/') return path
  return path.startsWith(`${prefix}/`) && path !== `${prefix}/` ? path.slice(prefix.length) : null
}

/** What an address begins with, before `/v2/`. Whoever names a host is given it, as by distribution. A path, too, for a request that names none. */
function locationBase({ request, addresses: { host, prefix, relativeUrls } }: Addressed): string {
  if (host !== null) return host
  const origin = relativeUrls ? '' : (request.origin ?? '')
  return origin + request.cutPrefix + prefix
}
