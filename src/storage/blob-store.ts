/**
 * The port for large content: blobs by digest, and uploads in progress by id. It knows no repository and no
 * right; what exists is decided by metadata, and a driver only keeps the bytes. Every driver passes
 * blob-store.contract.ts.
 *
 * Invariant: when `commit` has resolved, the blob survives a power loss. An upload survives a crash of the
 * process up to the last `close`; one that never got a byte needs no file and counts as empty.
 * Every method throws StorageUnavailable where the storage cannot do its part now.
 */
import type { ByteRange } from '../lib/byte-range.ts'
import type { Content } from '../lib/content.ts'
import type { Digest } from '../oci/digest.ts'
import type { UploadId } from '../oci/upload-id.ts'

export interface BlobStore {
  /** The stored blob's size in bytes, or null where there is none: never where that could not be found out. */
  stat(digest: Digest): Promise<number | null>

  /** A part of a blob that `stat` has just found. Opens nothing: a HEAD may throw it away. */
  content(digest: Digest, range: ByteRange): Content

  /** What tells a blob's bytes from others that take their place later, and how many they are; null where there are none. */
  identify(digest: Digest): Promise<StoredBytes | null>

  /**
   * A part of a blob, to hash it. It ends early where the bytes do; what is read may be mixed from two files where others
   * take their place meanwhile, so whoever wants to know what was read asks `identify` before and after.
   */
  readBlob(digest: Digest, range: ByteRange): AsyncIterable<Uint8Array>

  /**
   * Takes damaged bytes out of their place and keeps them aside, durably, if they are still these; bytes that have
   * taken their place are never taken away. False where there are others, or none.
   */
  quarantine(digest: Digest, bytes: StoredBytes): Promise<boolean>

  /** What lies aside as damaged, in order of the digests: those behind one, where that is named. */
  listQuarantined(after?: string): AsyncIterable<QuarantinedBytes>

  /** Puts what lies aside back where no bytes are now: for whoever has found that it is not damaged. False where it cannot be. */
  releaseQuarantined(digest: Digest): Promise<boolean>

  /** A part of what lies aside, as `readBlob`. */
  readQuarantined(digest: Digest, range: ByteRange): AsyncIterable<Uint8Array>

  /** Forgets bytes that lie aside. None is no error. */
  discardQuarantined(digest: Digest): Promise<void>

  /**
   * Goes on writing an upload at `offset`, creating it at 0. A longer file is cut to `offset`, for the
   * caller's offset is the truth; a shorter one throws UploadTruncated.
   */
  append(upload: UploadId, offset: number): Promise<UploadWriter>

  /** The first `length` bytes of an upload, to hash them again. Throws UploadTruncated when there are fewer. */
  read(upload: UploadId, length: number): AsyncIterable<Uint8Array>

  /** How many bytes of an upload are here, acknowledged or not; 0 where nothing is. */
  uploadSize(upload: UploadId): Promise<number>

  /**
   * Makes `to` an upload with the first `length` bytes of `from`, in place of whatever it held. Throws
   * UploadTruncated when there are fewer. When it fails, there is no upload `to`, and `from` is as before.
   */
  copy(from: UploadId, to: UploadId, length: number): Promise<void>

  /**
   * Makes the first `size` bytes of the upload the blob `digest`: durable, and atomically in place of whatever
   * was there. The caller knows that they have the digest. An upload that is gone because an earlier call got
   * as far as the blob, which is in place with `size` bytes, is made durable once more. Otherwise a shorter
   * upload throws UploadTruncated and is as before.
   * An upload that could not be made durable is gone, for nobody knows which of its bytes the disk has lost.
   */
  commit(upload: UploadId, digest: Digest, size: number): Promise<void>

  /** Forgets an upload. One that does not exist is no error. */
  discard(upload: UploadId): Promise<void>

  /** All uploads that have bytes here, in order of their ids, or those behind one: for finding those that no row knows any more. */
  listUploads(after?: string): AsyncIterable<UploadId>

  /**
   * Takes a blob's bytes out of their place, durably, and keeps them aside; calls at one time share their syncs. `epoch`
   * is told by `listCondemned`. False: there were none, and the storage was there to say so.
   */
  condemn(digest: Digest, epoch: number): Promise<boolean>

  /**
   * Puts the newest condemned bytes of a blob back into its place, durably, where nothing is there. True: the blob has
   * bytes now because of this call.
   */
  putBack(digest: Digest): Promise<boolean>

  /**
   * What was condemned before a time in milliseconds since 1970, by the storage's clock: all where none is named. Oldest
   * first, roughly, and always in one order: where the place of one is named, what comes behind it.
   */
  listCondemned(before?: number, after?: string): AsyncIterable<CondemnedBytes>

  /** Removes condemned bytes for good: those that were listed, and none that came later. Bytes that are gone are no error. */
  unlinkCondemned(found: CondemnedBytes): Promise<void>
}

/** Bytes of a blob that were taken out of their place. */
export interface CondemnedBytes {
  readonly digest: Digest
  readonly epoch: number
  /** Milliseconds since 1970, by the storage's clock. */
  readonly condemnedAt: number
  /** Bytes. */
  readonly size: number
  /** Which of several of one digest, to the storage. */
  readonly place: string
}

/** Bytes in their place. */
export interface StoredBytes {
  readonly size: number
  /** Another one for other bytes, and for the same ones that were stored once more. */
  readonly identity: string
}

export interface QuarantinedBytes {
  readonly digest: Digest
  readonly size: number
  /** Since when they lie there, in milliseconds since 1970. */
  readonly since: number
}

/** One writer of one upload. Nobody else may write the upload until `close` has resolved. */
export interface UploadWriter {
  /**
   * Takes a chunk for good: it is written later, and may be empty then, for its memory is given back.
   * The promise resolves when the next one may come, so that a slow disk holds back the client.
   * After a failure, every further call throws what the first one threw.
   */
  write(chunk: Uint8Array): Promise<void>
  /**
   * Resolves when every byte written is in the file and the file is closed. Safe to call twice. Throws what a
   * write threw, or UploadTruncated where the file is not as long as what was written; it is closed even then.
   */
  close(): Promise<void>
}

/** An upload has fewer bytes than its row says, or, at `close`, more: the volume lost some, or somebody else wrote. */
export class UploadTruncated extends Error {
  readonly upload: UploadId
  readonly expected: number
  readonly found: number

  constructor(upload: UploadId, expected: number, found: number) {
    super(`upload ${upload} has ${found} bytes on disk instead of ${expected}`)
    this.name = 'UploadTruncated'
    this.upload = upload
    this.expected = expected
    this.found = found
  }
}

/** The storage cannot do its part now. The message says why, and what to do. */
export class StorageUnavailable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StorageUnavailable'
  }
}

/** Nothing more fits: the disk is full, or a quota used up. */
export class StorageFull extends StorageUnavailable {
  override readonly name = 'StorageFull'
}

/** Nothing can be changed, for the disk is mounted for reading only. What is there may still be read. */
export class StorageReadOnly extends StorageUnavailable {
  override readonly name = 'StorageReadOnly'
}
