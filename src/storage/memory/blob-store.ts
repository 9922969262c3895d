/**
 * Blobs and uploads in this process's memory: for tests, and for `storage: inmemory`. Nothing bounds it, and
 * nothing outlives the process; "durable" means that it is in the map.
 */
import type { ByteRange } from '../../lib/byte-range.ts'
import { bytesContent, type Content } from '../../lib/content.ts'
import type { Digest } from '../../oci/digest.ts'
import { MANIFEST_LIMIT } from '../../oci/manifest.ts'
import type { UploadId } from '../../oci/upload-id.ts'
import {
  type BlobStore,
  type CondemnedBytes,
  type QuarantinedBytes,
  type StoredBytes,
  UploadTruncated,
  type UploadWriter,
} from '../blob-store.ts'

/** `now` tells the time in milliseconds since 1970. */
export function openMemoryBlobStore(now: () => number = Date.now): BlobStore {
  return new MemoryBlobStore(now)
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
  readonly #quarantined = new Map<Digest, { readonly pieces: Pieces; readonly since: number }>()
  /** What tells pieces apart that may have the same bytes. */
  readonly #identities = new WeakMap<Pieces, string>()
  /** By their places, oldest first. */
  readonly #condemned = new Map<string, CondemnedBytes & { readonly pieces: Pieces }>()
  readonly #now: () => number
  #places = 0

  constructor(now: () => number) {
    this.#now = now
  }

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

  async identify(digest: Digest): Promise<StoredBytes | null> {
    const found = this.#blobs.get(digest)
    return found === undefined ? null : { size: found.length, identity: this.#identityOf(found) }
  }

  async *readBlob(digest: Digest, range: ByteRange): AsyncGenerator<Uint8Array> {
    yield* slice(this.#blobs.get(digest) ?? NOTHING, range)
  }

  async quarantine(digest: Digest, { identity }: StoredBytes): Promise<boolean> {
    const pieces = this.#blobs.get(digest)
    if (pieces === undefined || this.#identityOf(pieces) !== identity) return false
    this.#blobs.delete(digest)
    this.#quarantined.set(digest, { pieces, since: Date.now() })
    return true
  }

  async *listQuarantined(after = ''): AsyncGenerator<QuarantinedBytes> {
    for (const digest of behind(after, this.#quarantined.keys())) {
      const found = this.#quarantined.get(digest)
      if (found !== undefined) yield { digest, size: found.pieces.length, since: found.since }
    }
  }

  async releaseQuarantined(digest: Digest): Promise<boolean> {
    const found = this.#quarantined.get(digest)
    if (found === undefined || this.#blobs.has(digest)) return false
    this.#blobs.set(digest, found.pieces)
    return this.#quarantined.delete(digest)
  }

  async *readQuarantined(digest: Digest, range: ByteRange): AsyncGenerator<Uint8Array> {
    yield* slice(this.#quarantined.get(digest)?.pieces ?? NOTHING, range)
  }

  async discardQuarantined(digest: Digest): Promise<void> {
    this.#quarantined.delete(digest)
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

  async *listUploads(after = ''): AsyncGenerator<UploadId> {
    yield* behind(after, this.#uploads.keys())
  }

  async condemn(digest: Digest, epoch: number): Promise<boolean> {
    const pieces = this.#blobs.get(digest)
    if (pieces === undefined) return false
    this.#blobs.delete(digest)
    const place = `${++this.#places}`
    const { length: size } = pieces
    this.#condemned.set(place, { digest, epoch, condemnedAt: this.#now(), size, place, pieces })
    return true
  }

  async putBack(digest: Digest): Promise<boolean> {
    const found = [...this.#condemned.values()].findLast((each) => each.digest === digest)
    if (found === undefined || this.#blobs.has(digest)) return false
    this.#blobs.set(digest, found.pieces)
    return this.#condemned.delete(found.place)
  }

  async *listCondemned(before = Number.POSITIVE_INFINITY, after = ''): AsyncGenerator<CondemnedBytes> {
    for (const { pieces: _, ...found } of this.#condemned.values()) {
      if (found.condemnedAt < before && Number(found.place) > Number(after)) yield found
    }
  }

  async unlinkCondemned({ place }: CondemnedBytes): Promise<void> {
    this.#condemned.delete(place)
  }

  #identityOf(pieces: Pieces): string {
    const known = this.#identities.get(pieces) ?? crypto.randomUUID()
    this.#identities.set(pieces, known)
    return known
  }

  #first(upload: UploadId, length: number): Pieces {
    const found = this.#uploads.get(upload) ?? NOTHING
    if (found.length < length) throw new UploadTruncated(upload, length, found.length)
    return { chunks: slice(found, { offset: 0, length }), length }
  }
}

function behind<Name extends string>(after: string, names: Iterable<Name>): Name[] {
  return [...names].filter((name) => name > after).sort()
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
