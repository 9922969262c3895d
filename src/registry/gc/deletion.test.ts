/** What happens where a deletion meets somebody who wants the same content: nothing that was acknowledged is lost. */
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { collectAll, collectForLong, collectStep, DAY, letPass } from '../../../test/collection-bench.ts'
import { DelegatingBlobStore } from '../../../test/delegating-stores.ts'
import { type Bench, describeOnDatabases, failureOf } from '../../../test/registry-bench.ts'
import { blobFacts, fileOf, reviewsOf } from '../../../test/registry-facts.ts'
import {
  bodyOf,
  newBlob,
  newImage,
  pushBlob,
  pushManifest,
  type Sample,
} from '../../../test/sample-content.ts'
import { command } from '../../metadata/database.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { type CondemnedBytes, StorageUnavailable } from '../../storage/blob-store.ts'
import { getBlob, mountBlob } from '../blobs.ts'
import type { Registry } from '../registry.ts'
import { findStoredSize } from '../stored-bytes.ts'
import { beginUpload, cancelUpload, finishUpload } from '../uploads.ts'
import { collectOnce } from './collect.ts'
import { endDeletionCommand, findLeavingBlobs } from './deletion.commands.ts'
import { putBackNeeded, sweepCondemned } from './sweep.ts'

setDefaultTimeout(30_000)

