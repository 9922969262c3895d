/**
 * Blobs' files that were taken out of their place: `berth/condemned/<ten seconds>/<name>` (condemned.ts).
 *
 * Taking one out is a rename, and the file's change time says when that was. Of a filesystem with a journal one fsync of
 * the folder that it went into makes the whole rename durable; on any other a power cut may leave it in both places.
 * Nothing is said to be absent by a volume that is not there: Berth's own folder must be.
 */
import { mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf } from '../../lib/thrown.ts'
import type { Digest } from '../../oci/digest.ts'
import type { CondemnedBytes } from '../blob-store.ts'
import {
  condemnedFileName,
  condemnedFolderName,
  condemnedPrefix,
  endOfCondemnedFolder,
  FOLDER_SPAN,
  parseCondemnedName,
} from '../condemned.ts'
import { condemnedFolder } from '../layout.ts'
import { findHold } from './condemned-hold.ts'
import { isAbsence, nullIfAbsent } from './failures.ts'
import { type DurableFolders, placeFile } from './folders.ts'
import type { Root } from './root.ts'
import type { ShortCalls } from './short-calls.ts'

/** How often a folder, or a file, may go between being seen and being used. */
const MOST_ATTEMPTS = 5

export class CondemnedFiles {
  readonly #root: string
  readonly #folder: string
  readonly #calls: ShortCalls
  readonly #folders: DurableFolders
  /** Of each folder the sync that has not begun yet. */
  readonly #nextSync = new Map<string, Promise<void>>()
  #syncing: Promise<unknown> = Promise.resolve()

  /** The folder must be there. */
  constructor({ path, calls }: Root, folders: DurableFolders) {
    this.#root = path
    this.#folder = join(path, condemnedFolder)
    this.#calls = calls
    this.#folders = folders
  }

  /** False where nothing lies at the path. */
  async take(path: string, digest: Digest, epoch: number): Promise<boolean> {
    const folder = await this.#move(path, condemnedFileName(digest, epoch))
    if (folder === null) return false
    await removeIfEmpty(dirname(path))
    await this.#syncTogether(folder)
    return true
  }

  /** Gives the folder that it has moved the file into; null where there is no file. */
  async #move(path: string, name: string): Promise<string | null> {
    for (let attempt = 1; ; attempt++) {
      const folder = join(this.#folder, condemnedFolderName(Date.now()))
      try {
        await this.#calls.rename(path, join(folder, name))
        return folder
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || attempt === MOST_ATTEMPTS) throw error
        if ((await this.#calls.size(path)) === null) {
          await stat(dirname(this.#folder))
          return null
        }
        await makeFolder(this.#folder)
        await makeFolder(folder)
      }
    }
  }

  /** True where the file is at the path now because of this. */
  async putBack(path: string, digest: Digest): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      const found = (await this.#calls.size(path)) === null ? await this.#findNewest(digest) : null
      if (found === null) return false
      try {
        await placeFile(found, path, { folders: this.#folders, rename })
        await this.#folders.sync(dirname(path))
        return true
      } catch (error) {
        if (!isAbsence(error) || attempt === MOST_ATTEMPTS) throw error
      }
    }
  }

  /** What was condemned since somebody holds it back is not ripe, whenever that was. */
  async *list(before = Number.POSITIVE_INFINITY, after = ''): AsyncGenerator<CondemnedBytes> {
    const held = Number.isFinite(before) ? await findHold(this.#root) : null
    yield* this.#list(held === null ? before : Math.min(before, held), after)
  }

  /** Where the newest bytes of a blob lie; null where there are none. */
  find(digest: Digest): Promise<string | null> {
    return this.#findNewest(digest)
  }

  async *#list(before: number, after: string): AsyncGenerator<CondemnedBytes> {
    const [firstFolder = '', lastName = ''] = after.split('/')
    const folders = (await this.#listFolders()).filter((folder) => Number(folder) >= Number(firstFolder))
    for (const folder of folders) {
      const end = endOfCondemnedFolder(folder) ?? 0
      if (end - FOLDER_SPAN >= before) return
      const names = await this.#listFolder(folder)
      // Whoever is about to use it, after a long sleep, makes it again.
      if (names.length === 0 && end + FOLDER_SPAN < Date.now())
        await removeIfEmpty(join(this.#folder, folder))
      const last = folder === firstFolder ? lastName : ''
      for (const name of names.filter((each) => each > last).sort()) {
        const found = await this.#describe(`${folder}/${name}`)
        if (found !== null && found.condemnedAt < before) yield found
      }
    }
  }

  async unlink({ place }: CondemnedBytes): Promise<void> {
    await rm(join(this.#folder, place), { force: true })
  }

  async #describe(place: string): Promise<CondemnedBytes | null> {
    const known = parseCondemnedName(place.slice(place.indexOf('/') + 1))
    const found = known === null ? null : await stat(join(this.#folder, place)).catch(nullIfAbsent)
    if (known === null || found === null) return null
    return { ...known, condemnedAt: Math.ceil(found.ctimeMs), size: found.size, place }
  }

  async #findNewest(digest: Digest): Promise<string | null> {
    const prefix = condemnedPrefix(digest)
    for (const folder of (await this.#listFolders()).reverse()) {
      const name = (await this.#listFolder(folder)).find((each) => each.startsWith(prefix))
      if (name !== undefined) return join(this.#folder, folder, name)
    }
    return null
  }

  /** Oldest first. */
  async #listFolders(): Promise<string[]> {
    const names = await this.#calls.list(this.#folder)
    return names
      .filter((name) => endOfCondemnedFolder(name) !== null)
      .sort((one, other) => Number(one) - Number(other))
  }

  async #listFolder(folder: string): Promise<string[]> {
    return (await readdir(join(this.#folder, folder)).catch(nullIfAbsent)) ?? []
  }

  /** Whoever asks while a sync is under way shares the next one with all who ask meanwhile. */
  #syncTogether(folder: string): Promise<void> {
    const waiting = this.#nextSync.get(folder)
    if (waiting !== undefined) return waiting
    const next = this.#syncing.then(() => {
      this.#nextSync.delete(folder)
      return this.#folders.sync(folder)
    })
    this.#nextSync.set(folder, next)
    this.#syncing = next.catch(() => undefined)
    return next
  }
}

/** Not those above it: that they are not there says that the volume is not. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error
  })
}

/** Another's file in it keeps it. */
async function removeIfEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch(() => 'It is of use to somebody, or gone.')
}
