/** Uploads whose writer nobody hears of any more, and which may still write: another one goes on in a copy, and no byte that counts is lost. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { type Bench, describeOnDatabases, failureOf } from '../../test/registry-bench.ts'
import { newBlob } from '../../test/sample-content.ts'
import { UploadBench } from '../../test/upload-bench.ts'
import { WriterUnavailable } from '../metadata/database.ts'
import { findUploadByFile } from '../metadata/uploads.ts'
import { digestOf } from '../oci/digest.ts'
import { OCTET_STREAM } from '../oci/media-type.ts'
import { StorageUnavailable } from '../storage/blob-store.ts'
import { uploadPath } from '../storage/layout.ts'
import { finishUploadCommand, uploadCopiedCommand } from './uploads.commands.ts'
import { asOther, endingBody, holdAs, letLapse, UnreliableDatabase } from './uploads.fixtures.ts'
import { appendToUpload, finishUpload, getUploadProgress } from './uploads.ts'

const nothing = { body: null, range: null }

describeOnDatabases('an upload whose writer has lapsed', (open) => {
  let bench: Bench
  let uploads: UploadBench
  beforeAll(async () => {
    uploads = await UploadBench.open(open)
    bench = uploads.registryBench
  })
  afterAll(() => bench.close())

  test.concurrent('goes on in a copy, and what the lapsed one still writes does not count', async () => {
    const blob = newBlob(OCTET_STREAM, 800)
    const session = await uploads.begin()
    await uploads.append(session, blob.bytes.slice(0, 300))
    const { body, end, taken } = endingBody(new Uint8Array(500))
    const lapsed = failureOf(appendToUpload(asOther(bench.registry), session, { body, range: null }))
    await taken
    await letLapse(bench, session.id)
    expect(await uploads.append(session, blob.bytes.slice(300))).toBe(800)
    end()
    expect(await lapsed).toMatchObject({ code: 'RANGE_INVALID', received: 800 })
    expect(await getUploadProgress(bench.registry, session)).toBe(800)
    await uploads.requireFinished(session, blob)
    expect(await Array.fromAsync(uploads.blobs.listUploads())).not.toContain(session.id)
  })

  test.concurrent('goes on although it had no bytes yet', async () => {
    const blob = newBlob()
    const session = await uploads.begin()
    await holdAs(bench, session, 'lapsed/1', -1)
    expect(await uploads.append(session, blob.bytes)).toBe(blob.bytes.length)
    await uploads.requireFinished(session, blob)
  })

  test.concurrent('keeps every byte when there is no room for the copy, and is free for the next try', async () => {
    const blob = newBlob(OCTET_STREAM, 100)
    const session = await uploads.begin()
    await uploads.append(session, blob.bytes.slice(0, 60))
    await holdAs(bench, session, 'lapsed/2', -1)
    uploads.blobs.uncopyable.add(session.id)
    const digest = digestOf(blob.bytes.slice(0, 60))
    for (const attempt of [
      () => uploads.append(session, blob.bytes.slice(60)),
      () => finishUpload(bench.registry, session, { ...nothing, digest }),
    ]) {
      const start = performance.now()
      expect(await failureOf(attempt())).toBeInstanceOf(StorageUnavailable)
      expect(performance.now() - start).toBeLessThan(1000)
      expect(await getUploadProgress(bench.registry, session)).toBe(60)
    }
    uploads.blobs.uncopyable.delete(session.id)
    expect(await uploads.append(session, blob.bytes.slice(60))).toBe(100)
    await uploads.requireFinished(session, blob)
    expect(await Array.fromAsync(uploads.blobs.listUploads())).not.toContain(session.id)
  })

  test.concurrent('keeps every byte when the one that copies dies, or lapses too', async () => {
    const blob = newBlob(OCTET_STREAM, 100)
    const session = await uploads.begin()
    await uploads.append(session, blob.bytes.slice(0, 60))
    await holdAs(bench, session, 'lapsed/3', -1)
    const { opened, reached } = uploads.blobs.gateCopyOf(session.id)
    const copier = failureOf(uploads.append(session, new Uint8Array(1), asOther(bench.registry)))
    await reached
    expect(await findUploadByFile(bench.database, session.id)).toBe(session.id)
    await letLapse(bench, session.id)
    expect(await uploads.append(session, blob.bytes.slice(60))).toBe(100)
    opened()
    expect(await copier).toMatchObject({ code: 'RANGE_INVALID', received: 100 })
    expect(await getUploadProgress(bench.registry, session)).toBe(100)
    await uploads.requireFinished(session, blob)
  })

  test.concurrent('keeps the bytes that the volume still has, where it lost some of them', async () => {
    const blob = newBlob(OCTET_STREAM, 100)
    const session = await uploads.begin()
    await uploads.append(session, blob.bytes.slice(0, 60))
    await holdAs(bench, session, 'lapsed/4', -1)
    truncateSync(join(bench.root, uploadPath(session.id)), 20)
    const late = uploads.append(session, blob.bytes.slice(60))
    expect(await failureOf(late)).toMatchObject({ code: 'RANGE_INVALID', received: 20 })
    expect(await uploads.append(session, blob.bytes.slice(20))).toBe(100)
    await uploads.requireFinished(session, blob)
  })

  test.concurrent('leaves the bytes where they are when the row cannot be asked, and copies them again', async () => {
    const blob = newBlob(OCTET_STREAM, 100)
    const session = await uploads.begin()
    await uploads.append(session, blob.bytes.slice(0, 60))
    await holdAs(bench, session, 'lapsed/5', -1)
    const database = new UnreliableDatabase(bench.database)
    database.fail(uploadCopiedCommand, 'not-run')
    const registry = { ...bench.registry, database }
    const failed = uploads.append(session, blob.bytes.slice(60), registry)
    expect(await failureOf(failed)).toBeInstanceOf(WriterUnavailable)
    expect(await uploads.append(session, blob.bytes.slice(60), registry)).toBe(100)
    await uploads.requireFinished(session, blob)
  })

  test.concurrent('is not ended by the lapsed one, which is told how far it is', async () => {
    const blob = newBlob(OCTET_STREAM, 100)
    const session = await uploads.begin()
    await uploads.append(session, blob.bytes.slice(0, 60))
    const early = digestOf(blob.bytes.slice(0, 60))
    const { opened, reached } = uploads.blobs.gateCommitOf(session.id)
    const lapsed = failureOf(finishUpload(asOther(bench.registry), session, { ...nothing, digest: early }))
    await reached
    await letLapse(bench, session.id)
    expect(await uploads.append(session, blob.bytes.slice(60))).toBe(100)
    opened()
    expect(await lapsed).toMatchObject({ code: 'RANGE_INVALID', received: 100 })
    await uploads.requireFinished(session, blob)
  })

  test.concurrent('is not thrown away by the lapsed one, whose digest is wrong', async () => {
    const blob = newBlob(OCTET_STREAM, 100)
    const session = await uploads.begin()
    const other = asOther(bench.registry)
    await uploads.append(session, blob.bytes.slice(0, 60), other)
    const { body, end, taken } = endingBody(new Uint8Array(5))
    const lapsed = failureOf(finishUpload(other, session, { body, range: null, digest: newBlob().digest }))
    await taken
    await letLapse(bench, session.id)
    expect(await uploads.append(session, blob.bytes.slice(60))).toBe(100)
    end()
    expect(await lapsed).toHaveProperty('code', 'DIGEST_INVALID')
    expect(await getUploadProgress(bench.registry, session)).toBe(100)
    await uploads.requireFinished(session, blob)
  })

  test.concurrent('is finished by nobody but its writer', async () => {
    const blob = newBlob()
    const session = await uploads.begin()
    await uploads.append(session, blob.bytes)
    await holdAs(bench, session, 'the/writer', 60_000)
    const [{ digest }, size] = [blob, blob.bytes.length]
    const other = { ...session, digest, size, lease: 1000, writer: 'another/writer' }
    for (const writer of [other.writer, null]) {
      const finished = await bench.database.write(finishUploadCommand, { ...other, writer })
      expect(finished).toEqual({ kind: 'taken-over', received: size })
    }
    await letLapse(bench, session.id)
    await uploads.requireFinished(session, blob)
  })
})
