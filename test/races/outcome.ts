/** How a party of a race ended, as plain data. */
import { RegistryError } from '../../src/oci/errors.ts'
import { TrashBusy, TrashUnknown } from '../../src/registry/trash-errors.ts'

/** `done`, with what it gave, or refused by an error with this code, or of this name where it has none. */
export type Outcome =
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly code: string }

/** Throws what is no refusal. */
export async function outcomeOf(work: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { kind: 'done', value: (await work()) ?? null }
  } catch (error) {
    if (error instanceof RegistryError) return { kind: 'refused', code: error.code }
    if (error instanceof TrashBusy || error instanceof TrashUnknown)
      return { kind: 'refused', code: error.name }
    throw error
  }
}
