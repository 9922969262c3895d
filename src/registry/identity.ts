/**
 * Which folder and which database belong together: the same id stands in both. A database that was swapped
 * or lost is noticed at start, before anything is written.
 */
import { command, type Database, type Read } from '../metadata/database.ts'
import { claimSetting, findSetting } from '../metadata/settings.ts'

const IDENTITY = 'registry.id'

export const claimIdentityCommand = command('registry.claim-identity', (tx, input: { readonly id: string }) =>
  claimSetting(tx, IDENTITY, input.id),
)

/** The database's id, or null for a database that nobody has used yet. */
export function findIdentity(read: Read): Promise<string | null> {
  return findSetting(read, IDENTITY)
}

/** Gives the database its id where it has none, and says which one it has. */
export function claimIdentity(database: Database, id: string): Promise<string> {
  return database.write(claimIdentityCommand, { id })
}
