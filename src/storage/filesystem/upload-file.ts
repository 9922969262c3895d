/**
 * The file of one upload: opening it at an offset, reading it back, copying it, and making it durable.
 * An upload that never got a byte needs no file.
 */
import { constants, ftruncate } from 'node:fs'
import { copyFile, mkdir, open, rm, stat, truncate } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { codeOf } from '../../lib/thrown.ts'
import type { UploadId } from '../../oci/upload-id.ts'
import { UploadTruncated } from '../blob-store.ts'
import { syncOpenFile } from './folders.ts'
import type { ShortCalls } from './short-calls.ts'

const READ_BYTES = 256 * 1024

/** Appending, never writing at a position: a second writer by mistake makes the file too long, which shows, instead of wrong. */
const TO_APPEND = constants.O_WRONLY | constants.O_APPEND

/** Cuts an open file, on the pool: that may have many blocks to free. */
export const cut: (file: number, size: number) => Promise<void> = promisify(ftruncate)

/**
 * Opens an upload to go on at `offset`, cuts off what is behind it, and gives its descriptor. On a local disk that
 * waits for nobody: while a body waits to be read, Bun receives up to 1.5 MB of it. Throws UploadTruncated.
 */
export async function openToAppend(
  path: string,
  upload: UploadId,
  offset: number,
  calls: ShortCalls,
): Promise<number> {
  const descriptor = await openUpload(calls.open, path, upload, offset, TO_APPEND)
  try {
    const size = await calls.sizeOf(descriptor)
    if (size < offset) throw new UploadTruncated(upload, offset, size)
    if (size > offset) await cut(descriptor, offset)
    return descriptor
  } catch (error) {
    await calls.close(descriptor)
    throw error
  }
}

/** The first `length` bytes, in chunks that are the reader's to keep. Throws UploadTruncated. */
export async function* readUpload(
  path: string,
  upload: UploadId,
  length: number,
): AsyncGenerator<Uint8Array> {
  if (length === 0) return
  const handle = await openUpload(open, path, upload, length, constants.O_RDONLY)
  try {
    const { size } = await handle.stat()
    if (size < length) throw new UploadTruncated(upload, length, size)
    let position = 0
    while (position < length) {
      const chunk = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, length - position))
      const { bytesRead } = await handle.read(chunk, 0, chunk.byteLength, position)
      if (bytesRead === 0) throw new UploadTruncated(upload, length, position)
      position += bytesRead
      yield chunk.subarray(0, bytesRead)
    }
  } finally {
    await handle.close()
  }
}

/**
 * Makes `to` an upload with the first `length` bytes of `from`: by the kernel, which shares the blocks where
 * the filesystem can. Somebody may still append to `from`; that is cut off. Throws UploadTruncated.
 */
export async function copyUpload(
  from: { readonly path: string; readonly upload: UploadId },
  to: string,
  length: number,
): Promise<void> {
  const copied = await copyFile(from.path, to, constants.COPYFILE_FICLONE).then(
    async () => (await stat(to)).size,
    zeroIfAbsent,
  )
  if (copied < length) throw new UploadTruncated(from.upload, length, copied)
  await truncate(to, length)
}

/** Makes the first `size` bytes of an upload durable, and cuts off the others. Throws UploadTruncated. */
export async function makeUploadDurable(
  path: string,
  upload: UploadId,
  size: number,
  calls: ShortCalls,
): Promise<void> {
  const file = await openUpload(calls.open, path, upload, size, constants.O_WRONLY)
  try {
    const found = await calls.sizeOf(file)
    if (found < size) throw new UploadTruncated(upload, size, found)
    if (found > size) await cut(file, size)
    await syncUpload(path, () => syncOpenFile(file))
  } finally {
    await calls.close(file)
  }
}

/**
 * Syncs an upload's file. The kernel reports a write that failed in the background once, forgets the bytes,
 * and says yes the next time: so after a failure the upload is removed, lest it be committed with a hole.
 */
export async function syncUpload(path: string, sync: () => Promise<void>): Promise<void> {
  try {
    await sync()
  } catch (error) {
    await rm(path, { force: true }).catch(() => 'The first error is the one to tell.')
    throw error
  }
}

/** In place or on the pool, as a descriptor or a handle. */
type Open<File> = (path: string, flags: number) => File | Promise<File>

/** Opens an upload that must hold `least` bytes. Throws UploadTruncated. */
async function openUpload<File>(
  how: Open<File>,
  path: string,
  upload: UploadId,
  least: number,
  flags: number,
): Promise<File> {
  try {
    return least === 0 ? await openOrCreate(how, path, flags) : await how(path, flags)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw new UploadTruncated(upload, least, 0)
    throw error
  }
}

async function openOrCreate<File>(how: Open<File>, path: string, flags: number): Promise<File> {
  try {
    return await how(path, flags | constants.O_CREAT)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    await mkdir(dirname(path), { recursive: true })
    return how(path, flags | constants.O_CREAT)
  }
}

function zeroIfAbsent(error: unknown): number {
  if (codeOf(error) === 'ENOENT') return 0
  throw error
}
