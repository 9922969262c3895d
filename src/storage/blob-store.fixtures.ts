/** What tests of a blob store need: bytes that cannot be mixed up, and uploads and blobs made of them. */
import type { Content } from '../lib/content.ts'
import { type Digest, digestOf } from '../oci/digest.ts'
import { newUploadId, type UploadId } from '../oci/upload-id.ts'
import type { BlobStore } from './blob-store.ts'

/** Bytes in which no two places look alike; another seed gives others. */
export function patternedBytes(length: number, seed = 0): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4))
  let word = (seed + 1) * 0x9e3779b9
  for (let index = 0; index < words.length; index += 1) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0
    words[index] = word
  }
  return new Uint8Array(words.buffer, 0, length)
}

/** Cuts bytes into chunks of these sizes, over and over. */
export function chunksOf(bytes: Uint8Array, ...sizes: number[]): Uint8Array[] {
  const chunks: Uint8Array[] = []
  let position = 0
  while (position < bytes.length) {
    const size = sizes[chunks.length % sizes.length] ?? bytes.length
    chunks.push(bytes.subarray(position, position + size))
    position += size
  }
  return chunks
}

export async function write(
  store: BlobStore,
  upload: UploadId,
  offset: number,
  chunks: Uint8Array[],
): Promise<void> {
  const writer = await store.append(upload, offset)
  // A writer may free what it was given.
  for (const chunk of chunks) await writer.write(chunk.slice())
  await writer.close()
}

/** A new upload that holds these bytes. */
export async function uploaded(store: BlobStore, bytes: Uint8Array): Promise<UploadId> {
  const upload = newUploadId()
  await write(store, upload, 0, [bytes])
  return upload
}

/** A new blob that holds these bytes, under their own digest or another one. */
export async function committed(
  store: BlobStore,
  bytes: Uint8Array,
  digest = digestOf(bytes),
): Promise<Digest> {
  await store.commit(await uploaded(store, bytes), digest, bytes.length)
  return digest
}

export async function readAll(store: BlobStore, upload: UploadId, length: number): Promise<Uint8Array> {
  return joined(store.read(upload, length))
}

/** What a reader of the content gets, wherever it comes from. */
export async function bytesOf(content: Content): Promise<Uint8Array> {
  switch (content.kind) {
    case 'file':
      return Bun.file(content.path)
        .slice(content.offset, content.offset + content.length)
        .bytes()
    case 'bytes':
      return new Uint8Array(content.bytes)
    case 'stream':
      return joined(content.open())
    case 'redirect':
      return (await fetch(content.location)).bytes()
  }
}

/** The error that a promise is rejected with. */
export async function caught(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    () => null,
    (error: unknown) => error,
  )
  return outcome instanceof Error ? outcome : new Error(`Instead of an error came ${outcome}.`)
}

/** All of a blob. */
export function whole(store: BlobStore, digest: Digest, length: number): Content {
  return store.content(digest, { offset: 0, length })
}

/** The ids of all uploads, sorted. */
export async function listAll(store: BlobStore): Promise<UploadId[]> {
  const uploads: UploadId[] = []
  for await (const upload of store.listUploads()) uploads.push(upload)
  return uploads.sort()
}

export async function joined(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return new Uint8Array(Buffer.concat(all))
}
