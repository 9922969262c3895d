/**
 * What every blob store must do. A driver's test calls `testBlobStore` with a way to open an empty store,
 * to open the same one again as a new process would, and to throw it away.
 */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { digestOf } from '../oci/digest.ts'
import { newUploadId } from '../oci/upload-id.ts'
import {
  bytesOf,
  caught,
  chunksOf,
  committed,
  listAll,
  patternedBytes,
  readAll,
  uploaded,
  whole,
  write,
} from './blob-store.fixtures.ts'
import { type BlobStore, UploadTruncated } from './blob-store.ts'
import { testCondemned } from './condemned.contract.ts'
import { testQuarantine } from './quarantine.contract.ts'

const MIB = 1024 * 1024
const HTTP_CHUNK = 58_000

export interface OpenedBlobStore {
  readonly store: BlobStore
  /** The same bytes, seen by a store that knows nothing but what it finds. */
  reopen(): Promise<BlobStore>
  remove(): Promise<void>
}

export function testBlobStore(driver: string, open: () => Promise<OpenedBlobStore>): void {
  describe(`${driver} blob store`, () => {
    let opened: OpenedBlobStore
    let store: BlobStore
    beforeEach(async () => {
      opened = await open()
      store = opened.store
    })
    afterEach(() => opened.remove())

    describe('append', () => {
      test('writes a new upload', async () => {
        const upload = await uploaded(store, patternedBytes(1000))
        expect(await readAll(store, upload, 1000)).toEqual(patternedBytes(1000))
      })

      test('goes on at the end of what is there', async () => {
        const bytes = patternedBytes(5000)
        const upload = await uploaded(store, bytes.subarray(0, 2000))
        await write(store, upload, 2000, [bytes.subarray(2000)])
        expect(await readAll(store, upload, 5000)).toEqual(bytes)
      })

      test('cuts off what lies behind the offset, even when nothing is written', async () => {
        const bytes = patternedBytes(5000)
        const upload = await uploaded(store, bytes)
        await write(store, upload, 1234, [])
        expect(await readAll(store, upload, 1234)).toEqual(bytes.slice(0, 1234))
        await expect(readAll(store, upload, 1235)).rejects.toBeInstanceOf(UploadTruncated)
      })

      test('writes over what it cut off', async () => {
        const upload = await uploaded(store, patternedBytes(5000, 1))
        await write(store, upload, 1000, [patternedBytes(500, 2)])
        const expected = Buffer.concat([patternedBytes(5000, 1).subarray(0, 1000), patternedBytes(500, 2)])
        expect(await readAll(store, upload, 1500)).toEqual(new Uint8Array(expected))
        await expect(readAll(store, upload, 1501)).rejects.toBeInstanceOf(UploadTruncated)
      })

      test('starts again at 0', async () => {
        const upload = await uploaded(store, patternedBytes(5000, 1))
        await write(store, upload, 0, [patternedBytes(10, 2)])
        expect(await readAll(store, upload, 10)).toEqual(patternedBytes(10, 2))
        await expect(readAll(store, upload, 11)).rejects.toBeInstanceOf(UploadTruncated)
      })

      test('refuses an upload that is shorter than the offset, and says how long it is', async () => {
        const upload = await uploaded(store, patternedBytes(100))
        const failure = await caught(store.append(upload, 101))
        expect(failure).toBeInstanceOf(UploadTruncated)
        expect(failure).toMatchObject({ upload, expected: 101, found: 100 })
        expect(await readAll(store, upload, 100)).toEqual(patternedBytes(100))
      })

      test('refuses to go on with an upload that is not there', async () => {
        const failure = await caught(store.append(newUploadId(), 1))
        expect(failure).toMatchObject({ name: 'UploadTruncated', expected: 1, found: 0 })
      })
    })

    describe('a writer', () => {
      test('keeps thousands of small chunks in order', async () => {
        const bytes = patternedBytes(30_000)
        const upload = newUploadId()
        await write(store, upload, 0, chunksOf(bytes, 7))
        expect(await readAll(store, upload, bytes.length)).toEqual(bytes)
      })

      test('takes one chunk of 8 MiB', async () => {
        const bytes = patternedBytes(8 * MIB)
        const upload = await uploaded(store, bytes)
        expect(digestOf(await readAll(store, upload, bytes.length))).toBe(digestOf(bytes))
      })

      test('takes chunks of every size, empty ones too', async () => {
        const bytes = patternedBytes(3 * MIB)
        const sizes = [0, 1, 2, HTTP_CHUNK, 64 * 1024, 256 * 1024, 256 * 1024 + 1, 0, 1_000_000, 3]
        const upload = newUploadId()
        await write(store, upload, 0, chunksOf(bytes, ...sizes))
        expect(digestOf(await readAll(store, upload, bytes.length))).toBe(digestOf(bytes))
      })

      test('keeps the order of chunks even when nobody waits between them', async () => {
        const bytes = patternedBytes(4 * MIB)
        const upload = newUploadId()
        const writer = await store.append(upload, 0)
        await Promise.all(chunksOf(bytes, HTTP_CHUNK).map((chunk) => writer.write(chunk)))
        await writer.close()
        expect(digestOf(await readAll(store, upload, bytes.length))).toBe(digestOf(bytes))
      })

      test('is closed once, however often it is asked', async () => {
        const upload = newUploadId()
        const writer = await store.append(upload, 0)
        await writer.write(patternedBytes(10))
        await Promise.all([writer.close(), writer.close()])
        await writer.close()
        expect(await readAll(store, upload, 10)).toEqual(patternedBytes(10))
      })

      test('writes nothing after it was closed', async () => {
        const upload = newUploadId()
        const writer = await store.append(upload, 0)
        await writer.write(patternedBytes(10))
        await writer.close()
        await expect(writer.write(patternedBytes(1))).rejects.toThrow('closed')
        await expect(readAll(store, upload, 11)).rejects.toBeInstanceOf(UploadTruncated)
      })

      test('does not disturb the others that write at the same time', async () => {
        const uploads = await Promise.all(
          Array.from({ length: 12 }, async (_, seed) => {
            const bytes = patternedBytes(MIB + seed, seed)
            const upload = newUploadId()
            await write(store, upload, 0, chunksOf(bytes, HTTP_CHUNK))
            return { upload, bytes }
          }),
        )
        for (const { upload, bytes } of uploads) {
          expect(digestOf(await readAll(store, upload, bytes.length))).toBe(digestOf(bytes))
        }
      })
    })

    describe('read', () => {
      test('gives the beginning of a longer upload', async () => {
        const upload = await uploaded(store, patternedBytes(MIB))
        expect(await readAll(store, upload, 700_001)).toEqual(patternedBytes(MIB).slice(0, 700_001))
      })

      test('gives nothing of an upload that has nothing', async () => {
        expect(await readAll(store, newUploadId(), 0)).toEqual(new Uint8Array())
        expect(await listAll(store)).toEqual([])
      })

      test('refuses to give more than is there', async () => {
        const upload = await uploaded(store, patternedBytes(10))
        const failure = await caught(readAll(store, upload, 11))
        expect(failure).toMatchObject({ name: 'UploadTruncated', upload, expected: 11, found: 10 })
      })

      test('may be left halfway', async () => {
        const upload = await uploaded(store, patternedBytes(2 * MIB))
        for await (const chunk of store.read(upload, 2 * MIB)) {
          expect(chunk.byteLength).toBeGreaterThan(0)
          break
        }
        await store.discard(upload)
      })
    })

    describe('copy', () => {
      test('makes a new upload of the first bytes, which goes on by itself', async () => {
        const bytes = patternedBytes(MIB)
        const from = await uploaded(store, bytes)
        const to = newUploadId()
        await store.copy(from, to, 600_000)
        await write(store, to, 600_000, [new Uint8Array([1, 2, 3])])
        const expected = Buffer.concat([bytes.subarray(0, 600_000), new Uint8Array([1, 2, 3])])
        expect(digestOf(await readAll(store, to, 600_003))).toBe(digestOf(expected))
        expect(digestOf(await readAll(store, from, MIB))).toBe(digestOf(bytes))
      })

      test('takes the place of what a copy that died had left', async () => {
        const bytes = patternedBytes(1000)
        const from = await uploaded(store, bytes)
        const to = await uploaded(store, patternedBytes(5000, 1))
        await store.copy(from, to, 600)
        await store.commit(to, digestOf(bytes.subarray(0, 600)), 600)
        const copied = whole(store, digestOf(bytes.subarray(0, 600)), 600)
        expect(await bytesOf(copied)).toEqual(bytes.slice(0, 600))
      })

      test('refuses to copy what is not there', async () => {
        const from = newUploadId()
        const failure = await caught(store.copy(from, newUploadId(), 1))
        expect(failure).toMatchObject({ name: 'UploadTruncated', upload: from, expected: 1, found: 0 })
        expect(await listAll(store)).toEqual([])
      })

      test('refuses to copy more than is there, and leaves no upload behind', async () => {
        const from = await uploaded(store, patternedBytes(10))
        const to = newUploadId()
        await expect(store.copy(from, to, 11)).rejects.toBeInstanceOf(UploadTruncated)
        expect(await listAll(store)).toEqual([from])
      })
    })

    describe('commit', () => {
      test('makes the upload a blob, and no upload any more', async () => {
        const bytes = patternedBytes(2 * MIB)
        const digest = await committed(store, bytes)
        expect(await store.stat(digest)).toBe(bytes.length)
        expect(digestOf(await bytesOf(whole(store, digest, bytes.length)))).toBe(digest)
        expect(await listAll(store)).toEqual([])
      })

      test('takes sha512 as well', async () => {
        const digest = await committed(store, patternedBytes(100), digestOf(patternedBytes(100), 'sha512'))
        expect(await store.stat(digest)).toBe(100)
        expect(await store.stat(digestOf(patternedBytes(100)))).toBeNull()
      })

      test('takes an empty blob, appended to or not', async () => {
        const empty = digestOf(new Uint8Array())
        await committed(store, new Uint8Array(), empty)
        expect(await store.stat(empty)).toBe(0)
        await store.commit(newUploadId(), empty, 0)
        expect(await bytesOf(whole(store, empty, 0))).toEqual(new Uint8Array())
      })

      test('refuses an upload that is too short, and leaves it as it was', async () => {
        const bytes = patternedBytes(10)
        const upload = await uploaded(store, bytes)
        const failure = await caught(store.commit(upload, digestOf(bytes), 11))
        expect(failure).toMatchObject({ name: 'UploadTruncated', upload, expected: 11, found: 10 })
        expect(await store.stat(digestOf(bytes))).toBeNull()
        expect(await readAll(store, upload, 10)).toEqual(bytes)
      })

      test.each([99_999, 1, 0])('takes the first %d bytes of a longer upload', async (size) => {
        const bytes = patternedBytes(100_000)
        const digest = digestOf(bytes.subarray(0, size))
        const upload = newUploadId()
        await write(store, upload, 0, chunksOf(bytes, HTTP_CHUNK))
        await store.commit(upload, digest, size)
        expect(await store.stat(digest)).toBe(size)
        expect(await bytesOf(whole(store, digest, size))).toEqual(bytes.slice(0, size))
      })

      test('may be repeated once it has become the blob, but not where that has another size', async () => {
        const bytes = patternedBytes(1000)
        const upload = await uploaded(store, bytes)
        await store.commit(upload, digestOf(bytes), 1000)
        await store.commit(upload, digestOf(bytes), 1000)
        expect(await bytesOf(whole(store, digestOf(bytes), 1000))).toEqual(bytes)
        const failure = await caught(store.commit(upload, digestOf(bytes), 999))
        expect(failure).toMatchObject({ name: 'UploadTruncated', expected: 999, found: 0 })
      })

      test('refuses an upload that is not there', async () => {
        await expect(store.commit(newUploadId(), digestOf(patternedBytes(1)), 1)).rejects.toBeInstanceOf(
          UploadTruncated,
        )
      })

      test('takes the place of what was there', async () => {
        const digest = digestOf(patternedBytes(1000))
        await committed(store, patternedBytes(10), digest)
        await committed(store, patternedBytes(1000), digest)
        expect(await store.stat(digest)).toBe(1000)
        expect(await bytesOf(whole(store, digest, 1000))).toEqual(patternedBytes(1000))
      })

      test('lets two uploads of the same blob end at the same time', async () => {
        const bytes = patternedBytes(100_000)
        const uploads = await Promise.all([
          uploaded(store, bytes),
          uploaded(store, bytes),
          uploaded(store, bytes),
        ])
        await Promise.all(uploads.map((upload) => store.commit(upload, digestOf(bytes), bytes.length)))
        expect(await bytesOf(whole(store, digestOf(bytes), bytes.length))).toEqual(bytes)
      })
    })

    describe('stat and content', () => {
      test('a blob that is not there has no size', async () => {
        expect(await store.stat(digestOf(patternedBytes(1)))).toBeNull()
      })

      test.each([
        [0, 1],
        [0, 6 * MIB],
        [1, 6 * MIB - 1],
        [6 * MIB - 1, 1],
        [HTTP_CHUNK - 1, 2],
        [HTTP_CHUNK, HTTP_CHUNK],
        [123_456, 5 * MIB],
        [17, 0],
      ])('content from %d on gives exactly %d bytes', async (offset, length) => {
        const bytes = patternedBytes(6 * MIB)
        const upload = newUploadId()
        await write(store, upload, 0, chunksOf(bytes, HTTP_CHUNK))
        await store.commit(upload, digestOf(bytes), bytes.length)
        const part = await bytesOf(store.content(digestOf(bytes), { offset, length }))
        expect(part.byteLength).toBe(length)
        expect(digestOf(part)).toBe(digestOf(bytes.subarray(offset, offset + length)))
      })
    })

    testQuarantine(() => store)

    test('uploadSize tells how many bytes of an upload are here, and 0 where there is none', async () => {
      expect(await store.uploadSize(await uploaded(store, patternedBytes(10)))).toBe(10)
      expect(await store.uploadSize(newUploadId())).toBe(0)
    })

    describe('discard and listUploads', () => {
      test('a discarded upload is gone', async () => {
        const upload = await uploaded(store, patternedBytes(10))
        await store.discard(upload)
        expect(await listAll(store)).toEqual([])
        await expect(store.append(upload, 10)).rejects.toBeInstanceOf(UploadTruncated)
      })

      test('an upload that is not there may be discarded', async () => {
        await store.discard(newUploadId())
      })

      test('lists every upload once', async () => {
        const uploads = await Promise.all(
          Array.from({ length: 5 }, () => uploaded(store, patternedBytes(10))),
        )
        expect(await listAll(store)).toEqual(uploads.sort())
        expect(await Array.fromAsync(store.listUploads(uploads[2]))).toEqual(uploads.slice(3))
      })
    })

    testCondemned(() => opened)

    test('what was written and committed is there for the next process', async () => {
      const bytes = patternedBytes(200_000)
      const digest = await committed(store, bytes)
      const closed = await uploaded(store, bytes)
      const writer = await store.append(newUploadId(), 0)
      await writer.write(bytes)
      const next = await opened.reopen()
      expect(await bytesOf(whole(next, digest, bytes.length))).toEqual(bytes)
      expect(await listAll(next)).toContain(closed)
      await write(next, closed, bytes.length, [bytes])
      await next.commit(closed, digestOf(Buffer.concat([bytes, bytes])), 2 * bytes.length)
      await writer.close()
    })
  })
}
