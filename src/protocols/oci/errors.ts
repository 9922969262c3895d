/** What a refusal looks like in this protocol: its status and its JSON body (distribution-spec "Error Codes"). The only place that knows both. */

import type { Reply } from '../../http/reply.ts'
import type { ErrorCode, RegistryError } from '../../oci/errors.ts'
import { JSON_TYPE, jsonContent } from './json.ts'

const STATUSES: Readonly<Record<ErrorCode, number>> = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 404,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 400,
  MANIFEST_INVALID: 400,
  MANIFEST_TOO_LARGE: 413,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  TAG_INVALID: 400,
  TOO_MANY_TAGS: 414,
  SIZE_INVALID: 400,
  RANGE_INVALID: 416,
  PAGINATION_NUMBER_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  METHOD_NOT_ALLOWED: 405,
  NOT_FOUND: 404,
  REQUEST_INVALID: 400,
  TOOMANYREQUESTS: 429,
  UNAVAILABLE: 503,
  UNKNOWN: 500,
}

/** Codes that clients do not know travel as the nearest one that they do. */
const WIRE_CODES: Partial<Readonly<Record<ErrorCode, ErrorCode>>> = {
  MANIFEST_TOO_LARGE: 'MANIFEST_INVALID',
  TOO_MANY_TAGS: 'TAG_INVALID',
  METHOD_NOT_ALLOWED: 'UNSUPPORTED',
}

export function errorReply(error: RegistryError, headers: Readonly<Record<string, string>> = {}): Reply {
  const errors = error.problems.map((problem) => ({
    ...problem,
    code: WIRE_CODES[problem.code] ?? problem.code,
  }))
  return {
    status: STATUSES[error.code],
    headers: { ...headers, 'content-type': JSON_TYPE },
    body: jsonContent({ errors }),
  }
}
