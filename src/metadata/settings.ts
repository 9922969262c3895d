/** What the database knows of itself, by key: its id, and how far the link tree has been gone through. */
import type { Read, Transaction } from './database.ts'
import { text } from './row.ts'

/** Where the id of the running start stands. New repositories take it from there. */
export const START_SETTING = 'tree.start'

export function findSetting(read: Read, key: string): Promise<string | null> {
  return read.one(`SELECT value FROM settings WHERE key = $1`, [key], (row) => text(row, 'value'))
}

/** Sets it where it is not set yet, and gives what holds: this value, or the one that was there. */
export async function claimSetting(tx: Transaction, key: string, value: string): Promise<string> {
  await tx.run(`INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING`, [key, value])
  return (await findSetting(tx, key)) ?? value
}

/** Sets it, whatever was there. */
export async function putSetting(tx: Transaction, key: string, value: string): Promise<void> {
  await tx.run(
    `INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
    [key, value],
  )
}

/** Sets it if it is still what was seen. */
export async function replaceSetting(
  tx: Transaction,
  key: string,
  { before, after }: { readonly before: string; readonly after: string },
): Promise<boolean> {
  const changed = await tx.run('UPDATE settings SET value = $3 WHERE key = $1 AND value = $2', [
    key,
    before,
    after,
  ])
  return changed === 1
}

export async function forgetSetting(tx: Transaction, key: string): Promise<void> {
  await tx.run('DELETE FROM settings WHERE key = $1', [key])
}

/** Changes no row, but fails where none could be changed (a standby, a disk that failed). */
export async function changeNothing(tx: Transaction): Promise<void> {
  await tx.run('UPDATE settings SET value = value WHERE key = $1', [''])
}
