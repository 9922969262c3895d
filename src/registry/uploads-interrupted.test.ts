/** Uploads that the storage disturbs, or a restart of Berth or of the machine: what counts, and what is read again. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { appendFileSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { type Bench, describeOnDatabases, failureOf } from '../../test/registry-bench.ts'
import { bodyOf, newBlob, type Sample } from '../../test/sample-content.ts'
import { requireStored as requireBlob, type SlowBlobs, UploadBench } from '../../test/upload-bench.ts'
import { type Digest, digestOf } from '../oci/digest.ts'
import { OCTET_STREAM } from '../oci/media-type.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { StorageUnavailable } from '../storage/blob-store.ts'
import { uploadPath } from '../storage/layout.ts'
import { UploadOutOfStep } from './held-upload.ts'
import { LiveUploads } from './live-uploads.ts'
import type { Registry } from './registry.ts'
import type { UploadSession } from './uploads.commands.ts'
import { appendToUpload, finishUpload, getUploadProgress } from './uploads.ts'

const nothing = { body: null, range: null }

describeOnDatabases('uploads and', (open) => {
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

  describe('the storage', () => {
    test('that fails in the middle of a body counts nothing of it, and the upload goes on', async () => {
      const blob = newBlob(OCTET_STREAM, 600)
      const session = await begin()
      await append(session, blob.bytes.slice(0, 100))
      blobs.isFull = true
      const full = append(session, blob.bytes.slice(100, 300), blob.bytes.slice(300))
      expect(await failureOf(full)).toBeInstanceOf(StorageUnavailable)
      blobs.isFull = false
      expect(await getUploadProgress(bench.registry, session)).toBe(100)
      await append(session, blob.bytes.slice(100))
      await finishUpload(bench.registry, session, { ...nothing, digest: blob.digest })
      await requireStored(blob)
    })

    test('that has fewer bytes than the row is right: the client is told, and goes on from there', async () => {
      const blob = newBlob(OCTET_STREAM, 400)
      for (const use of [
        (session: UploadSession) => append(session, blob.bytes.slice(300)),
        (session: UploadSession) =>
          finishUpload(bench.registry, session, { ...nothing, digest: digestOf(blob.bytes.slice(0, 300)) }),
      ]) {
        const session = await begin()
        await append(session, blob.bytes.slice(0, 300))
        truncateSync(join(bench.root, uploadPath(session.id)), 50)
        expect(await failureOf(use(session))).toMatchObject({ code: 'RANGE_INVALID', received: 50 })
        expect(await getUploadProgress(bench.registry, session)).toBe(50)
        await append(session, blob.bytes.slice(50))
        await finishUpload(bench.registry, session, { ...nothing, digest: blob.digest })
        await requireStored(blob)
      }
    })

    test('that has more bytes than the row is cut back to it', async () => {
      const blob = newBlob(OCTET_STREAM, 400)
      for (const count of [300, 400]) {
        const session = await begin()
        await append(session, blob.bytes.slice(0, count))
        appendFileSync(join(bench.root, uploadPath(session.id)), 'left by a dead process')
        if (count < 400) await append(session, blob.bytes.slice(count))
        await finishUpload(bench.registry, session, { ...nothing, digest: blob.digest })
        await requireStored(blob)
      }
    })

    test('that has more bytes because the last chunk was refused takes an empty closing request', async () => {
      const blob = newBlob(OCTET_STREAM, 100)
      const session = await begin()
      await append(session, blob.bytes)
      const range = { offset: 100, length: 60 }
      const refused = appendToUpload(bench.registry, session, { body: bodyOf(new Uint8Array(50)), range })
      expect(await failureOf(refused)).toHaveProperty('code', 'SIZE_INVALID')
      await finishUpload(bench.registry, session, { ...nothing, digest: blob.digest })
      await requireStored(blob)
    })

    test('that somebody else writes to is noticed at the end of a body: it does not count', async () => {
      const blob = newBlob(OCTET_STREAM, 400)
      const session = await begin()
      await append(session, blob.bytes.slice(0, 300))
      async function* disturbed(): AsyncGenerator<Uint8Array> {
        yield blob.bytes.slice(300, 350)
        appendFileSync(join(bench.root, uploadPath(session.id)), 'from elsewhere')
      }
      const error = await failureOf(
        appendToUpload(bench.registry, session, { body: disturbed(), range: null }),
      )
      expect(error).toBeInstanceOf(UploadOutOfStep)
      expect(error).toMatchObject({ code: 'RANGE_INVALID', received: 300 })
      await append(session, blob.bytes.slice(300))
      await finishUpload(bench.registry, session, { ...nothing, digest: blob.digest })
      await requireStored(blob)
    })
  })

  describe('after a restart', () => {
    test('an upload goes on: its bytes are hashed once more at the end, and rightly', async () => {
      const blob = newBlob(OCTET_STREAM, 900)
      const session = await begin()
      await append(session, blob.bytes.slice(0, 400))
      const restarted = asRestarted(bench.registry)
      const before = blobs.reads
      const more = { body: bodyOf(blob.bytes.slice(400, 700)), range: { offset: 400, length: 300 } }
      expect(await appendToUpload(restarted, session, more)).toBe(700)
      await finishUpload(restarted, session, {
        body: bodyOf(blob.bytes.slice(700)),
        range: null,
        digest: blob.digest,
      })
      expect(blobs.reads).toBe(before + 1)
      await requireStored(blob)
    })

    test('only the closing request is left: nothing is read again', async () => {
      const blob = newBlob(OCTET_STREAM, 900)
      const session = await begin()
      await append(session, blob.bytes)
      const before = blobs.reads
      await finishUpload(asRestarted(bench.registry), session, { ...nothing, digest: blob.digest })
      expect(blobs.reads).toBe(before)
      await requireStored(blob)
    })

    test('of the machine too, whose disk may have lost what was hashed, it is read again', async () => {
      const blob = newBlob(OCTET_STREAM, 900)
      const session = await begin()
      await append(session, blob.bytes)
      const before = blobs.reads
      const rebooted = { ...bench.registry, uploads: new LiveUploads('again', 'another boot') }
      await finishUpload(rebooted, session, { ...nothing, digest: blob.digest })
      expect(blobs.reads).toBe(before + 1)
      await requireStored(blob)
    })

    test('of the machine too, whose disk has lost some, the client is told so and goes on from there', async () => {
      const blob = newBlob(OCTET_STREAM, 900)
      const session = await begin()
      await append(session, blob.bytes)
      truncateSync(join(bench.root, uploadPath(session.id)), 500)
      const rebooted = { ...bench.registry, uploads: new LiveUploads('again', 'another boot') }
      const closing = { ...nothing, digest: blob.digest }
      expect(await failureOf(finishUpload(rebooted, session, closing))).toMatchObject({ received: 500 })
      await finishUpload(rebooted, session, {
        body: bodyOf(blob.bytes.slice(500)),
        range: { offset: 500, length: 400 },
        digest: blob.digest,
      })
      await requireStored(blob)
    })

    test('of the machine too, an upload that lost all of it says so when it is asked', async () => {
      const session = await begin()
      await append(session, newBlob(OCTET_STREAM, 900).bytes)
      rmSync(join(bench.root, uploadPath(session.id)))
      const rebooted = { ...bench.registry, uploads: new LiveUploads('again', 'another boot') }
      expect(await getUploadProgress(rebooted, session)).toBe(0)
      const blob = newBlob()
      await finishUpload(rebooted, session, { ...nothing, body: bodyOf(blob.bytes), digest: blob.digest })
      await requireStored(blob)
    })
  })
})

/** The same registry in a new process on the same machine. */
function asRestarted(registry: Registry): Registry {
  return { ...registry, uploads: new LiveUploads('again', registry.uploads.boot) }
}
