/**
 * What the owner asks and is answered, as plain data: it travels between processes, for the one that has the control
 * socket need not be one that has the registry; and a command that finds no server asks itself the same.
 */
export interface OwnerRequest {
  readonly method: string
  readonly path: string
  /** What follows the question mark of the address; '' where there is none. */
  readonly query: string
  /** Parsed JSON, of which nothing is known yet; an empty object where there was no body. */
  readonly body: unknown
}

export interface OwnerAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Goes out as JSON. A refusal is `{ error: "a sentence" }`. */
  readonly data: unknown
}

/**
 * How long an answer may take, in milliseconds. What takes longer in all is done in steps: the answer says how far it
 * is, and whoever asks goes on asking.
 */
export const ANSWER_WITHIN = 120_000

export function ownerAnswer(status: number, data: unknown): OwnerAnswer {
  return { status, headers: {}, data }
}

export function ownerRefusal(status: number, error: string): OwnerAnswer {
  return ownerAnswer(status, { error })
}

/** RFC 9110 §15.5.6. */
export function notAllowed(allow: string): OwnerAnswer {
  return { ...ownerRefusal(405, `This address takes ${allow}.`), headers: { allow } }
}
