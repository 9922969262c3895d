/** How a party of a race ended, as plain data. */
import { RegistryError } from '../../src/oci/errors.ts'

/** `done`, with what it gave, or refused by an error with this code. */
export type Outcome =
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly code: string }

/** Throws what is no refusal. */
export async function outcomeOf(work: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { kind: 'done', value: (await work()) ?? null }
  } catch (error) {
    if (error instanceof RegistryError) return { kind: 'refused', code: error.code }
    throw error
  }
}
