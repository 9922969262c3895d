/** The database's own facts: its id, and what administrators set. */
import type { Read, Transaction } from './database.ts'
import { text } from './row.ts'

export function findSetting(read: Read, key: string): Promise<string | null> {
  return read.one(`SELECT value FROM settings WHERE key = $1`, [key], (row) => text(row, 'value'))
}

/** Sets it only where it is not set yet, and gives what holds now. */
export async function claimSetting(tx: Transaction, key: string, value: string): Promise<string> {
  await tx.run(`INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING`, [key, value])
  return (await findSetting(tx, key)) ?? value
}
