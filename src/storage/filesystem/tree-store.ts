/**
 * The link tree as files under one root. A file is written beside the tree, in `berth/temporary`, and renamed
 * into it, so that another registry sees the old one or the new one and nothing else; a folder leaves through
 * `berth/gone` the same way. What a crash left in either is cleared when the store is opened.
 * Symbolic links inside the tree are followed, for people move parts of it; everything must stay on one volume.
 */
import type { Stats } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf } from '../../lib/thrown.ts'
import { goneFolder, temporaryFolder } from '../layout.ts'
import type { EntryKind, FileFacts, TreeStore } from '../tree-store.ts'
import { explaining, isAbsence } from './failures.ts'
import { syncFile, syncFolder } from './folders.ts'
import { type FilesystemOptions, openRoot, type Root } from './root.ts'
import type { ShortCalls } from './short-calls.ts'
import { VolumeSync } from './volume-sync.ts'

/** fsyncs under way at once: they share the disk's flushes, and more would keep the pool from everybody else. */
const SYNCS_AT_ONCE = 4

/** From so many files and folders on, the whole volume is synced at once. */
const WORTH_A_VOLUME_SYNC = 32

/** How often a folder that is made may be removed again by somebody before a file is in it. */
const MOST_ATTEMPTS = 5

/** What the removal of a folder says where something lies in it, or where it is none, or a volume of its own. */
const HOLDS_SOMETHING = ['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EBUSY']

/** A temporary file of this age is nobody's: other processes write theirs in milliseconds. */
const ABANDONED_AFTER_MS = 60 * 60 * 1000

/** Opens the store, and clears what a crash left behind. Throws StorageUnavailable. */
export async function openFilesystemTreeStore(options: FilesystemOptions): Promise<TreeStore> {
  const root = await openRoot(options, [temporaryFolder, goneFolder])
  return explaining(root.path, async () => {
    await clear(join(root.path, goneFolder), () => true)
    await clear(join(root.path, temporaryFolder), isAbandoned)
    return new FilesystemTreeStore(root)
  })
}

/** For those who only look: clears nothing, for whoever writes to the tree may be at work. Throws StorageUnavailable. */
export async function openFilesystemTreeToRead(
  options: FilesystemOptions,
): Promise<Pick<TreeStore, 'list' | 'read' | 'stat' | 'kindOf' | 'isSame'>> {
  return new FilesystemTreeStore(await openRoot(options, []))
}

class FilesystemTreeStore implements TreeStore {
  readonly #root: string
  readonly #calls: ShortCalls
  readonly #volume: VolumeSync

  constructor(root: Root) {
    this.#root = root.path
    this.#calls = root.calls
    this.#volume = new VolumeSync(root)
  }

