/** Uploads whose writer nobody hears of any more, and which may still write: another one goes on in a copy, and no byte that counts is lost. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { DelegatingBlobStore } from '../../test/delegating-stores.ts'
import { type Bench, describeOnDatabases, failureOf } from '../../test/registry-bench.ts'
import { bodyOf, newBlob, type Sample } from '../../test/sample-content.ts'
import { WriterUnavailable } from '../metadata/database.ts'
import { findUploadByFile } from '../metadata/uploads.ts'
import { type Digest, digestOf } from '../oci/digest.ts'
import { OCTET_STREAM } from '../oci/media-type.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import type { UploadId } from '../oci/upload-id.ts'
import { StorageUnavailable } from '../storage/blob-store.ts'
import { uploadPath } from '../storage/layout.ts'
import { getBlob } from './blobs.ts'
import { finishUploadCommand, type UploadSession, uploadCopiedCommand } from './uploads.commands.ts'
import {
  asOther,
  endingBody,
  Gate,
  type GateKeeper,
  holdAs,
  letLapse,
  UnreliableDatabase,
} from './uploads.fixtures.ts'
import { appendToUpload, beginUpload, finishUpload, getUploadProgress } from './uploads.ts'

const nothing = { body: null, range: null }

/** Copies or commits some uploads only once it is let, and has no room for a copy of others. */
class SlowBlobs extends DelegatingBlobStore {
  readonly #copies = new Map<UploadId, Gate>()
  readonly #commits = new Map<UploadId, Gate>()
  /** Those that the disk has no room for a copy of. */
  readonly uncopyable = new Set<UploadId>()

