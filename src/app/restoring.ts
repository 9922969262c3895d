/**
 * Notes in the data folder that a database is being filled from a backup: until that has ended, what it holds is a
 * part, and no server may take it for the whole.
 */
import { readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { replaceFile } from '../lib/whole-file.ts'
import { makeDurableFolder, syncFolder } from '../storage/filesystem/folders.ts'
import { restoringPath } from '../storage/layout.ts'

/** `command` is what a person types to bring it to its end. */
export async function beginRestoring(root: string, command: string): Promise<void> {
  const path = join(root, restoringPath)
  await makeDurableFolder(dirname(path))
  await replaceFile({ path, text: `${command}\n`, mode: 0o644 })
  await syncFolder(dirname(path))
}

export async function endRestoring(root: string): Promise<void> {
  const path = join(root, restoringPath)
  await rm(path, { force: true })
  await syncFolder(dirname(path))
}

/** The command that was interrupted, or null. */
export async function findRestoring(root: string): Promise<string | null> {
  const text = await readFile(join(root, restoringPath), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  return text === null ? null : text.trim()
}
