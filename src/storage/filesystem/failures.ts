/**
 * What the kernel says, in words: errors that the operator can do something about become StorageUnavailable
 * with a sentence that names the place and the remedy; the kernel's own error is the cause. Everything else
 * is passed on as it came, for it is a fault of ours.
 */
import { codeOf } from '../../lib/thrown.ts'
import { StorageFull, StorageReadOnly, StorageUnavailable } from '../blob-store.ts'

type Sentence = (place: string) => string

const isFull: Sentence = (place) => `The disk that holds ${place} is full: free some space, then try again.`
const isForbidden: Sentence = (place) =>
  `Berth may not use ${place}: give the user that it runs as the right to read and write there.`
const hasTooManyFiles: Sentence = (place) =>
  `Too many files are open to work in ${place}: raise the limit (ulimit -n, or LimitNOFILE= in systemd).`
const isUnreachable: Sentence = (place) =>
  `The network volume that holds ${place} does not answer: check its server and its mount.`

const SENTENCES: Readonly<Record<string, Sentence>> = {
  ENOSPC: isFull,
  EDQUOT: (place) => `The disk quota for ${place} is used up: raise it, or free some space.`,
  EFBIG: (place) => `The file is larger than ${place} may hold: check the filesystem and ulimit -f.`,
  EROFS: (place) => `The disk that holds ${place} is read-only: mount it for writing.`,
  EACCES: isForbidden,
  EPERM: isForbidden,
  EMFILE: hasTooManyFiles,
  ENFILE: hasTooManyFiles,
  EIO: (place) =>
    `The disk that holds ${place} reported an error: look into the kernel's log (dmesg) and check the disk.`,
  ESTALE: isUnreachable,
  ETIMEDOUT: isUnreachable,
  ENOTCONN: isUnreachable,
  ENOENT: (place) => `${place} has disappeared: check that its volume is still mounted.`,
  EISDIR: (place) => `${place} is a folder where a file belongs: move it away.`,
  ENOTDIR: (place) => `A part of ${place} is a file where a folder belongs: move it away.`,
  EXDEV: (place) =>
    `${place} lies on another volume than Berth's own folder: keep everything under the root on one.`,
}

/** Those that whoever pushes is told about; the others are plain StorageUnavailable. */
const CLASSES: Readonly<Record<string, typeof StorageUnavailable>> = {
  ENOSPC: StorageFull,
  EDQUOT: StorageFull,
  EROFS: StorageReadOnly,
}

/** Nothing lies at the path: neither a file nor, perhaps, its folder. Every other error leaves that open. */
export function isAbsence(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** For `catch`: null where nothing lies at the path. */
export function nullIfAbsent(error: unknown): null {
  if (isAbsence(error)) return null
  throw error
}

/** The error as StorageUnavailable where the operator can mend it, else the error itself. `place` is named unless the error names a path. */
export function explained(error: unknown, place: string): unknown {
  const code = codeOf(error) ?? ''
  const sentence = SENTENCES[code]
  if (sentence === undefined || !(error instanceof Error)) return error
  const Unavailable = CLASSES[code] ?? StorageUnavailable
  return new Unavailable(sentence(pathOf(error) ?? place), { cause: error })
}

/** The path that an error is about; of a rename, where it should have gone. */
function pathOf(error: Error): string | null {
  if ('dest' in error && typeof error.dest === 'string') return error.dest
  return 'path' in error && typeof error.path === 'string' ? error.path : null
}

/** Does the work, and explains what goes wrong. */
export async function explaining<T>(place: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw explained(error, place)
  }
}

/** Passes chunks on, and explains what goes wrong with their source. */
export async function* explainingEach<T>(place: string, source: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* source
  } catch (error) {
    throw explained(error, place)
  }
}
