/** A BlobStore each of whose calls is a step; what it does with uploads in progress concerns their writer alone. */
import type { BlobStore } from '../../src/storage/blob-store.ts'
import type { Step, Turns } from './track.ts'

/** What a step names that touches the blobs' files. */
export const FILES = 'the files of blobs'

const READING: readonly string[] = ['stat', 'readBlob', 'listCondemned'] satisfies readonly string[]
/** Of one upload, or opening nothing. */
const PRIVATE: readonly string[] = [
  'content',
  'append',
  'read',
  'uploadSize',
  'copy',
  'discard',
  'listUploads',
]

export function steppedBlobs(blobs: BlobStore, turns: Turns): BlobStore {
  return new Proxy(blobs, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      const call = value.bind(target) as (...args: unknown[]) => unknown
      if (typeof name !== 'string' || PRIVATE.includes(name)) return call
      if (name.startsWith('list') || name === 'readBlob') return call
      return (...args: unknown[]) => turns.take(stepOf(name), async () => await call(...args))
    },
  })
}

function stepOf(name: string): Step {
  return READING.includes(name)
    ? { what: `files: ${name}`, reads: [FILES], adds: [], writes: [] }
    : { what: `files: ${name}`, reads: [], adds: [], writes: [FILES] }
}
