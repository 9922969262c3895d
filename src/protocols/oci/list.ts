/** Pages of names: `n`, `last` and `Link`, alike for tags and repositories (distribution-spec "Listing Tags"). */
import { nextLink } from '../../http/link.ts'
import type { Reply } from '../../http/reply.ts'
import type { IncomingRequest } from '../../http/request.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { PageRequest } from '../../registry/page.ts'
import { JSON_TYPE, jsonContent } from './json.ts'
import { ownPath } from './location.ts'

const WHOLE_NUMBER = /^\d+$/

/** `n` above the most is cut down to it, for the client follows `Link` anyway. Throws PAGINATION_NUMBER_INVALID. */
export function pageRequestOf(
  request: IncomingRequest,
  sizes: { readonly byDefault: number; readonly atMost: number },
): PageRequest {
  const n = request.query.get('n')
  if (n !== null && !WHOLE_NUMBER.test(n)) {
    throw new RegistryError(
      'PAGINATION_NUMBER_INVALID',
      `n must be a whole number from 0 on, such as n=100.`,
      { n },
    )
  }
  const limit = n === null ? sizes.byDefault : Math.min(Number(n), sizes.atMost)
  return { after: request.query.get('last') ?? '', limit }
}

/** `last` is the last name of the page where there is a next one. */
export function listReply(
  request: IncomingRequest,
  page: PageRequest,
  body: object,
  last: string | undefined,
): Reply {
  const link = last === undefined ? {} : { link: nextLink(ownPath(request), { last, n: String(page.limit) }) }
  return {
    status: 200,
    headers: { 'content-type': JSON_TYPE, ...link },
    body: jsonContent(body),
  }
}