  read(path: string): Promise<Uint8Array | null> {
    const file = this.#inside(path)
    return explaining(file, () => unlessAbsent(null, () => this.#calls.read(file)))
  }

  stat(path: string): Promise<FileFacts | null> {
    const file = this.#inside(path)
    return explaining(file, async () => this.#calls.stat(file))
  }

  kindOf(path: string): Promise<EntryKind | null> {
    const file = this.#inside(path)
    return explaining(file, async () => kindOf(await stat(file).catch(nullUnlessUnknown)))
  }

  isSame(one: string, other: string): Promise<boolean> {
    const files = [this.#inside(one), this.#inside(other)]
    return explaining(this.#inside(one), async () => {
      const [first, second] = await Promise.all(files.map((file) => stat(file, { bigint: true })))
      return first?.dev === second?.dev && first?.ino === second?.ino
    })
  }

  changedAt(path: string): Promise<number> {
    const file = this.#inside(path)
    return explaining(file, async () => {
      for (let place = file; place !== this.#root; place = dirname(place)) {
        const found = await unlessAbsent(null, () => stat(place))
        if (found !== null) return Math.floor(found.mtimeMs)
      }
      return Math.floor((await stat(this.#root)).mtimeMs)
    })
  }

  write(path: string, bytes: Uint8Array): Promise<void> {
    const file = this.#inside(path)
    const temporary = this.#unique(temporaryFolder)
    return explaining(file, async () => {
      try {
        await this.#calls.create(temporary, bytes)
        await this.#place(temporary, file)
      } catch (error) {
        await rm(temporary, { force: true })
        throw error
      }
    })
  }

  remove(path: string): Promise<void> {
    const file = this.#inside(path)
    return explaining(file, () => unlessAbsent(undefined, () => this.#calls.remove(file)))
  }

  removeFolder(path: string): Promise<void> {
    const folder = this.#inside(path)
    const gone = this.#unique(goneFolder)
    return explaining(folder, async () => {
      await this.#calls.makeFolder(dirname(gone))
      await unlessAbsent(undefined, () => this.#calls.rename(folder, gone))
      await rm(gone, { recursive: true, force: true })
    })
  }

  removeEmptyFolder(path: string): Promise<boolean> {
    const folder = this.#inside(path)
    return explaining(folder, async () => {
      try {
        await this.#calls.removeFolder(folder)
        return true
      } catch (error) {
        const code = codeOf(error) ?? ''
        if (HOLDS_SOMETHING.includes(code)) return false
        if (isAbsence(error)) return true
        throw error
      }
    })
  }

  list(path: string): Promise<string[]> {
    const folder = this.#inside(path)
    return explaining(folder, async () => {
      const names = await unlessAbsent([], () => this.#calls.list(folder))
      return names.sort()
    })
  }

  sync(paths: readonly string[]): Promise<void> {
    const files = [...new Set(paths.map((path) => this.#inside(path)))]
    return explaining(this.#root, async () => {
      const folders = this.#foldersAbove(files)
      if (await this.#syncTogether(files.length + folders.length)) return
      await eachOf(files, (file) => unlessAbsent(undefined, () => syncFile(file, this.#calls)))
      await eachOf(folders, (folder) => unlessAbsent(undefined, () => syncFolder(folder, this.#calls)))
    })
  }

  async #syncTogether(amount: number): Promise<boolean> {
    return amount >= WORTH_A_VOLUME_SYNC && (await this.#volume.sync())
  }

  /** Most files have their folder already, so it is made only when it turns out to be missing; whoever empties one removes it. */
  async #place(temporary: string, file: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#calls.rename(temporary, file)
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || attempt === MOST_ATTEMPTS) throw error
        await this.#calls.makeFolder(dirname(file))
      }
    }
  }

  /** Every folder from these files up to the root, each once, the deepest first. */
  #foldersAbove(files: readonly string[]): string[] {
    const folders = new Set<string>([this.#root])
    for (const file of files) {
      for (let folder = dirname(file); !folders.has(folder); folder = dirname(folder)) folders.add(folder)
    }
    return [...folders].sort((a, b) => b.length - a.length)
  }

  #unique(folder: string): string {
    return join(this.#root, folder, crypto.randomUUID())
  }

  /** Paths come from layout.ts and cannot climb; one that could is a fault of ours, and stops here. */
  #inside(path: string): string {
    if (path === '' || path.startsWith('/') || path.split('/').includes('..')) {
      throw new Error(`"${path}" is not a path of the tree.`)
    }
    return join(this.#root, path)
  }
}

async function unlessAbsent<T>(absent: T, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isAbsence(error)) return absent
    throw error
  }
}

function kindOf(found: Stats | null): EntryKind | null {
  if (found === null) return null
  if (found.isDirectory()) return 'folder'
  return found.isFile() ? 'file' : 'other'
}

/** A symbolic link that leads back to itself leads nowhere too. */
function nullUnlessUnknown(error: unknown): null {
  if (isAbsence(error) || codeOf(error) === 'ELOOP') return null
  throw error
}

async function eachOf(paths: readonly string[], work: (path: string) => Promise<void>): Promise<void> {
  const rest = paths.values()
  const worker = async () => {
    for (const path of rest) await work(path)
  }
  await Promise.all(Array.from({ length: SYNCS_AT_ONCE }, worker))
}

async function clear(folder: string, isOurs: (path: string) => boolean | Promise<boolean>): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    if (await isOurs(path)) await rm(path, { recursive: true, force: true })
  }
}

/** Replicas may share the tree, so one that starts must not take another's file from under its hands. */
async function isAbandoned(path: string): Promise<boolean> {
  const found = await unlessAbsent(null, () => stat(path))
  return found !== null && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS
}
