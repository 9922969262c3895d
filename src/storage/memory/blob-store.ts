/**
 * Blobs and uploads in this process's memory: for tests, and for `storage: inmemory`. Nothing bounds it, and
 * nothing outlives the process; "durable" means that it is in the map.
 */
import type { ByteRange } from '../../lib/byte-range.ts'
import { bytesContent, type Content } from '../../lib/content.ts'
import type { Digest } from '../../oci/digest.ts'
import { MANIFEST_LIMIT } from '../../oci/manifest.ts'
import type { UploadId } from '../../oci/upload-id.ts'
import { type BlobStore, UploadTruncated, type UploadWriter } from '../blob-store.ts'

export function openMemoryBlobStore(): BlobStore {
  return new MemoryBlobStore()
}

/** Bytes in the pieces in which they came. */
interface Pieces {
  readonly chunks: Uint8Array[]
  length: number
}

const NOTHING: Readonly<Pieces> = { chunks: [], length: 0 }

class MemoryBlobStore implements BlobStore {
  readonly #blobs = new Map<Digest, Pieces>()
  readonly #uploads = new Map<UploadId, Pieces>()

  async stat(digest: Digest): Promise<number | null> {
    return this.#blobs.get(digest)?.length ?? null
  }

  content(digest: Digest, range: ByteRange): Content {
    const blob = this.#blobs.get(digest)
    if (blob === undefined) throw new Error(`There is no blob ${digest} in memory.`)
    if (range.length > MANIFEST_LIMIT) {
      return { kind: 'stream', length: range.length, open: () => asStream(slice(blob, range)) }
    }
    return bytesContent(Buffer.concat(slice(blob, range)))
  }

  async append(upload: UploadId, offset: number): Promise<UploadWriter> {
    const kept = this.#first(upload, offset)
    this.#uploads.set(upload, kept)
    return new MemoryUploadWriter(kept)
  }

  async *read(upload: UploadId, length: number): AsyncGenerator<Uint8Array> {
    yield* this.#first(upload, length).chunks
  }

  async uploadSize(upload: UploadId): Promise<number> {
    return this.#uploads.get(upload)?.length ?? 0
  }

  async copy(from: UploadId, to: UploadId, length: number): Promise<void> {
    this.#uploads.set(to, this.#first(from, length))
  }

  async commit(upload: UploadId, digest: Digest, size: number): Promise<void> {
    if (!this.#uploads.has(upload) && this.#blobs.get(digest)?.length === size) return
    this.#blobs.set(digest, this.#first(upload, size))
    this.#uploads.delete(upload)
  }

  async discard(upload: UploadId): Promise<void> {
    this.#uploads.delete(upload)
  }

  async *listUploads(): AsyncGenerator<UploadId> {
    yield* [...this.#uploads.keys()]
  }

  #first(upload: UploadId, length: number): Pieces {
    const found = this.#uploads.get(upload) ?? NOTHING
    if (found.length < length) throw new UploadTruncated(upload, length, found.length)
    return { chunks: slice(found, { offset: 0, length }), length }
  }
}

class MemoryUploadWriter implements UploadWriter {
  readonly #upload: Pieces
  #closed = false

  constructor(upload: Pieces) {
    this.#upload = upload
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#closed) throw new Error('A closed upload cannot be written.')
    this.#upload.chunks.push(chunk)
    this.#upload.length += chunk.byteLength
  }

  async close(): Promise<void> {
    this.#closed = true
  }
}

function slice(pieces: Readonly<Pieces>, range: ByteRange): Uint8Array[] {
  const wanted: Uint8Array[] = []
  const end = range.offset + range.length
  let position = 0
  for (const chunk of pieces.chunks) {
    const part = chunk.subarray(Math.max(range.offset - position, 0), Math.max(end - position, 0))
    if (part.byteLength > 0) wanted.push(part)
    position += chunk.byteLength
  }
  return wanted
}

async function* asStream(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}
