/**
 * Holds condemned bytes back while somebody copies blobs: a file of each who does says since when, and is touched as
 * long as that goes on. Whoever looks for bytes that may be unlinked finds none that were condemned since. A file that
 * nobody has touched for a while is of somebody who died, and counts for nothing.
 */
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StorageReadOnly } from '../blob-store.ts'
import { holdsFolder } from '../layout.ts'
import { explaining, nullIfAbsent } from './failures.ts'

/** Milliseconds. */
const LAPSES_AFTER = 10 * 60_000
const TOUCH_EVERY = 60_000
/** Clocks of machines that share a folder, and the times of files, are not quite the same. */
const DOUBT = 60_000

/** From now on, until it is disposed of. Throws StorageUnavailable. */
export async function holdCondemned(root: string): Promise<AsyncDisposable> {
  const folder = join(root, holdsFolder)
  const path = join(folder, crypto.randomUUID())
  try {
    await explaining(path, async () => {
      await mkdir(folder, { recursive: true })
      await writeFile(path, `${Date.now() - DOUBT}\n`)
    })
  } catch (error) {
    // Nobody can unlink anything there either, and whoever has such a disk needs a backup.
    if (error instanceof StorageReadOnly) return { [Symbol.asyncDispose]: () => Promise.resolve() }
    throw error
  }
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
  const folder = join(root, holdsFolder)
  const names = (await readdir(folder).catch(nullIfAbsent)) ?? []
  const holds = await Promise.all(names.map((name) => sinceWhen(join(folder, name))))
  const living = holds.filter((since) => since !== null)
  return living.length === 0 ? null : Math.min(...living)
}

/** One that has just been made, and is empty still, holds back everything. */
async function sinceWhen(path: string): Promise<number | null> {
  const found = await stat(path).catch(nullIfAbsent)
  if (found === null) return null
  if (Date.now() - found.mtimeMs > LAPSES_AFTER) {
    // It may be another user's.
    await rm(path, { force: true }).catch(() => undefined)
    return null
  }
  const since = Number(await readFile(path, 'utf8').catch(nullIfAbsent))
  return Number.isFinite(since) ? since : 0
}
