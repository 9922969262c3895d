/** The blobs of a point in time, in order of their digests: a line each, `sha256:… <bytes>`. Lists may be long, so they are never held whole. */
import { compressed, decompressed } from '../../lib/zstd.ts'
import { type Digest, isDigest } from '../../oci/digest.ts'
import type { BackupFolder } from '../../storage/backup-folder.ts'
import { BackupDamaged } from './metadata-format.ts'

const CHUNK_BYTES = 1024 * 1024

/** A blob, as the facts have it. */
export interface ListedBlob {
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
}

export interface BlobListFacts {
  readonly blobs: number
  /** Of all of them together. */
  readonly bytes: number
  /** SHA-256 of the lines, in hexadecimal digits. */
  readonly digest: string
}

/** Writes a list as a whole. Throws StorageUnavailable, and what the source throws. */
export async function writeBlobList(
  folder: BackupFolder,
  path: string,
  blobs: AsyncIterable<ListedBlob>,
): Promise<BlobListFacts> {
  const facts = { blobs: 0, bytes: 0, hasher: new Bun.CryptoHasher('sha256') }
  await folder.write(path, compressed(linesOf(blobs, facts)))
  return { blobs: facts.blobs, bytes: facts.bytes, digest: facts.hasher.digest('hex') }
}

async function* linesOf(
  blobs: AsyncIterable<ListedBlob>,
  facts: { blobs: number; bytes: number; readonly hasher: Bun.CryptoHasher },
): AsyncGenerator<Uint8Array> {
  let lines = ''
  const take = () => {
    const bytes = new TextEncoder().encode(lines)
    facts.hasher.update(bytes)
    lines = ''
    return bytes
  }
  for await (const { digest, size } of blobs) {
    lines += `${digest} ${size}\n`
    facts.blobs++
    facts.bytes += size
    if (lines.length > CHUNK_BYTES) yield take()
  }
  yield take()
}

/**
 * Reads a list. The last step throws BackupDamaged where it is not what was written. Throws StorageUnavailable too.
 */
export async function* readBlobList(
  folder: BackupFolder,
  path: string,
  expected: BlobListFacts,
): AsyncGenerator<ListedBlob> {
  const hasher = new Bun.CryptoHasher('sha256')
  const decoder = new TextDecoder()
  let [rest, last] = ['', '']
  for await (const chunk of explained(decompressed(folder.read(path)))) {
    hasher.update(chunk)
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const blob = blobOf(line)
      // Whoever looks for one in it takes it for absent when one behind it has come.
      if (blob.digest <= last) throw damaged()
      last = blob.digest
      yield blob
    }
  }
  if (rest !== '' || hasher.digest('hex') !== expected.digest) throw damaged()
}

/** Reads a list to its end. Throws BackupDamaged, StorageUnavailable. */
export async function checkBlobList(
  folder: BackupFolder,
  path: string,
  expected: BlobListFacts,
): Promise<void> {
  for await (const _ of readBlobList(folder, path, expected));
}

async function* explained(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('ZSTD'))
      throw damaged(error)
    throw error
  }
}

function blobOf(line: string): ListedBlob {
  const [digest = '', size = ''] = line.split(' ')
  if (!isDigest(digest) || !/^\d{1,16}$/.test(size)) throw damaged()
  return { digest, size: Number(size) }
}

function damaged(cause?: unknown): BackupDamaged {
  return new BackupDamaged('Its list of blobs is not what was written.', { cause })
}
