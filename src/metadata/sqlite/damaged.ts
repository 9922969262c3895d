/** Tells a database's file that SQLite can no longer read, and puts it aside for whoever may still want to look at it. */

import { SQLiteError } from 'bun:sqlite'
import { existsSync, renameSync } from 'node:fs'
import { DatabaseUnavailable } from '../unavailable.ts'
import { Statements } from './statements.ts'

const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26

/** Moves a damaged file away, with what SQLite keeps beside it, and gives its new path; null where nothing is wrong with it, or nothing is there. */
export function setAsideIfDamaged(path: string): string | null {
  return existsSync(path) && isDamaged(path) ? setAside(path, 'damaged') : null
}

/** Moves the file away as `<path>.<what>-<time>`, with what SQLite keeps beside it, and gives its new path; null where nothing is there. Nobody may have it open. */
export function setAside(path: string, what: string): string | null {
  const aside = `${path}.${what}-${new Date().toISOString().replaceAll(':', '-')}`
  const endings = ['', '-wal', '-shm'].filter((ending) => existsSync(`${path}${ending}`))
  for (const ending of endings) renameSync(`${path}${ending}`, `${aside}${ending}`)
  return endings.length > 0 ? aside : null
}

/** Reads the whole file. Throws DatabaseUnavailable where it cannot be opened for another reason. */
function isDamaged(path: string): boolean {
  try {
    const statements = new Statements(path, 'write')
    try {
      return statements.one('PRAGMA quick_check(1)', [])?.['quick_check'] !== 'ok'
    } finally {
      statements.close()
    }
  } catch (error) {
    if (tellsOfDamage(error)) return true
    throw error
  }
}

function tellsOfDamage(error: unknown): boolean {
  if (!(error instanceof DatabaseUnavailable && error.cause instanceof SQLiteError)) return false
  return [SQLITE_CORRUPT, SQLITE_NOTADB].includes(error.cause.errno & 0xff)
}
