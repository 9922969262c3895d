/**
 * A closing request that comes again, because the first one failed on our side, the process died, or its answer
 * was lost: wherever that was, the client gets its blob, and nothing that was acknowledged is asked for again.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { DelegatingTreeStore } from '../../test/delegating-stores.ts'
import { type Bench, describeOnDatabases, failureOf } from '../../test/registry-bench.ts'
import { bodyOf, newBlob } from '../../test/sample-content.ts'
import { requireStored } from '../../test/upload-bench.ts'
import { WriterUnavailable } from '../metadata/database.ts'
import { OCTET_STREAM } from '../oci/media-type.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { StorageUnavailable } from '../storage/blob-store.ts'
import { blobDataPath, layerLinkPath } from '../storage/layout.ts'
import { LiveUploads } from './live-uploads.ts'
import type { Registry } from './registry.ts'
import {
  finishUploadCommand,
  releaseUploadCommand,
  releaseUploadsOfCommand,
  type UploadSession,
} from './uploads.commands.ts'
import { asOther, letLapse, UnreliableDatabase } from './uploads.fixtures.ts'
import { appendToUpload, beginUpload, cancelUpload, finishUpload, getUploadProgress } from './uploads.ts'

const nothing = { body: null, range: null }

class FullTree extends DelegatingTreeStore {
  isFull = false

  override write(path: string, bytes: Uint8Array): Promise<void> {
    if (!this.isFull) return super.write(path, bytes)
    return Promise.reject(new StorageUnavailable('The disk is full: free some space.'))
  }
}

describeOnDatabases('a closing request that comes again', (open) => {
  let bench: Bench
  let tree: FullTree
  let database: UnreliableDatabase
  let registry: Registry
  let repository: RepositoryName
  beforeAll(async () => {
    bench = await open({
      tree(real) {
        tree = new FullTree(real)
        return tree
      },
    })
    repository = bench.newRepository()
    database = new UnreliableDatabase(bench.database)
    registry = { ...bench.registry, database }
  })
  afterAll(() => bench.close())

  async function begin(bytes?: Uint8Array): Promise<UploadSession> {
    const session = await beginUpload(registry, { repository, principal: 'ann', algorithm: 'sha256' })
    if (bytes !== undefined) await appendToUpload(registry, session, { body: bodyOf(bytes), range: null })
    return session
  }

  /** The file has become the blob, and then the process died: its row is as it was, and a new one begins. */
  async function dieBeforeTheRow(finishing: () => Promise<void>): Promise<Registry> {
    database.fail(finishUploadCommand, 'not-run')
    database.fail(releaseUploadCommand, 'not-run')
    expect(await failureOf(finishing())).toBeInstanceOf(WriterUnavailable)
    await bench.database.write(releaseUploadsOfCommand, { process: registry.uploads.process })
    return { ...registry, uploads: new LiveUploads('again', registry.uploads.boot) }
  }

  describe('after the blob was in place, but not the row', () => {
    test('is done, in the same process', async () => {
      const blob = newBlob()
      const session = await begin(blob.bytes)
      database.fail(finishUploadCommand, 'not-run')
      const close = () => finishUpload(registry, session, { ...nothing, digest: blob.digest })
      expect(await failureOf(close())).toBeInstanceOf(WriterUnavailable)
      expect(await getUploadProgress(registry, session)).toBe(blob.bytes.length)
      await close()
      await requireStored(bench.registry, repository, blob)
    })

    test('is done, in the one that was started after a kill', async () => {
      const blob = newBlob()
      const session = await begin(blob.bytes)
      const input = { ...nothing, digest: blob.digest }
      const restarted = await dieBeforeTheRow(() => finishUpload(registry, session, input))
      await finishUpload(restarted, session, input)
      await requireStored(bench.registry, repository, blob)
    })

    test('is done when it brought the last chunk: with it once more, or without', async () => {
      for (const repeat of ['as it was', 'without its range', 'empty']) {
        const blob = newBlob(OCTET_STREAM, 100)
        const session = await begin(blob.bytes.slice(0, 60))
        const close = (on: Registry) =>
          finishUpload(on, session, {
            body: bodyOf(blob.bytes.slice(60)),
            range: repeat === 'as it was' ? { offset: 60, length: 40 } : null,
            digest: blob.digest,
          })
        const restarted = await dieBeforeTheRow(() => close(registry))
        expect(await getUploadProgress(restarted, session)).toBe(100)
        if (repeat === 'empty') await finishUpload(restarted, session, { ...nothing, digest: blob.digest })
        else await close(restarted)
        await requireStored(bench.registry, repository, blob)
      }
    })

    test('is done when it brought the whole blob', async () => {
      const blob = newBlob()
      const session = await begin()
      const close = (on: Registry) =>
        finishUpload(on, session, { body: bodyOf(blob.bytes), range: null, digest: blob.digest })
      await close(await dieBeforeTheRow(() => close(registry)))
      await requireStored(bench.registry, repository, blob)
    })

    test('is done by somebody else, where nobody knows whether the first one is dead', async () => {
      const blob = newBlob()
      const session = await begin(blob.bytes)
      const input = { ...nothing, digest: blob.digest }
      database.fail(finishUploadCommand, 'not-run')
      database.fail(releaseUploadCommand, 'not-run')
      expect(await failureOf(finishUpload(registry, session, input))).toBeInstanceOf(WriterUnavailable)
      await letLapse(bench, session.id)
      await finishUpload(asOther(registry), session, input)
      await requireStored(bench.registry, repository, blob)
    })

    test('begins again where the machine has: what it promised in memory is gone', async () => {
      const blob = newBlob()
      const session = await begin(blob.bytes)
      const input = { ...nothing, digest: blob.digest }
      await dieBeforeTheRow(() => finishUpload(registry, session, input))
      const rebooted = { ...registry, uploads: new LiveUploads('again', 'another boot') }
      expect(await failureOf(finishUpload(rebooted, session, input))).toMatchObject({ received: 0 })
    })

    test('is told the truth where what lies there is no such blob', async () => {
      const blob = newBlob(OCTET_STREAM, 100)
      const session = await begin(blob.bytes)
      const input = { ...nothing, digest: blob.digest }
      const restarted = await dieBeforeTheRow(() => finishUpload(registry, session, input))
      truncateSync(join(bench.root, blobDataPath(blob.digest)), 99)
      expect(await failureOf(finishUpload(restarted, session, input))).toMatchObject({
        code: 'RANGE_INVALID',
        received: 0,
      })
    })
  })

  describe('after the row was committed', () => {
    test('is done where only the answer was lost', async () => {
      const blob = newBlob()
      const session = await begin(blob.bytes)
      database.fail(finishUploadCommand, 'answer-lost')
      const close = () => finishUpload(registry, session, { ...nothing, digest: blob.digest })
      expect(await failureOf(close())).toBeInstanceOf(WriterUnavailable)
      await close()
      await close()
      await requireStored(bench.registry, repository, blob)
    })

    test('is done once the link tree can be written, and shows there', async () => {
      const blob = newBlob()
      const session = await begin(blob.bytes)
      const close = () => finishUpload(registry, session, { ...nothing, digest: blob.digest })
      tree.isFull = true
      expect(await failureOf(close())).toBeInstanceOf(StorageUnavailable)
      expect(await failureOf(close())).toBeInstanceOf(StorageUnavailable)
      tree.isFull = false
      await close()
      await requireStored(bench.registry, repository, blob)
      expect(await bench.files.stat(layerLinkPath(repository, blob.digest))).toMatchObject({
        size: blob.digest.length,
      })
    })

    test('does not help an upload that ended otherwise, nor one that is another principal’s', async () => {
      const [blob, other] = [newBlob(), newBlob()]
      const [done, cancelled] = [await begin(blob.bytes), await begin(other.bytes)]
      await finishUpload(registry, done, { ...nothing, digest: blob.digest })
      await cancelUpload(registry, cancelled)
      const open = await begin(new Uint8Array(1))
      for (const [session, digest] of [
        [cancelled, other.digest],
        [done, other.digest],
        [{ ...done, repository: bench.newRepository() }, blob.digest],
        [{ ...open, principal: 'bob' }, blob.digest],
      ] as const) {
        const error = await failureOf(finishUpload(registry, session, { ...nothing, digest }))
        expect(error).toHaveProperty('code', 'BLOB_UPLOAD_UNKNOWN')
      }
      expect(await getUploadProgress(registry, open)).toBe(1)
    })

    test('does not pretend that a blob is there whose file is damaged', async () => {
      const blob = newBlob(OCTET_STREAM, 100)
      const session = await begin(blob.bytes)
      const close = () => finishUpload(registry, session, { ...nothing, digest: blob.digest })
      await close()
      truncateSync(join(bench.root, blobDataPath(blob.digest)), 99)
      expect(await failureOf(close())).toHaveProperty('code', 'BLOB_UPLOAD_UNKNOWN')
    })
  })
})
