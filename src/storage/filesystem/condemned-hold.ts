/**
 * Holds condemned bytes back while somebody copies blobs: a file says since when, and is touched as long as that goes
 * on. Whoever looks for bytes that may be unlinked finds none that were condemned since. A file that nobody has touched
 * for a while is of somebody who died, and counts for nothing.
 */
import { rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { holdPath } from '../layout.ts'
import { explaining, isAbsence } from './failures.ts'

/** Milliseconds. */
const LAPSES_AFTER = 10 * 60_000
const TOUCH_EVERY = 60_000
/** Clocks of machines that share a folder, and the times of files, are not quite the same. */
const DOUBT = 60_000

export interface CondemnedHold extends AsyncDisposable {}

/** From now on, until it is disposed of. One at a time: the caller sees to that. Throws StorageUnavailable. */
export async function holdCondemned(root: string): Promise<CondemnedHold> {
  const path = join(root, holdPath)
  await explaining(path, () => writeFile(path, `${Date.now() - DOUBT}\n`))
  const touching = setInterval(() => {
    const now = new Date()
    // A folder that is away now is missed by whoever copies.
    utimes(path, now, now).catch(() => undefined)
  }, TOUCH_EVERY)
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(touching)
      await rm(path, { force: true })
    },
  }
}

/** Since when condemned bytes are held back, in milliseconds since 1970; null where they are not. */
export async function findHold(root: string): Promise<number | null> {
  const path = join(root, holdPath)
  const found = await stat(path).catch(nullIfAbsent)
  if (found === null || Date.now() - found.mtimeMs > LAPSES_AFTER) return null
  const since = Number(await Bun.file(path).text())
  return Number.isFinite(since) ? since : 0
}

function nullIfAbsent(error: unknown): null {
  if (isAbsence(error)) return null
  throw error
}
