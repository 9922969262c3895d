/**
 * What travels between a database and its writer in another thread or process: plain data only. Errors cross
 * as data too, and become the same class again where both sides know it.
 */
import { type Problem, RegistryError } from '../../oci/errors.ts'
import { WriterUnavailable } from '../database.ts'
import { DatabaseFull, DatabaseReadOnly, DatabaseUnavailable, SchemaTooNew } from '../unavailable.ts'

export type ToWriter =
  | { readonly kind: 'command'; readonly id: number; readonly name: string; readonly input: unknown }
  | { readonly kind: 'close' }

export type FromWriter =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly error: ErrorData }
  | { readonly kind: 'output'; readonly id: number; readonly output: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: ErrorData }
  | { readonly kind: 'closed' }

export type ErrorData =
  | { readonly kind: 'registry'; readonly problems: readonly [Problem, ...Problem[]] }
  | { readonly kind: 'other'; readonly name: string; readonly message: string; readonly stack: string }

/** An error of a layer that this one may not import, to be the same class again on the other side. */
export type ErrorClass = new (message: string) => Error

const OWN_CLASSES: readonly ErrorClass[] = [
  WriterUnavailable,
  DatabaseUnavailable,
  DatabaseFull,
  DatabaseReadOnly,
  SchemaTooNew,
]

export function errorToData(error: unknown): ErrorData {
  if (error instanceof RegistryError) {
    const [first, ...others] = error.problems
    const problem = first ?? { code: error.code, message: error.message }
    return { kind: 'registry', problems: [problem, ...others] }
  }
  if (!(error instanceof Error)) return { kind: 'other', name: 'Error', message: String(error), stack: '' }
  return { kind: 'other', name: error.name, message: error.message, stack: stackWithCauses(error) }
}

export function errorFromData(data: ErrorData, classes: readonly ErrorClass[]): Error {
  if (data.kind === 'registry') return RegistryError.of(data.problems)
  for (const Class of [...OWN_CLASSES, ...classes]) {
    const error = new Class(data.message)
    if (error.name === data.name) return Object.assign(error, { stack: data.stack })
  }
  return Object.assign(new Error(data.message), { name: data.name, stack: data.stack })
}

/** A log that shows the error on this side should also show why it came about on the other. */
function stackWithCauses(error: Error): string {
  const own = error.stack ?? `${error.name}: ${error.message}`
  return error.cause instanceof Error ? `${own}\ncaused by ${stackWithCauses(error.cause)}` : own
}
