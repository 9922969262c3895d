/**
 * Stores that pass everything on to a real one. A test extends one of them to count calls, or to be the disk
 * that fails or hangs.
 */
import type { ByteRange } from '../src/lib/byte-range.ts'
import type { Content } from '../src/lib/content.ts'
import type { Digest } from '../src/oci/digest.ts'
import type { UploadId } from '../src/oci/upload-id.ts'
import type {
  BlobStore,
  CondemnedBytes,
  QuarantinedBytes,
  StoredBytes,
  UploadWriter,
} from '../src/storage/blob-store.ts'
import type { EntryKind, FileFacts, TreeStore } from '../src/storage/tree-store.ts'

export class DelegatingBlobStore implements BlobStore {
  readonly real: BlobStore

  constructor(real: BlobStore) {
    this.real = real
  }

  stat(digest: Digest): Promise<number | null> {
    return this.real.stat(digest)
  }

  content(digest: Digest, range: ByteRange): Content {
    return this.real.content(digest, range)
  }

  identify(digest: Digest): Promise<StoredBytes | null> {
    return this.real.identify(digest)
  }

  readBlob(digest: Digest, range: ByteRange): AsyncIterable<Uint8Array> {
    return this.real.readBlob(digest, range)
  }

  quarantine(digest: Digest, bytes: StoredBytes): Promise<boolean> {
    return this.real.quarantine(digest, bytes)
  }

  listQuarantined(after?: string): AsyncIterable<QuarantinedBytes> {
    return this.real.listQuarantined(after)
  }

  releaseQuarantined(digest: Digest): Promise<boolean> {
    return this.real.releaseQuarantined(digest)
  }

  readQuarantined(digest: Digest, range: ByteRange): AsyncIterable<Uint8Array> {
    return this.real.readQuarantined(digest, range)
  }

  discardQuarantined(digest: Digest): Promise<void> {
    return this.real.discardQuarantined(digest)
  }

  append(upload: UploadId, offset: number): Promise<UploadWriter> {
    return this.real.append(upload, offset)
  }

  read(upload: UploadId, length: number): AsyncIterable<Uint8Array> {
    return this.real.read(upload, length)
  }

  uploadSize(upload: UploadId): Promise<number> {
    return this.real.uploadSize(upload)
  }

  copy(from: UploadId, to: UploadId, length: number): Promise<void> {
    return this.real.copy(from, to, length)
  }

  commit(upload: UploadId, digest: Digest, size: number): Promise<void> {
    return this.real.commit(upload, digest, size)
  }

  discard(upload: UploadId): Promise<void> {
    return this.real.discard(upload)
  }

  listUploads(after?: string): AsyncIterable<UploadId> {
    return this.real.listUploads(after)
  }

  condemn(digest: Digest, epoch: number): Promise<boolean> {
    return this.real.condemn(digest, epoch)
  }

  putBack(digest: Digest): Promise<boolean> {
    return this.real.putBack(digest)
  }

  listCondemned(before?: number, after?: string): AsyncIterable<CondemnedBytes> {
    return this.real.listCondemned(before, after)
  }

  unlinkCondemned(found: CondemnedBytes): Promise<void> {
    return this.real.unlinkCondemned(found)
  }
}

export class DelegatingTreeStore implements TreeStore {
  readonly real: TreeStore

  constructor(real: TreeStore) {
    this.real = real
  }

  read(path: string): Promise<Uint8Array | null> {
    return this.real.read(path)
  }

  stat(path: string): Promise<FileFacts | null> {
    return this.real.stat(path)
  }

  kindOf(path: string): Promise<EntryKind | null> {
    return this.real.kindOf(path)
  }

  isSame(one: string, other: string): Promise<boolean> {
    return this.real.isSame(one, other)
  }

  changedAt(path: string): Promise<number> {
    return this.real.changedAt(path)
  }

  write(path: string, bytes: Uint8Array): Promise<void> {
    return this.real.write(path, bytes)
  }

  remove(path: string): Promise<void> {
    return this.real.remove(path)
  }

  removeFolder(path: string): Promise<void> {
    return this.real.removeFolder(path)
  }

  removeEmptyFolder(path: string): Promise<boolean> {
    return this.real.removeEmptyFolder(path)
  }

  list(path: string): Promise<string[]> {
    return this.real.list(path)
  }

  sync(paths: readonly string[]): Promise<void> {
    return this.real.sync(paths)
  }
}
