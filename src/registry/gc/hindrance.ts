/** Why nothing is collected now: on any doubt about what is needed, all of it is. */
import type { RegistryReads } from '../registry.ts'
import { findTreeState } from '../tree/tree-pass.ts'
import { findDoubt } from './doubts.ts'

/** A sentence with what to do; null where nothing holds collection up. Throws DatabaseUnavailable. */
export async function findHindrance(
  { database, tree }: RegistryReads,
  { isReadOnly }: { readonly isReadOnly: boolean },
): Promise<string | null> {
  if (isReadOnly) return READ_ONLY
  if (tree === null) return null
  switch (await findTreeState(database, tree.start)) {
    case 'unknown':
      return 'The images are being gone through after the start: nothing is collected until that has ended.'
    case 'partly known':
      return (
        'A repository could not be read since the start, so nothing is collected. ' +
        'The log says which: mend its folder, and start Berth again.'
      )
    case 'known':
      return await findDoubt(database, tree.start, { deleteUntagged: false })
  }
}

const READ_ONLY =
  'The registry is in read-only mode (storage.maintenance.readonly): nothing is collected until that is false.'
