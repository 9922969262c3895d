/**
 * Calls on one small file, or that look at no content. On a local disk they take microseconds and are made on
 * this thread: in the pool a pull's stat would queue behind the fsyncs of pushes, and going there and back takes
 * longer than the call (60 µs).
 * On any other volume they may wait for a network, and go to the pool. Errors are the kernel's own.
 */
import * as here from 'node:fs'
import * as pool from 'node:fs/promises'
import { promisify } from 'node:util'
import { StorageUnavailable } from '../blob-store.ts'
import type { FileFacts } from '../tree-store.ts'
import { nullIfAbsent } from './failures.ts'
import type { VolumeKind } from './volume.ts'

type Answer<T> = T | Promise<T>

export interface ShortCalls {
  /** The file's size in bytes, or null where nothing lies. Throws StorageUnavailable for what is no file. */
  size(path: string): Answer<number | null>
  /** As `size`, with the time of the last change. */
  stat(path: string): Answer<FileFacts | null>
  /** The names in a folder. */
  list(path: string): Answer<string[]>
  read(path: string): Answer<Uint8Array>
  /** Writes a file that must not exist yet. */
  create(path: string, bytes: Uint8Array): Answer<void>
  rename(from: string, to: string): Answer<void>
  /** Makes the folder and those above it. */
  makeFolder(path: string): Answer<string | undefined>
  remove(path: string): Answer<void>
  /** Removes an empty folder. */
  removeFolder(path: string): Answer<void>
  /** Opens what is there, and gives its descriptor. */
  open(path: string, flags: number): Answer<number>
  /** Bytes of an open file. */
  sizeOf(file: number): Answer<number>
  /** Only for what has no bytes left to write. */
  close(file: number): Answer<void>
}

const onThisThread: ShortCalls = {
  size: (path) => statHere(path)?.size ?? null,
  stat: statHere,
  list: (path) => here.readdirSync(path),
  read: (path) => here.readFileSync(path),
  create: (path, bytes) => here.writeFileSync(path, bytes, { flag: 'wx' }),
  rename: here.renameSync,
  makeFolder: (path) => here.mkdirSync(path, { recursive: true }),
  remove: here.unlinkSync,
  removeFolder: here.rmdirSync,
  open: here.openSync,
  sizeOf: (file) => here.fstatSync(file).size,
  close: here.closeSync,
}

/** For those who know nothing of the volume. */
export const onThePool: ShortCalls = {
  size: async (path) => (await statOnPool(path))?.size ?? null,
  stat: statOnPool,
  list: (path) => pool.readdir(path),
  read: (path) => pool.readFile(path),
  create: (path, bytes) => pool.writeFile(path, bytes, { flag: 'wx' }),
  rename: pool.rename,
  makeFolder: (path) => pool.mkdir(path, { recursive: true }),
  remove: pool.unlink,
  removeFolder: pool.rmdir,
  open: promisify(here.open),
  sizeOf: async (file) => (await promisify(here.fstat)(file)).size,
  close: promisify(here.close),
}

export function shortCallsOn(volume: VolumeKind): ShortCalls {
  return volume.kind === 'local' ? onThisThread : onThePool
}

function statHere(path: string): FileFacts | null {
  try {
    const found = here.statSync(path, { throwIfNoEntry: false })
    return found === undefined ? null : factsOf(found, path)
  } catch (error) {
    return nullIfAbsent(error)
  }
}

function statOnPool(path: string): Promise<FileFacts | null> {
  return pool.stat(path).then((found) => factsOf(found, path), nullIfAbsent)
}

function factsOf(found: here.Stats, path: string): FileFacts {
  if (!found.isFile()) throw new StorageUnavailable(`${path} is not a file: move it away.`)
  return { size: found.size, modifiedAt: Math.floor(found.mtimeMs) }
}
