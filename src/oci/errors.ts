/**
 * Everything that a registry can refuse, by code. A code says what is wrong; which HTTP status it becomes is
 * each protocol's own affair. The sentence beside it stands where the thrower has nothing more exact to say.
 */
export const ERROR_CODES = {
  // distribution-spec "Error Codes"
  BLOB_UNKNOWN: 'The blob is not in this repository.',
  BLOB_UPLOAD_INVALID: 'The upload cannot go on. Start a new one.',
  BLOB_UPLOAD_UNKNOWN: 'The upload does not exist, or has ended. Start a new one.',
  DIGEST_INVALID: 'The digest is not that of the content, or is no digest at all.',
  MANIFEST_BLOB_UNKNOWN: 'The manifest refers to content that is not in this repository. Push that first.',
  MANIFEST_INVALID: 'The manifest is not valid.',
  MANIFEST_UNKNOWN: 'The manifest is not in this repository.',
  NAME_INVALID: 'The repository name is not valid.',
  NAME_UNKNOWN: 'The repository does not exist.',
  SIZE_INVALID: 'The length announced is not that of the content.',
  UNAUTHORIZED: 'Please log in.',
  DENIED: 'You are not allowed to do this.',
  UNSUPPORTED: 'This registry does not do this.',
  TOOMANYREQUESTS: 'There were too many requests. Please wait, then try again.',

  // What the CNCF registry adds; not its MANIFEST_UNVERIFIED, which is about the signatures of schema 1
  PAGINATION_NUMBER_INVALID: 'The number of results asked for is not valid.',
  RANGE_INVALID: 'The range does not fit the upload.',
  TAG_INVALID: 'The tag is not valid.',
  UNAVAILABLE: 'The registry cannot do this right now. Please try again.',
  UNKNOWN: 'Something went wrong inside the registry.',

  // What HTTP can refuse and neither of them names
  MANIFEST_TOO_LARGE: 'The manifest is too large.',
  METHOD_NOT_ALLOWED: 'This address does not take this method.',
  NOT_FOUND: 'There is nothing at this address.',
  REQUEST_INVALID: 'The request is not valid.',
  TOO_MANY_TAGS: 'The request names too many tags.',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/** One refusal, with what a person should do about it. `detail` is plain JSON for programs. */
export interface Problem {
  readonly code: ErrorCode
  readonly message: string
  readonly detail?: unknown
}

/** A request that the registry refuses, with one problem or several. Its own code and message are the first one's. */
export class RegistryError extends Error {
  readonly code: ErrorCode
  readonly problems: readonly [Problem, ...Problem[]]

  /** One problem. Several go through `of`. */
  constructor(
    code: ErrorCode,
    message: string = ERROR_CODES[code],
    detail?: unknown,
    others: readonly Problem[] = [],
  ) {
    super(message)
    this.name = 'RegistryError'
    this.code = code
    this.problems = [detail === undefined ? { code, message } : { code, message, detail }, ...others]
  }

  /** Several problems in one reply: one for each missing blob of a manifest, say. At least one. */
  static of([first, ...others]: readonly [Problem, ...Problem[]]): RegistryError {
    return new RegistryError(first.code, first.message, first.detail, others)
  }
}
