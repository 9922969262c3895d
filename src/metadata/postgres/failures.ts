/**
 * What an error of PostgreSQL means for whoever asked: try again, give up for now, or a defect.
 * Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
import { SQL } from 'bun'
import { messageOf } from '../../lib/thrown.ts'
import { DatabaseFull, DatabaseReadOnly, DatabaseUnavailable } from '../unavailable.ts'

const CONFLICTS: ReadonlySet<string> = new Set(['40001', '40P01'])
/** The server is stopping, crashing or starting, or has no connection left. */
const AWAY: ReadonlySet<string> = new Set([
  '57P01',
  '57P02',
  '57P03',
  '57P05',
  '53300',
  '08000',
  '08003',
  '08006',
])

const UNUSABLE: Readonly<Record<string, string>> = {
  '25006': 'is read-only, as a standby is: point database.url at the primary',
  '25P03': 'ended the transaction because it stood still for too long',
  '28000': 'refuses the login: check the user in database.url, and the server’s pg_hba.conf',
  '28P01': 'refuses the password in database.url',
  '3D000': 'has no such database: create it, or correct database.url',
  '53100': 'has no room left on its disk',
  '53200': 'has no memory left',
  '55P03': 'waited too long for a lock that another replica holds',
  '57014': 'took too long to answer. Please try again in a moment',
  '58030': 'cannot read or write its disk',
}

/** Those that whoever pushes is told about; the others are plain DatabaseUnavailable. */
const CLASSES: Readonly<Record<string, typeof DatabaseUnavailable>> = {
  '25006': DatabaseReadOnly,
  '53100': DatabaseFull,
}

/** Two transactions got in each other's way; this one was undone, and may be run again at once. */
export function isConflict(error: unknown): boolean {
  return CONFLICTS.has(sqlState(error))
}

/** The connection is gone, or could not be made. What ran on it may have been committed only if COMMIT was sent. */
export function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof SQL.PostgresError)) return false
  return error.code.startsWith('ERR_POSTGRES_CONNECTION_') || AWAY.has(sqlState(error))
}

/** DatabaseUnavailable where the server or the way to it is the reason; else the error itself. */
export function asUnavailable(error: unknown): unknown {
  const reason = isConnectionLoss(error)
    ? `cannot be reached (${messageOf(error)}): check that it runs, and what berth.database.url (BERTH_DATABASE_URL) says`
    : UNUSABLE[sqlState(error)]
  if (reason === undefined) return error
  const Unavailable = CLASSES[sqlState(error)] ?? DatabaseUnavailable
  return new Unavailable(`PostgreSQL ${reason}.`, { cause: error })
}

function sqlState(error: unknown): string {
  return error instanceof SQL.PostgresError ? String(error.errno ?? '') : ''
}
