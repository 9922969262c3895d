/** Holds an answer against what a row expects of it. */
import { expect } from 'bun:test'
import type { RawResponse } from '../../src/http/raw-client.support.ts'
import type { Accepted, Answer, Refused } from './row.ts'

interface Errors {
  readonly errors: readonly { readonly code: string; readonly message: string }[]
}

/** The code of the specification's errors, or null where the body has none. */
export function codeOf({ body }: RawResponse): string | null {
  try {
    return (JSON.parse(body.toString()) as Partial<Errors>).errors?.[0]?.code ?? null
  } catch {
    return null
  }
}

export function expectAnswer(answer: RawResponse, expected: Answer | undefined): void {
  expect(answer.status).toBe(expected?.status ?? 0)
  expect(answer.isWhole).toBe(true)
  if (expected?.kind === 'refused') expectRefusal(answer, expected)
  if (expected?.kind === 'parser') expect(answer.body.toString()).toBe('')
  if (expected?.kind === 'accepted') expectContent(answer, expected)
  if (expected?.kind !== 'parser') expectOwnHeaders(answer)
}

/** distribution-spec "Error Codes": JSON, and every error has a code and a message. */
function expectRefusal(answer: RawResponse, { code, says, headers }: Refused): void {
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
  const { errors } = JSON.parse(answer.body.toString()) as Errors
  expect(errors.map((error) => typeof error.code)).toContain('string')
  expect(errors[0]?.code).toBe(code)
  expect(errors[0]?.message).toContain(says)
  expectHeaders(answer, headers)
}

function expectContent(answer: RawResponse, { headers, body }: Accepted): void {
  if (typeof body === 'string') expect(answer.body.toString()).toBe(body)
  else if (body instanceof Uint8Array) expect(answer.body.equals(body)).toBe(true)
  else expect(answer.body.toString('latin1')).toMatch(body)
  expectHeaders(answer, headers)
}

function expectHeaders(answer: RawResponse, headers: Readonly<Record<string, RegExp>>): void {
  for (const [name, pattern] of Object.entries(headers)) expect(answer.headers[name] ?? '').toMatch(pattern)
}

/** Whatever was asked: the reply is ours, has an id that no log is fooled by, and no header that a client wrote. */
function expectOwnHeaders({ headers }: RawResponse): void {
  expect(headers['x-request-id']).toMatch(/^[\w.:+/=@-]{1,128}$/)
  expect(headers['x-evil']).toBeUndefined()
  expect(headers['location'] ?? '/v2/').toStartWith('/v2/')
  expect(headers['content-encoding']).toBeUndefined()
}
