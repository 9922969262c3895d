/**
 * Notes in the data folder that a database is being filled from a backup: until that has ended, what it holds is a
 * part, and no server may take it for the whole. The note names the database, for a part may be thrown away, and
 * whoever runs the command again may have chosen another one, which holds what somebody needs.
 */
import { readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { replaceFile } from '../lib/whole-file.ts'
import { makeDurableFolder, syncFolder } from '../storage/filesystem/folders.ts'
import { restoringPath } from '../storage/layout.ts'

export interface Restoring {
  /** What a person types to bring it to its end. */
  readonly command: string
  /** What is being filled (`databaseName`); null where that has not begun. */
  readonly database: string | null
}

export async function beginRestoring(root: string, { command, database }: Restoring): Promise<void> {
  const path = join(root, restoringPath)
  await makeDurableFolder(dirname(path))
  await replaceFile({ path, text: `${[command, database ?? ''].join('\n').trim()}\n`, mode: 0o644 })
  await syncFolder(dirname(path))
}

export async function endRestoring(root: string): Promise<void> {
  const path = join(root, restoringPath)
  await rm(path, { force: true })
  await syncFolder(dirname(path))
}

/** What was interrupted, or null. */
export async function findRestoring(root: string): Promise<Restoring | null> {
  const text = await readFile(join(root, restoringPath), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (text === null) return null
  const [command = '', database = null] = text.trim().split('\n')
  return { command, database }
}
