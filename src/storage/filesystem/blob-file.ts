/**
 * The file of one blob, for whoever hashes it or finds it damaged: which file it is, its bytes, and taking it out of its
 * place. All of it on the pool: a file may lie on a disk that answers slowly, for it is that disk which is in doubt.
 */
import { constants } from 'node:fs'
import { link, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { ByteRange } from '../../lib/byte-range.ts'
import { codeOf } from '../../lib/thrown.ts'
import { StorageUnavailable, type StoredBytes } from '../blob-store.ts'
import { isAbsence, nullIfAbsent } from './failures.ts'
import { makeDurableFolder, syncFolder } from './folders.ts'

const READ_BYTES = 256 * 1024

/** Null where there is no file. Throws StorageUnavailable for what is none. */
export async function identifyFile(path: string): Promise<StoredBytes | null> {
  try {
    const found = await stat(path, { bigint: true })
    if (!found.isFile()) throw new StorageUnavailable(`${path} is not a file: move it away.`)
    // The time of the last change is not in it, for a rename changes that.
    return { size: Number(found.size), identity: `${found.dev}:${found.ino}:${found.mtimeNs}` }
  } catch (error) {
    if (isAbsence(error)) return null
    throw error
  }
}

/** Chunks that are the reader's to keep; none where there is no file. */
export async function* readFilePart(path: string, { offset, length }: ByteRange): AsyncGenerator<Uint8Array> {
  const handle = await open(path, constants.O_RDONLY).catch(nullIfAbsent)
  if (handle === null) return
  try {
    for (let position = offset; position < offset + length; ) {
      const chunk = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, offset + length - position))
      const { bytesRead } = await handle.read(chunk, 0, chunk.byteLength, position)
      if (bytesRead === 0) return
      position += bytesRead
      yield chunk.subarray(0, bytesRead)
    }
  } finally {
    await handle.close()
  }
}

/**
 * Moves a file if it is still this one. Between the look and the rename others may have been put in its place: then
 * those were moved, which shows, and they are put back.
 */
export async function moveAside(from: string, to: string, bytes: StoredBytes): Promise<boolean> {
  if (!isSame(await identifyFile(from), bytes)) return false
  await makeDurableFolder(dirname(to))
  try {
    await rename(from, to)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
  if (!isSame(await identifyFile(to), bytes)) {
    await moveWhereNothingIs(to, from)
    return false
  }
  await syncFolder(dirname(to))
  await syncFolder(dirname(from))
  return true
}

/** False where something is there already, or nothing to move. Never takes the place of anything, and is durable. */
export async function moveWhereNothingIs(from: string, to: string): Promise<boolean> {
  await mkdir(dirname(to), { recursive: true })
  if (!(await linkOrMove(from, to))) return false
  await syncFolder(dirname(to))
  await syncFolder(dirname(dirname(to)))
  await rm(from, { force: true })
  return true
}

/** Some filesystems know no second name of a file; there a look must do. */
const NO_LINKS: ReadonlySet<string | null> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

async function linkOrMove(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST' || code === 'ENOENT') return false
    if (!NO_LINKS.has(code)) throw error
    if ((await identifyFile(to)) !== null) return false
    await rename(from, to)
    return true
  }
}

function isSame(found: StoredBytes | null, wanted: StoredBytes): boolean {
  return found !== null && found.identity === wanted.identity && found.size === wanted.size
}
