/**
 * Addresses with slashes too many are sent to the right one, as distribution does: clients whose registry is written
 * with a slash at its end ask for `//v2/`, and people type one after `_catalog`.
 */
import type { Reply } from '../../http/reply.ts'
import type { IncomingRequest } from '../../http/request.ts'
import { emptyReply } from './route.ts'

/** 301 to what the address means, or null where that is nothing either. `isThere` knows the paths of this registry. */
export function findMoved(request: IncomingRequest, isThere: (path: string) => boolean): Reply | null {
  const single = request.path.replaceAll(/\/{2,}/g, '/')
  const meant = [single, single.replace(/\/$/, '')].find((path) => path !== request.path && isThere(path))
  if (meant === undefined) return null
  return emptyReply(301, { location: encodePath(request.cutPrefix + meant) + request.search })
}

function encodePath(path: string): string {
  return encodeURI(path).replaceAll('?', '%3F').replaceAll('#', '%23')
}
