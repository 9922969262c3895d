/**
 * One hostile request as data: what is sent, what comes back, and where that expectation comes from. Rows are
 * sent byte for byte, each on a connection of its own; nothing here sends anything.
 *
 * Where `answer` is the parser's, Bun refuses what is no HTTP before Berth sees it: without a body, and the
 * connection is closed. Its 505 is allowed to the request lines that hostile.test.ts lists, and no other 5xx to
 * anyone.
 */
import type { ErrorCode } from '../../src/oci/errors.ts'

/** What is written to the socket. */
export type Wire = string | Uint8Array

/** An upload that was opened for one row, in REPOSITORY. */
export interface Upload {
  readonly id: string
  /** Path and query, as its `Location` gave them. */
  readonly path: string
  /** Its address with more parameters. */
  with(parameters: string): string
}

export type Answer = Refused | ByParser | Accepted

/** The specification's errors, as JSON (distribution-spec "Error Codes"). */
export interface Refused {
  readonly kind: 'refused'
  readonly status: number
  readonly code: ErrorCode
  /** What the message must say, where that matters. */
  readonly says: string
  /** What the headers must be, by lower-case name. */
  readonly headers: Readonly<Record<string, RegExp>>
}

/** Bun's parser answers alone: a status without a body, and closes the connection. */
export interface ByParser {
  readonly kind: 'parser'
  readonly status: 400 | 413 | 431 | 505
}

export interface Accepted {
  readonly kind: 'accepted'
  readonly status: number
  readonly headers: Readonly<Record<string, RegExp>>
  /** The whole body, or what it must match. */
  readonly body: string | RegExp | Uint8Array
}

/** What docker-registry 2.8 answers to the same bytes. */
export type Peer =
  /** The same status, and the same error code where both have one. */
  | 'the same'
  /** Something else, for this reason. */
  | { readonly status: number; readonly because: string }

export interface Row {
  /** What it tries. */
  readonly name: string
  readonly send: Wire | ((upload: Upload) => Wire)
  /** Several where the bytes are several requests; none where the connection is closed without a word. */
  readonly answer: Answer | readonly Answer[]
  /** Where the expectation comes from. */
  readonly source: string
  readonly peer?: Peer
  readonly after?: Afterwards
}

/** What is asked afterwards, on another connection: that nothing has happened, as a rule. */
export interface Afterwards {
  readonly send: Wire | ((upload: Upload) => Wire)
  readonly answer: Answer
}

export interface Theme {
  readonly theme: string
  readonly rows: readonly Row[]
}

export function refused(
  status: number,
  code: ErrorCode,
  says = '',
  headers: Refused['headers'] = {},
): Refused {
  return { kind: 'refused', status, code, says, headers }
}

export function byParser(status: ByParser['status'] = 400): ByParser {
  return { kind: 'parser', status }
}

/** Whoever answers 200 or 206 sends something: the row says what. */
export function accepted(status: 200 | 206, headers: Accepted['headers'], body: Accepted['body']): Accepted
export function accepted(status: 201 | 202 | 204 | 301 | 304, headers?: Accepted['headers']): Accepted
export function accepted(
  status: number,
  headers: Accepted['headers'] = {},
  body: Accepted['body'] = '',
): Accepted {
  return { kind: 'accepted', status, headers, body }
}

/** Why a line that is no request line gets 505: for the `source` of its row, and the `because` of its peer. */
export const BUN_SAYS_505 = "Bun's parser; RFC 9112 §3 wants 400"

/** The connection is closed without an answer, as to a method that Bun does not know. */
export const SILENCE: readonly Answer[] = []
