/**
 * Small files that are there whole or not at all, whoever reads them and whenever the process ends: written beside
 * their place, synced, and then put there. What fails leaves nothing behind. Syncing the folder is the caller's.
 */
import { constants } from 'node:fs'
import { copyFile, link, open, rename, rm } from 'node:fs/promises'
import { codeOf } from './thrown.ts'

export interface WholeFile {
  readonly path: string
  readonly text: string
  /** Whatever the process's umask. */
  readonly mode: number
}

/** Takes the place of what is there. Throws the system's error. */
export async function replaceFile(file: WholeFile): Promise<void> {
  await placed(file, (beside) => rename(beside, file.path))
}

/** False, and nothing has changed, where there is one already: of several who come at once, one makes it. Throws the system's error. */
export async function createFile(file: WholeFile): Promise<boolean> {
  try {
    await placed(file, (beside) => linkOrCopy(beside, file.path))
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

async function placed(file: WholeFile, place: (beside: string) => Promise<void>): Promise<void> {
  const beside = `${file.path}.${crypto.randomUUID()}`
  try {
    await writeNew(beside, file)
    await place(beside)
  } finally {
    await rm(beside, { force: true })
  }
}

async function writeNew(path: string, { text, mode }: WholeFile): Promise<void> {
  const file = await open(path, 'wx', mode)
  try {
    await file.chmod(mode)
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

const KNOWS_NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']

/** A file system that knows no second name of a file (FAT, some of the network) gets a copy, which is as good as it can do. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    if (!KNOWS_NO_LINKS.includes(codeOf(error) ?? '')) throw error
    await copyFile(from, to, constants.COPYFILE_EXCL)
  }
}