  /** Only the next copy of it. */
  gateCopyOf(upload: UploadId): GateKeeper {
    return gateIn(this.#copies, upload)
  }

  gateCommitOf(upload: UploadId): GateKeeper {
    return gateIn(this.#commits, upload)
  }

  override async copy(from: UploadId, to: UploadId, length: number): Promise<void> {
    if (this.uncopyable.has(from)) throw new StorageUnavailable('The disk is full: free some space.')
    const gate = this.#copies.get(from)
    this.#copies.delete(from)
    await gate?.pass()
    await super.copy(from, to, length)
  }

  override async commit(upload: UploadId, digest: Digest, size: number): Promise<void> {
    await this.#commits.get(upload)?.pass()
    await super.commit(upload, digest, size)
  }
}

function gateIn(gates: Map<UploadId, Gate>, upload: UploadId): GateKeeper {
  const gate = new Gate()
  gates.set(upload, gate)
  return gate.keeper
}

describeOnDatabases('an upload whose writer has lapsed', (open) => {
  let bench: Bench
  let blobs: SlowBlobs
  let repository: RepositoryName
  beforeAll(async () => {
    bench = await open({
      blobs(real) {
        blobs = new SlowBlobs(real)
        return blobs
      },
    })
    repository = bench.newRepository()
  })
  afterAll(() => bench.close())

  function begin(): Promise<UploadSession> {
    return beginUpload(bench.registry, { repository, principal: 'ann', algorithm: 'sha256' })
  }

  function append(session: UploadSession, bytes: Uint8Array, registry = bench.registry): Promise<number> {
    return appendToUpload(registry, session, { body: bodyOf(bytes), range: null })
  }

  async function requireFinished(session: UploadSession, blob: Sample, registry = bench.registry) {
    await finishUpload(registry, session, { body: null, range: null, digest: blob.digest })
    const { size, content } = await getBlob(bench.registry, repository, blob.digest)
    const found = content({ offset: 0, length: size })
    if (found.kind !== 'file') throw new Error('not a file')
    expect(await Bun.file(found.path).bytes()).toEqual(blob.bytes)
  }

  test.concurrent('goes on in a copy, and what the lapsed one still writes does not count', async () => {
    const blob = newBlob(OCTET_STREAM, 800)
    const session = await begin()
    await append(session, blob.bytes.slice(0, 300))
    const { body, end, taken } = endingBody(new Uint8Array(500))
    const lapsed = failureOf(appendToUpload(asOther(bench.registry), session, { body, range: null }))
    await taken
    await letLapse(bench, session.id)
    expect(await append(session, blob.bytes.slice(300))).toBe(800)
    end()
    expect(await lapsed).toMatchObject({ code: 'RANGE_INVALID', received: 800 })
    expect(await getUploadProgress(bench.registry, session)).toBe(800)
    await requireFinished(session, blob)
    expect(await Array.fromAsync(blobs.listUploads())).not.toContain(session.id)
  })

  test.concurrent('goes on although it had no bytes yet', async () => {
    const blob = newBlob()
    const session = await begin()
    await holdAs(bench, session, 'lapsed/1', -1)
    expect(await append(session, blob.bytes)).toBe(blob.bytes.length)
    await requireFinished(session, blob)
  })

  test.concurrent('keeps every byte when there is no room for the copy, and is free for the next try', async () => {
    const blob = newBlob(OCTET_STREAM, 100)
    const session = await begin()
    await append(session, blob.bytes.slice(0, 60))
    await holdAs(bench, session, 'lapsed/2', -1)
    blobs.uncopyable.add(session.id)
    const digest = digestOf(blob.bytes.slice(0, 60))
    for (const attempt of [
      () => append(session, blob.bytes.slice(60)),
      () => finishUpload(bench.registry, session, { ...nothing, digest }),
    ]) {
      const start = performance.now()
      expect(await failureOf(attempt())).toBeInstanceOf(StorageUnavailable)
      expect(performance.now() - start).toBeLessThan(1000)
      expect(await getUploadProgress(bench.registry, session)).toBe(60)
    }
    blobs.uncopyable.delete(session.id)
    expect(await append(session, blob.bytes.slice(60))).toBe(100)
    await requireFinished(session, blob)
    expect(await Array.fromAsync(blobs.listUploads())).not.toContain(session.id)
  })

  test.concurrent('keeps every byte when the one that copies dies, or lapses too', async () => {
    const blob = newBlob(OCTET_STREAM, 100)
    const session = await begin()
    await append(session, blob.bytes.slice(0, 60))
    await holdAs(bench, session, 'lapsed/3', -1)
    const { opened, reached } = blobs.gateCopyOf(session.id)
    const copier = failureOf(append(session, new Uint8Array(1), asOther(bench.registry)))
    await reached
    expect(await findUploadByFile(bench.database, session.id)).toBe(session.id)
    await letLapse(bench, session.id)
    expect(await append(session, blob.bytes.slice(60))).toBe(100)
    opened()
    expect(await copier).toMatchObject({ code: 'RANGE_INVALID', received: 100 })
    expect(await getUploadProgress(bench.registry, session)).toBe(100)
    await requireFinished(session, blob)
  })

  test.concurrent('keeps the bytes that the volume still has, where it lost some of them', async () => {
    const blob = newBlob(OCTET_STREAM, 100)
    const session = await begin()
    await append(session, blob.bytes.slice(0, 60))
    await holdAs(bench, session, 'lapsed/4', -1)
    truncateSync(join(bench.root, uploadPath(session.id)), 20)
    const late = append(session, blob.bytes.slice(60))
    expect(await failureOf(late)).toMatchObject({ code: 'RANGE_INVALID', received: 20 })
    expect(await append(session, blob.bytes.slice(20))).toBe(100)
    await requireFinished(session, blob)
  })

  test.concurrent('leaves the bytes where they are when the row cannot be asked, and copies them again', async () => {
    const blob = newBlob(OCTET_STREAM, 100)
    const session = await begin()
    await append(session, blob.bytes.slice(0, 60))
    await holdAs(bench, session, 'lapsed/5', -1)
    const database = new UnreliableDatabase(bench.database)
    database.fail(uploadCopiedCommand, 'not-run')
    const registry = { ...bench.registry, database }
    const failed = append(session, blob.bytes.slice(60), registry)
    expect(await failureOf(failed)).toBeInstanceOf(WriterUnavailable)
    expect(await append(session, blob.bytes.slice(60), registry)).toBe(100)
    await requireFinished(session, blob)
  })

  test.concurrent('is not ended by the lapsed one, which is told how far it is', async () => {
    const blob = newBlob(OCTET_STREAM, 100)
    const session = await begin()
    await append(session, blob.bytes.slice(0, 60))
    const early = digestOf(blob.bytes.slice(0, 60))
    const { opened, reached } = blobs.gateCommitOf(session.id)
    const lapsed = failureOf(finishUpload(asOther(bench.registry), session, { ...nothing, digest: early }))
    await reached
    await letLapse(bench, session.id)
    expect(await append(session, blob.bytes.slice(60))).toBe(100)
    opened()
    expect(await lapsed).toMatchObject({ code: 'RANGE_INVALID', received: 100 })
    await requireFinished(session, blob)
  })

  test.concurrent('is not thrown away by the lapsed one, whose digest is wrong', async () => {
    const blob = newBlob(OCTET_STREAM, 100)
    const session = await begin()
    const other = asOther(bench.registry)
    await append(session, blob.bytes.slice(0, 60), other)
    const { body, end, taken } = endingBody(new Uint8Array(5))
    const lapsed = failureOf(finishUpload(other, session, { body, range: null, digest: newBlob().digest }))
    await taken
    await letLapse(bench, session.id)
    expect(await append(session, blob.bytes.slice(60))).toBe(100)
    end()
    expect(await lapsed).toHaveProperty('code', 'DIGEST_INVALID')
    expect(await getUploadProgress(bench.registry, session)).toBe(100)
    await requireFinished(session, blob)
  })

  test.concurrent('is finished by nobody but its writer', async () => {
    const blob = newBlob()
    const session = await begin()
    await append(session, blob.bytes)
    await holdAs(bench, session, 'the/writer', 60_000)
    const [{ digest }, size] = [blob, blob.bytes.length]
    const other = { ...session, digest, size, writer: 'another/writer' }
    for (const writer of [other.writer, null]) {
      const finished = await bench.database.write(finishUploadCommand, { ...other, writer })
      expect(finished).toEqual({ kind: 'taken-over', received: size })
    }
    await letLapse(bench, session.id)
    await requireFinished(session, blob)
  })
})
