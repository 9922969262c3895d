/** Tells a database's file that SQLite can no longer read, and puts it aside for whoever may still want to look at it. */

import { SQLiteError } from 'bun:sqlite'
import { existsSync, renameSync } from 'node:fs'
import { DatabaseUnavailable } from '../unavailable.ts'
import { Statements } from './statements.ts'

const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26

/** Moves a damaged file away, with what SQLite keeps beside it, and gives its new path; null where nothing is wrong with it, or nothing is there. */
export function setAsideIfDamaged(path: string): string | null {
  if (!existsSync(path) || !isDamaged(path)) return null
  const aside = `${path}.damaged-${new Date().toISOString().replaceAll(':', '-')}`
  for (const ending of ['', '-wal', '-shm']) {
    if (existsSync(`${path}${ending}`)) renameSync(`${path}${ending}`, `${aside}${ending}`)
  }
  return aside
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
