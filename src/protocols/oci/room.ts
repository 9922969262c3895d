/** Where a disk is full, whoever would store something is refused at once: what little room there is belongs to deletions. */
import { RegistryError } from '../../oci/errors.ts'
import type { OciContext } from './route.ts'

/** What anybody may know of it. */
export const FULL =
  'The disk of the registry is full, so there was no room for this. Ask its operator to free some space, then try again.'

/** The operator has been told of it. */
export class NoRoom extends RegistryError {
  constructor() {
    super('UNAVAILABLE', FULL)
  }
}

const STORES: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

/** For a disk that was found full: looks again before it refuses. Throws NoRoom. */
export async function requireRoom(
  { obstacles }: Pick<OciContext, 'obstacles'>,
  method: string,
): Promise<void> {
  if (!STORES.has(method)) return
  await obstacles.lookAgain()
  if (obstacles.isFull) throw new NoRoom()
}
