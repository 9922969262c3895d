/**
 * Uploads as a client sees them: every way of sending a blob, what counts when a body breaks off, and what a
 * session is bound to. Two at once on one upload are in held-upload.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Bench, describeOnDatabases, failureOf } from '../../test/registry-bench.ts'
import { blobFacts } from '../../test/registry-facts.ts'
import { bodyOf, newBlob, type Sample } from '../../test/sample-content.ts'
import { requireStored as requireBlob, type SlowBlobs, UploadBench } from '../../test/upload-bench.ts'
import { type Digest, digestOf } from '../oci/digest.ts'
import { OCTET_STREAM } from '../oci/media-type.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { UploadId } from '../oci/upload-id.ts'
import { getBlob } from './blobs.ts'
import { UploadOutOfStep } from './held-upload.ts'
import type { Registry } from './registry.ts'
import type { UploadSession } from './uploads.commands.ts'
import { appendToUpload, cancelUpload, finishUpload, getUploadProgress, putBlob } from './uploads.ts'

const nothing = { body: null, range: null }

describeOnDatabases('uploads', (open) => {
  let uploads: UploadBench
  let bench: Bench
  let blobs: SlowBlobs
  let repository: RepositoryName
  beforeAll(async () => {
    uploads = await UploadBench.open(open)
    bench = uploads.registryBench
    blobs = uploads.blobs
    repository = uploads.repository
  })
  afterAll(() => bench.close())

  const begin = (algorithm?: 'sha256' | 'sha512') => uploads.begin(algorithm)

  function append(session: UploadSession, ...chunks: Uint8Array[]): Promise<number> {
    return appendToUpload(bench.registry, session, { body: bodyOf(...chunks), range: null })
  }

  const requireStored = (blob: Sample, digest?: Digest) =>
    requireBlob(bench.registry, repository, blob, digest)

  describe('a blob can be sent', () => {
    test('whole with the closing request', async () => {
      const blob = newBlob()
      const session = await begin()
      await finishUpload(bench.registry, session, {
        ...nothing,
        body: bodyOf(blob.bytes),
        digest: blob.digest,
      })
      await requireStored(blob)
    })

    test('as one stream, closed with nothing: it is never read again', async () => {
      const blob = newBlob(OCTET_STREAM, 300_000)
      const session = await begin()
      const before = blobs.reads
      expect(await append(session, ...piecesOf(blob.bytes, 7))).toBe(blob.bytes.length)
      await finishUpload(bench.registry, session, { ...nothing, digest: blob.digest })
      expect(blobs.reads).toBe(before)
      await requireStored(blob)
    })

    test('in chunks, the last one with the closing request: it is never read again', async () => {
      const blob = newBlob(OCTET_STREAM, 1000)
      const [one, two, three] = piecesOf(blob.bytes, 3) as [Uint8Array, Uint8Array, Uint8Array]
      const session = await begin()
      const before = blobs.reads
      expect(await append(session, one)).toBe(one.length)
      expect(await append(session, two)).toBe(one.length + two.length)
      expect(await getUploadProgress(bench.registry, session)).toBe(one.length + two.length)
      await finishUpload(bench.registry, session, {
        body: bodyOf(three),
        range: { offset: one.length + two.length, length: three.length },
        digest: blob.digest,
      })
      expect(blobs.reads).toBe(before)
      await requireStored(blob)
    })

    test('at once, without a session that anybody knows of', async () => {
      const blob = newBlob()
      await putBlob(bench.registry, {
        repository,
        principal: 'at-once',
        digest: blob.digest,
        range: null,
        body: bodyOf(blob.bytes),
      })
      await requireStored(blob)
      expect(await bench.rows('SELECT id FROM uploads WHERE principal = $1', ['at-once'])).toEqual([])
    })

    test('although it is empty', async () => {
      const digest = digestOf(new Uint8Array())
      const [bare, streamed] = [await begin(), await begin()]
      await finishUpload(bench.registry, bare, { ...nothing, digest })
      expect(await append(streamed)).toBe(0)
      await finishUpload(bench.registry, streamed, { ...nothing, digest })
      expect((await getBlob(bench.registry, repository, digest)).size).toBe(0)
    })

    test('under its sha512, hashed as it comes where that was said at the beginning', async () => {
      const blob = newBlob()
      const session = await begin('sha512')
      const before = blobs.reads
      await append(session, blob.bytes)
      const digest = digestOf(blob.bytes, 'sha512')
      await finishUpload(bench.registry, session, { ...nothing, digest })
      expect(blobs.reads).toBe(before)
      await requireStored(blob, digest)
    })

    test('under its sha512, read once more where that is said only at the end', async () => {
      const blob = newBlob()
      const session = await begin()
      const before = blobs.reads
      await append(session, blob.bytes)
      const digest = digestOf(blob.bytes, 'sha512')
      await finishUpload(bench.registry, session, { ...nothing, digest })
      expect(blobs.reads).toBe(before + 1)
      await requireStored(blob, digest)
    })

    test('again, which changes nothing but its epoch and lease', async () => {
      const blob = newBlob()
      await send(bench.registry, await begin(), blob)
      const before = await blobFacts(bench, blob.digest)
      const start = Date.now()
      await send(bench.registry, await begin(), blob)
      const after = await blobFacts(bench, blob.digest)
      expect(after).toMatchObject({ size: before?.size, state: 'live', epoch: (before?.epoch ?? 0) + 1 })
      expect(after?.leaseUntil).toBeGreaterThanOrEqual(start + bench.registry.policy.collection.lease - 1)
      await requireStored(blob)
    })

    test('by many at once', async () => {
      const blob = newBlob()
      const sessions = await Promise.all([1, 2, 3, 4, 5, 6].map(() => begin()))
      await Promise.all(sessions.map((session) => send(bench.registry, session, blob)))
      await requireStored(blob)
    })
  })

  describe('a finished upload', () => {
    test('is gone: nobody can ask for it, go on with it or cancel it', async () => {
      const session = await begin()
      await send(bench.registry, session, newBlob())
      for (const use of everyUseOf(bench.registry, session)) {
        expect(await failureOf(use())).toHaveProperty('code', 'BLOB_UPLOAD_UNKNOWN')
      }
    })
  })

  describe('a chunk', () => {
    test('that does not go on where the upload stands is refused with the truth, and the session lives', async () => {
      const blob = newBlob(OCTET_STREAM, 100)
      const session = await begin()
      await append(session, blob.bytes.slice(0, 40))
      for (const offset of [0, 39, 41, 1000]) {
        const range = { offset, length: 60 }
        const body = bodyOf(blob.bytes.slice(40))
        for (const send of [
          () => appendToUpload(bench.registry, session, { body, range }),
          () => finishUpload(bench.registry, session, { body, range, digest: blob.digest }),
        ]) {
          const error = await failureOf(send())
          expect(error).toBeInstanceOf(UploadOutOfStep)
          expect(error).toMatchObject({ code: 'RANGE_INVALID', received: 40 })
        }
      }
      const range = { offset: 40, length: 60 }
      expect(
        await appendToUpload(bench.registry, session, { body: bodyOf(blob.bytes.slice(40)), range }),
      ).toBe(100)
      await finishUpload(bench.registry, session, { ...nothing, digest: blob.digest })
      await requireStored(blob)
    })

    test.each([59, 61])('of %d bytes that was announced as 60 does not count', async (length) => {
      const blob = newBlob(OCTET_STREAM, 200)
      const session = await begin()
      await append(session, blob.bytes.slice(0, 40))
      const range = { offset: 40, length: 60 }
      const body = bodyOf(blob.bytes.slice(40, 40 + length))
      const error = await failureOf(appendToUpload(bench.registry, session, { body, range }))
      expect(error).toHaveProperty('code', 'SIZE_INVALID')
      expect(error.message).toContain(`${length} came`)
      expect(await getUploadProgress(bench.registry, session)).toBe(40)
      await append(session, blob.bytes.slice(40))
      await finishUpload(bench.registry, session, { ...nothing, digest: blob.digest })
      await requireStored(blob)
    })

    test('of nothing changes nothing', async () => {
      const session = await begin()
      await append(session, new Uint8Array([1, 2]))
      expect(await appendToUpload(bench.registry, session, nothing)).toBe(2)
      expect(await append(session)).toBe(2)
    })
  })

  describe('a body that breaks off', () => {
    test('is told, what arrived counts, and the client goes on from there', async () => {
      const blob = newBlob(OCTET_STREAM, 500)
      const session = await begin()
      const before = blobs.reads
      const cut = appendToUpload(bench.registry, session, {
        body: breakingOff(blob.bytes.slice(0, 100), blob.bytes.slice(100, 180)),
        range: null,
      })
      expect((await failureOf(cut)).message).toBe('the line went dead')
      expect(await getUploadProgress(bench.registry, session)).toBe(180)
      expect(await append(session, blob.bytes.slice(180))).toBe(500)
      await finishUpload(bench.registry, session, { ...nothing, digest: blob.digest })
      expect(blobs.reads).toBe(before)
      await requireStored(blob)
    })

    test('counts as far as it came in the closing request too', async () => {
      const blob = newBlob(OCTET_STREAM, 500)
      const session = await begin()
      const cut = finishUpload(bench.registry, session, {
        body: breakingOff(blob.bytes.slice(0, 123)),
        range: null,
        digest: blob.digest,
      })
      expect((await failureOf(cut)).message).toBe('the line went dead')
      expect(await getUploadProgress(bench.registry, session)).toBe(123)
    })

    test('counts as far as it came where its whole range was announced', async () => {
      const blob = newBlob(OCTET_STREAM, 500)
      const session = await begin()
      const cut = appendToUpload(bench.registry, session, {
        body: breakingOff(blob.bytes.slice(0, 200)),
        range: { offset: 0, length: 500 },
      })
      expect((await failureOf(cut)).message).toBe('the line went dead')
      expect(await getUploadProgress(bench.registry, session)).toBe(200)
    })

    test('at once, without a session, leaves nothing behind', async () => {
      const own = bench.newRepository()
      const blob = newBlob()
      const cut = putBlob(bench.registry, {
        repository: own,
        principal: 'cut-off',
        digest: blob.digest,
        range: null,
        body: breakingOff(blob.bytes.slice(0, 5)),
      })
      expect((await failureOf(cut)).message).toBe('the line went dead')
      expect(await bench.rows('SELECT id FROM uploads WHERE principal = $1', ['cut-off'])).toEqual([])
    })
  })

  describe('a wrong digest', () => {
    test('is refused, and bytes that had come before can be closed with the right one', async () => {
      const [blob, other] = [newBlob(), newBlob()]
      const session = await begin()
      await append(session, blob.bytes)
      const wrong = finishUpload(bench.registry, session, { ...nothing, digest: other.digest })
      expect(await failureOf(wrong)).toHaveProperty('code', 'DIGEST_INVALID')
      expect(await getUploadProgress(bench.registry, session)).toBe(blob.bytes.length)
      await finishUpload(bench.registry, session, { ...nothing, digest: blob.digest })
      await requireStored(blob)
    })

    test('of bytes that come with it is refused with both digests, and the upload is thrown away', async () => {
      const [blob, other] = [newBlob(), newBlob()]
      const session = await begin()
      await append(session, blob.bytes.slice(0, 10))
      const error = await failureOf(
        finishUpload(bench.registry, session, {
          body: bodyOf(blob.bytes.slice(10)),
          range: null,
          digest: other.digest,
        }),
      )
      expect(error).toHaveProperty('code', 'DIGEST_INVALID')
      expect(error.message).toContain(blob.digest)
      expect(error.message).toContain(other.digest)
      for (const use of everyUseOf(bench.registry, session)) {
        expect(await failureOf(use())).toHaveProperty('code', 'BLOB_UPLOAD_UNKNOWN')
      }
      expect(await bench.registry.blobs.stat(blob.digest)).toBeNull()
      expect(await uploadsIn(bench)).not.toContain(session.id)
    })

    test('of a blob that was sent at once leaves nothing', async () => {
      const own = bench.newRepository()
      const blob = newBlob()
      const wrong = putBlob(bench.registry, {
        repository: own,
        principal: 'mistaken',
        digest: newBlob().digest,
        range: null,
        body: bodyOf(blob.bytes),
      })
      expect(await failureOf(wrong)).toHaveProperty('code', 'DIGEST_INVALID')
      expect(await bench.rows('SELECT id FROM uploads WHERE principal = $1', ['mistaken'])).toEqual([])
    })
  })

  describe('a session', () => {
    test('is bound to its repository and to the principal that opened it', async () => {
      const session = await begin()
      await append(session, new Uint8Array([1]))
      const others = [
        { ...session, repository: bench.newRepository() },
        { ...session, principal: 'bob' },
        { ...session, id: crypto.randomUUID() as UploadId },
      ]
      for (const other of others) {
        for (const use of everyUseOf(bench.registry, other)) {
          const error = await failureOf(use())
          expect(error).toHaveProperty('code', 'BLOB_UPLOAD_UNKNOWN')
          expect(error.message).toContain('Begin a new one')
        }
      }
      expect(await getUploadProgress(bench.registry, session)).toBe(1)
    })

    test('that is cancelled is gone, and so are its bytes', async () => {
      const session = await begin()
      await append(session, new Uint8Array([1, 2, 3]))
      expect(await uploadsIn(bench)).toContain(session.id)
      await cancelUpload(bench.registry, session)
      expect(await uploadsIn(bench)).not.toContain(session.id)
      for (const use of everyUseOf(bench.registry, session)) {
        expect(await failureOf(use())).toHaveProperty('code', 'BLOB_UPLOAD_UNKNOWN')
      }
    })

    test('that never got a byte can be cancelled', async () => {
      await cancelUpload(bench.registry, await begin())
    })
  })
})

async function send(registry: Registry, session: UploadSession, { bytes, digest }: Sample): Promise<void> {
  await finishUpload(registry, session, { body: bodyOf(bytes), range: null, digest })
}

function everyUseOf(registry: Registry, session: UploadSession): (() => Promise<unknown>)[] {
  const { digest } = newBlob()
  return [
    () => getUploadProgress(registry, session),
    () => appendToUpload(registry, session, nothing),
    () => finishUpload(registry, session, { ...nothing, digest }),
    () => cancelUpload(registry, session),
  ]
}

async function uploadsIn(bench: Bench): Promise<UploadId[]> {
  return await Array.fromAsync(bench.registry.blobs.listUploads())
}

function piecesOf(bytes: Uint8Array, count: number): Uint8Array[] {
  const size = Math.ceil(bytes.length / count)
  return Array.from({ length: count }, (_, index) => bytes.slice(index * size, (index + 1) * size))
}

async function* breakingOff(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
  throw new Error('the line went dead')
}
