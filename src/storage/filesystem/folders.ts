/**
 * Folders whose entries must survive a power loss. A new file is durable when every folder from its own up
 * to the root has been fsynced since it gained its entry; a folder high up gains one rarely, so what is known
 * to be durable is remembered, and a folder that somebody else made but may not have synced is not.
 */
import { constants, fsync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { codeOf } from '../../lib/thrown.ts'
import { onThePool, type ShortCalls } from './short-calls.ts'

export class DurableFolders {
  /** Folders whose own entry in the folder above is known to be on disk. Never those of single blobs: there are too many. */
  readonly #durable = new Set<string>()
  readonly #calls: ShortCalls

  /** The root itself must be durable already. */
  constructor(root: string, calls: ShortCalls) {
    this.#calls = calls
    this.#durable.add(root)
  }

  /** Makes a folder and those above it. */
  async make(folder: string): Promise<void> {
    const first = await this.#calls.makeFolder(folder)
    if (first === undefined || first === folder) return
    for (const known of this.#durable) {
      if (known === first || known.startsWith(`${first}/`)) this.#durable.delete(known)
    }
  }

  /** Makes the entries of a folder durable, and its own, and those above as far as needed: leaf first. */
  async sync(folder: string): Promise<void> {
    await syncFolder(folder, this.#calls)
    for (let entry = folder; !this.#durable.has(entry); entry = dirname(entry)) {
      await syncFolder(dirname(entry), this.#calls)
      if (entry !== folder) this.#durable.add(entry)
    }
  }
}

/** How often a folder that is made may be removed again by somebody before a file is in it. */
const MOST_ATTEMPTS = 5

/**
 * Renames a file into a folder that may have to be made. Whoever has just emptied that folder removes it, perhaps
 * between the two: then it is made again.
 */
export async function placeFile(
  from: string,
  to: string,
  how: { readonly folders: DurableFolders; rename(from: string, to: string): unknown },
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    await how.folders.make(dirname(to))
    try {
      await how.rename(from, to)
      return
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || attempt === MOST_ATTEMPTS) throw error
    }
  }
}

/** Makes a folder durable, with those above it that had to be made. */
export async function makeDurableFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true })
  if (first === undefined) return
  const stop = dirname(first)
  for (let entry = folder; entry !== stop; entry = dirname(entry)) await syncFolder(dirname(entry))
}

/** fsync of a folder: its entries survive a power loss. A filesystem that knows no such thing is believed to need none. */
export async function syncFolder(path: string, calls = onThePool): Promise<void> {
  try {
    await syncFile(path, calls)
  } catch (error) {
    const code = codeOf(error)
    if (code !== 'EINVAL' && code !== 'ENOTSUP') throw error
  }
}

/** fsync of a file: its bytes survive a power loss. */
export async function syncFile(path: string, calls: ShortCalls): Promise<void> {
  const file = await calls.open(path, constants.O_RDONLY)
  try {
    await syncOpenFile(file)
  } finally {
    await calls.close(file)
  }
}

/** fsync of a descriptor, on the pool. */
export const syncOpenFile: (file: number) => Promise<void> = promisify(fsync)
