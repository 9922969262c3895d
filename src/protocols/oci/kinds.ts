/**
 * What registry:2 calls the kinds of requests, in its log and in its metrics, so that what people have built on
 * these names goes on: and `referrers`, which it does not have.
 */
import type { Params } from '../../http/router.ts'

const KINDS: Readonly<Record<string, string>> = {
  '/v2/?': 'base',
  '/v2/_catalog': 'catalog',
  '/v2/:name+/tags/list': 'tags',
  '/v2/:name+/manifests/:reference': 'manifest',
  '/v2/:name+/blobs/:digest': 'blob',
  '/v2/:name+/blobs/uploads/?': 'blob_upload',
  '/v2/:name+/blobs/uploads/:upload': 'blob_upload_chunk',
  '/v2/:name+/referrers/:digest': 'referrers',
}

/** All that there are. */
export const REQUEST_KINDS: readonly string[] = Object.values(KINDS)

/** By the pattern of a route. Null for an address that registry:2 does not count: `/`. */
export function kindOf(pattern: string): string | null {
  return KINDS[pattern] ?? null
}

/** The names in an address, as registry:2 calls them. */
export function variablesOf(params: Params): Params {
  const { upload, ...others } = params
  return upload === undefined ? params : { ...others, uuid: upload }
}