describeOnDatabases('a deletion', (open) => {
  let bench: Bench
  let repository: RepositoryName
  beforeAll(async () => {
    bench = await open()
  })
  afterAll(() => bench.close())
  beforeEach(() => {
    repository = bench.newRepository()
  })

  /** A blob that has lost its links, and whose file is the next to go. */
  async function deleting(blob = newBlob(), ...others: Sample[]): Promise<Sample> {
    for (const each of [blob, ...others]) await pushBlob(bench.registry, repository, each)
    await bench.tree.flush(bench.database)
    await letPass(bench, DAY + 1000)
    await collectAll(bench)
    await letPass(bench, 601_000)
    await collectStep(bench)
    await bench.tree.flush(bench.database)
    await requireState(blob, 'deleting')
    return blob
  }

  async function requireState({ digest }: Sample, state: string | null): Promise<void> {
    expect((await blobFacts(bench, digest))?.state ?? null).toBe(state)
  }

  async function requireWhole({ digest, bytes }: Sample): Promise<void> {
    const blob = await getBlob(bench.registry, repository, digest)
    expect(blob.size).toBe(bytes.length)
    expect(existsSync(fileOf(bench, digest))).toBe(true)
  }

  /** The registry, with something in front of its storage. */
  function withBlobs(blobs: DelegatingBlobStore): Registry {
    return { ...bench.registry, blobs }
  }

  test('is finished by an upload of the same content, which then is there', async () => {
    const blob = await deleting()
    await pushBlob(bench.registry, repository, blob)
    await requireState(blob, 'live')
    await requireWhole(blob)
    await letPass(bench, 3_000_000)
    await collectAll(bench)
    await requireWhole(blob)
  })

  test('is finished by many uploads of the same content at once', async () => {
    const blob = await deleting()
    await Promise.all(Array.from({ length: 8 }, () => pushBlob(bench.registry, repository, blob)))
    await requireWhole(blob)
    await pushManifest(bench.registry, repository, newImage({ config: blob }), 'v1')
    await collectForLong(bench)
    await requireWhole(blob)
  })

  test('lets nobody mount the blob, nor push an image with it', async () => {
    const blob = await deleting()
    const mount = {
      repository,
      digest: blob.digest,
      from: null,
      scope: { kind: 'everything' },
      by: 'ann',
    } as const
    expect(await mountBlob(bench.registry, mount)).toBe(false)
    const error = await failureOf(pushManifest(bench.registry, repository, newImage({ config: blob }), 'v1'))
    expect(error).toHaveProperty('code', 'MANIFEST_BLOB_UNKNOWN')
  })

  test('by a process that wakes up late takes the file of an acknowledged blob, and whoever reads it has it back', async () => {
    const blob = await deleting()
    const [seen] = await findLeavingBlobs(bench.database, [blob.digest])
    await pushBlob(bench.registry, repository, blob)
    await bench.registry.blobs.condemn(blob.digest, seen?.epoch ?? 0)
    expect(existsSync(fileOf(bench, blob.digest))).toBe(false)
    await requireWhole(blob)
  })

  test('by a process that wakes up late puts back itself what it has taken', async () => {
    const blob = await deleting()
    const leaving = await findLeavingBlobs(bench.database, [blob.digest])
    await pushBlob(bench.registry, repository, blob)
    expect(await bench.database.write(endDeletionCommand, { gone: leaving, putOff: [], failed: [] })).toEqual(
      [blob.digest],
    )
    await requireState(blob, 'live')
  })

  test('that takes the file away while an upload commits is noticed before the upload is answered', async () => {
    const blob = newBlob()
    class Thief extends DelegatingBlobStore {
      override async commit(...args: Parameters<DelegatingBlobStore['commit']>): Promise<void> {
        await super.commit(...args)
        await this.real.condemn(blob.digest, 1)
      }
    }
    await pushBlob(withBlobs(new Thief(bench.registry.blobs)), repository, blob)
    expect(existsSync(fileOf(bench, blob.digest))).toBe(true)
  })

  test('that has done away with the file while an upload commits is told to its client', async () => {
    const blob = newBlob()
    class Shredder extends DelegatingBlobStore {
      override async commit(...args: Parameters<DelegatingBlobStore['commit']>): Promise<void> {
        await super.commit(...args)
        await this.real.condemn(blob.digest, 1)
        for await (const found of this.real.listCondemned()) await this.real.unlinkCondemned(found)
      }
    }
    const error = await failureOf(pushBlob(withBlobs(new Shredder(bench.registry.blobs)), repository, blob))
    expect(error).toHaveProperty('code', 'UNAVAILABLE')
    await pushBlob(bench.registry, repository, blob)
    await requireWhole(blob)
  })

  test('whose process died between the file and the database goes on from there', async () => {
    const blob = await deleting()
    const [seen] = await findLeavingBlobs(bench.database, [blob.digest])
    await bench.registry.blobs.condemn(blob.digest, seen?.epoch ?? 0)
    await letPass(bench, 2_000)
    await collectStep(bench)
    await requireState(blob, null)
    expect(await reviewsOf(bench, blob.digest)).toEqual([])
  })

  test('that the disk refuses is tried again, and takes nothing else along', async () => {
    const [first, second] = [newBlob(), newBlob()]
    await deleting(first, second)
    class Broken extends DelegatingBlobStore {
      override async condemn(digest: Digest, epoch: number): Promise<boolean> {
        if (digest === first.digest) throw new StorageUnavailable('the disk is broken')
        return await super.condemn(digest, epoch)
      }
    }
    await letPass(bench, 2_000)
    const broken = { ...bench, registry: withBlobs(new Broken(bench.registry.blobs)) }
    expect(await failureOf(collectStep(broken))).toBeInstanceOf(StorageUnavailable)
    await requireState(first, 'deleting')
    await requireState(second, null)
    await letPass(bench, 61_000)
    await collectStep(bench)
    await requireState(first, null)
  })

  test('of a blob that is a manifest too leaves its file', async () => {
    const config = await pushBlob(bench.registry, repository)
    const image = newImage({ config })
    await pushBlob(bench.registry, repository, image)
    await pushManifest(bench.registry, repository, image, 'v1')
    await collectForLong(bench)
    await requireState(image, null)
    expect(existsSync(fileOf(bench, image.digest))).toBe(true)
  })

  test('of a blob that becomes a manifest meanwhile writes its file again', async () => {
    const config = newBlob()
    const image = newImage({ config })
    await pushBlob(bench.registry, repository, image)
    await bench.tree.flush(bench.database)
    class Late extends DelegatingBlobStore {
      override async condemn(digest: Digest, epoch: number): Promise<boolean> {
        if (digest !== image.digest) return await super.condemn(digest, epoch)
        await pushBlob(bench.registry, repository, config)
        await pushManifest(bench.registry, repository, image, 'v1')
        return await super.condemn(digest, epoch)
      }
    }
    const late = { ...bench, registry: withBlobs(new Late(bench.registry.blobs)) }
    for (let days = 0; days < 4; days++) {
      await letPass(bench, DAY + 1)
      await collectAll(late)
    }
    await requireState(image, null)
    expect(existsSync(fileOf(bench, image.digest))).toBe(true)
  })

  test('is undone at the next start where it took what the database needs', async () => {
    const other = await deleting()
    const blob = await pushBlob(bench.registry, repository)
    await bench.registry.blobs.condemn(blob.digest, 1)
    await bench.registry.blobs.condemn(other.digest, 1)
    expect(await putBackNeeded(bench.registry)).toBeGreaterThan(0)
    expect(existsSync(fileOf(bench, blob.digest))).toBe(true)
    expect(existsSync(fileOf(bench, other.digest))).toBe(false)
  })

  test('after which a reader that had asked before puts the bytes back is done once more', async () => {
    const blob = await deleting()
    await letPass(bench, 2_000)
    await collectStep(bench)
    await requireState(blob, null)
    expect(await findStoredSize(bench.registry, blob.digest)).toBe(blob.bytes.length)
    await collectForLong(bench)
    expect(existsSync(fileOf(bench, blob.digest))).toBe(false)
    expect(await reviewsOf(bench, blob.digest)).toEqual([])
  })

  test('is undone by the sweep where it took what the database needs, and what is not needed goes', async () => {
    const [live, gone, lost] = await Promise.all([1, 2, 3].map(() => pushBlob(bench.registry, repository)))
    if (live === undefined || gone === undefined || lost === undefined) throw new Error('nothing was pushed')
    const forget = command('test.forget', async (tx) => {
      for (const { digest } of [gone, lost]) await tx.run('DELETE FROM blobs WHERE digest = $1', [digest])
      await tx.run('DELETE FROM repository_blobs WHERE digest = $1', [gone.digest])
    })
    await bench.database.write(forget, undefined)
    for (const { digest } of [live, gone, lost]) await bench.registry.blobs.condemn(digest, 1)
    await sweepCondemned(bench.registry, { longerThan: -60_000, limit: 1000 })
    const left = await Array.fromAsync(bench.registry.blobs.listCondemned())
    expect(left.map(({ digest }) => digest)).not.toContain(gone.digest)
    expect([live, gone, lost].map(({ digest }) => existsSync(fileOf(bench, digest)))).toEqual([
      true,
      false,
      true,
    ])
  })

  test('that fails holds up neither other deletions nor the freeing of what lies aside', async () => {
    const [stuck, other] = [newBlob(), newBlob()]
    await deleting(stuck, other)
    class Broken extends DelegatingBlobStore {
      override condemn(digest: Digest, epoch: number): Promise<boolean> {
        if (digest === stuck.digest) throw new StorageUnavailable('this folder cannot be read')
        return super.condemn(digest, epoch)
      }
      override listCondemned(): AsyncIterable<CondemnedBytes> {
        // As if it had lain there for long enough.
        return super.listCondemned()
      }
    }
    const options = { signal: AbortSignal.timeout(60_000) }
    const registry = withBlobs(new Broken(bench.registry.blobs))
    const aside = newBlob()
    mkdirSync(dirname(fileOf(bench, aside.digest)), { recursive: true })
    writeFileSync(fileOf(bench, aside.digest), aside.bytes)
    await bench.registry.blobs.condemn(aside.digest, 1)
    await letPass(bench, 2000)
    expect(await failureOf(collectOnce(registry, options))).toBeInstanceOf(StorageUnavailable)
    await requireState(stuck, 'deleting')
    await requireState(other, null)
    const left = await Array.fromAsync(bench.registry.blobs.listCondemned())
    expect(left.map(({ digest }) => digest)).not.toContain(aside.digest)
    // It waits now, and is tried again in its turn.
    expect(await collectOnce(registry, options)).toMatchObject({ deleted: 0 })
    await letPass(bench, 61_000)
    await collectAll(bench)
    await requireState(stuck, null)
  })

  test('that is not finished keeps nothing else from being unlinked, and is not waited for', async () => {
    const undecided = await deleting()
    await sweepCondemned(bench.registry, { longerThan: -60_000, limit: 1000 })
    const gone = newBlob()
    for (const { digest, bytes } of [undecided, gone]) {
      mkdirSync(dirname(fileOf(bench, digest)), { recursive: true })
      writeFileSync(fileOf(bench, digest), bytes)
      await bench.registry.blobs.condemn(digest, 1)
    }
    const sweep = await sweepCondemned(bench.registry, { longerThan: -60_000, limit: 1 })
    expect(sweep).toMatchObject({ unlinked: 1, freedBytes: gone.bytes.length })
    expect(await sweepCondemned(bench.registry, { longerThan: -60_000, limit: 1 })).toEqual({
      unlinked: 0,
      freedBytes: 0,
      isDone: true,
    })
    const left = await Array.fromAsync(bench.registry.blobs.listCondemned())
    expect(left.map(({ digest }) => digest)).toEqual([undecided.digest])
    await collectAll(bench)
  })

  test('of what an upload has left that died before it was a blob waits until that upload has ended', async () => {
    const blob = newBlob()
    const session = await beginUpload(bench.registry, { repository, principal: 'ann', algorithm: 'sha256' })
    class Dying extends DelegatingBlobStore {
      override async commit(...args: Parameters<DelegatingBlobStore['commit']>): Promise<void> {
        await super.commit(...args)
        throw new StorageUnavailable('the process died here')
      }
    }
    const closing = { body: bodyOf(blob.bytes), range: null, digest: blob.digest }
    await failureOf(finishUpload(withBlobs(new Dying(bench.registry.blobs)), session, closing))
    const look = command('test.look', (tx) =>
      tx.run(`INSERT INTO gc_reviews (repository_id, digest, reason, due_at) VALUES (0, $1, 'test', 0)`, [
        blob.digest,
      ]),
    )
    await bench.database.write(look, undefined)
    await collectAll(bench)
    expect(existsSync(fileOf(bench, blob.digest))).toBe(true)
    // The same request again finds its bytes where it left them.
    await finishUpload(bench.registry, session, { body: null, range: null, digest: blob.digest })
    await requireWhole(blob)
  })

  test('of what an upload has left comes once the upload has been forgotten', async () => {
    const blob = newBlob()
    const session = await beginUpload(bench.registry, { repository, principal: 'ann', algorithm: 'sha256' })
    class Dying extends DelegatingBlobStore {
      override async commit(...args: Parameters<DelegatingBlobStore['commit']>): Promise<void> {
        await super.commit(...args)
        throw new StorageUnavailable('the process died here')
      }
    }
    const closing = { body: bodyOf(blob.bytes), range: null, digest: blob.digest }
    await failureOf(finishUpload(withBlobs(new Dying(bench.registry.blobs)), session, closing))
    await cancelUpload(bench.registry, session)
    expect(existsSync(fileOf(bench, blob.digest))).toBe(true)
    await collectForLong(bench)
    expect(existsSync(fileOf(bench, blob.digest))).toBe(false)
    await requireState(blob, null)
    expect(await reviewsOf(bench, blob.digest)).toEqual([])
  })
})
