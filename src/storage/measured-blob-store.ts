/** A blob store that tells how long each call took, under the names that distribution gives such actions. */
import type { ByteRange } from '../lib/byte-range.ts'
import type { Content } from '../lib/content.ts'
import type { Digest } from '../oci/digest.ts'
import type { UploadId } from '../oci/upload-id.ts'
import type { BlobStore, CondemnedBytes, QuarantinedBytes, StoredBytes, UploadWriter } from './blob-store.ts'

export type TellSeconds = (action: string, seconds: number) => void

export function measuredBlobStore(real: BlobStore, tell: TellSeconds): BlobStore {
  return new MeasuredBlobStore(real, tell)
}

class MeasuredBlobStore implements BlobStore {
  readonly #real: BlobStore
  readonly #tell: TellSeconds

  constructor(real: BlobStore, tell: TellSeconds) {
    this.#real = real
    this.#tell = tell
  }

  stat(digest: Digest): Promise<number | null> {
    return this.#timed('Stat', this.#real.stat(digest))
  }

  content(digest: Digest, range: ByteRange): Content {
    return this.#real.content(digest, range)
  }

  identify(digest: Digest): Promise<StoredBytes | null> {
    return this.#timed('Stat', this.#real.identify(digest))
  }

  readBlob(digest: Digest, range: ByteRange): AsyncIterable<Uint8Array> {
    return this.#real.readBlob(digest, range)
  }

  quarantine(digest: Digest, bytes: StoredBytes): Promise<boolean> {
    return this.#timed('Move', this.#real.quarantine(digest, bytes))
  }

  listQuarantined(after?: string): AsyncIterable<QuarantinedBytes> {
    return this.#real.listQuarantined(after)
  }

  releaseQuarantined(digest: Digest): Promise<boolean> {
    return this.#timed('Move', this.#real.releaseQuarantined(digest))
  }

  readQuarantined(digest: Digest, range: ByteRange): AsyncIterable<Uint8Array> {
    return this.#real.readQuarantined(digest, range)
  }

  discardQuarantined(digest: Digest): Promise<void> {
    return this.#timed('Delete', this.#real.discardQuarantined(digest))
  }

  append(upload: UploadId, offset: number): Promise<UploadWriter> {
    return this.#timed('Writer', this.#real.append(upload, offset))
  }

  read(upload: UploadId, length: number): AsyncIterable<Uint8Array> {
    return this.#real.read(upload, length)
  }

  uploadSize(upload: UploadId): Promise<number> {
    return this.#timed('Stat', this.#real.uploadSize(upload))
  }

  copy(from: UploadId, to: UploadId, length: number): Promise<void> {
    return this.#timed('Copy', this.#real.copy(from, to, length))
  }

  commit(upload: UploadId, digest: Digest, size: number): Promise<void> {
    return this.#timed('Move', this.#real.commit(upload, digest, size))
  }

  discard(upload: UploadId): Promise<void> {
    return this.#timed('Delete', this.#real.discard(upload))
  }

  listUploads(after?: string): AsyncIterable<UploadId> {
    return this.#real.listUploads(after)
  }

  condemn(digest: Digest, epoch: number): Promise<boolean> {
    return this.#timed('Move', this.#real.condemn(digest, epoch))
  }

  putBack(digest: Digest): Promise<boolean> {
    return this.#timed('Move', this.#real.putBack(digest))
  }

  listCondemned(before?: number, after?: string): AsyncIterable<CondemnedBytes> {
    return this.#real.listCondemned(before, after)
  }

  unlinkCondemned(found: CondemnedBytes): Promise<void> {
    return this.#timed('Delete', this.#real.unlinkCondemned(found))
  }

  async #timed<T>(action: string, work: Promise<T>): Promise<T> {
    const started = performance.now()
    try {
      return await work
    } finally {
      this.#tell(action, (performance.now() - started) / 1000)
    }
  }
}
