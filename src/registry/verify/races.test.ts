/** A blob is found damaged while somebody pushes it, and a disk fails while it is looked at: nothing good is ever taken away. */
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { collectForLong, knownOf } from '../../../test/collection-bench.ts'
import { DelegatingBlobStore } from '../../../test/delegating-stores.ts'
import { describeOnDatabases } from '../../../test/registry-bench.ts'
import { newBlob, pushBlob, type Sample } from '../../../test/sample-content.ts'
import { VerifyBench } from '../../../test/verify-bench.ts'
import type { ByteRange } from '../../lib/byte-range.ts'
import { findDamage } from '../../metadata/damage.ts'
import { command } from '../../metadata/database.ts'
import { findReviewTime } from '../../metadata/verification.ts'
import type { Digest } from '../../oci/digest.ts'
import { OCTET_STREAM } from '../../oci/media-type.ts'
import { type BlobStore, StorageUnavailable, type StoredBytes } from '../../storage/blob-store.ts'
import { getBlob } from '../blobs.ts'
import { BlobHashing } from './hashing.ts'
import { BEGIN } from './look.ts'
import { verifyPage } from './verify.ts'

setDefaultTimeout(30_000)

/** Does something at a moment of its caller's work. */
class Interrupted extends DelegatingBlobStore {
  beforeQuarantine: (() => Promise<void>) | null = null
  beforePutBack: (() => Promise<void>) | null = null
  isFailing = false

  override async quarantine(digest: Digest, bytes: StoredBytes): Promise<boolean> {
    await this.beforeQuarantine?.()
    return await this.real.quarantine(digest, bytes)
  }

  override async putBack(digest: Digest): Promise<boolean> {
    await this.beforePutBack?.()
    return await this.real.putBack(digest)
  }

  override readBlob(digest: Digest, range: ByteRange): AsyncIterable<Uint8Array> {
    return this.isFailing ? broken() : this.real.readBlob(digest, range)
  }
}

// biome-ignore lint/correctness/useYield: a disk that gives nothing
async function* broken(): AsyncGenerator<Uint8Array> {
  throw new StorageUnavailable('The disk that holds it reported an error.')
}

/** As the end of a deletion does. */
const forgetForGood = command('test.forget-for-good', async (tx, digest: Digest) => {
  await tx.run('DELETE FROM gc_reviews WHERE digest = $1', [digest])
  await tx.run('DELETE FROM repository_blobs WHERE digest = $1', [digest])
  await tx.run('DELETE FROM blobs WHERE digest = $1', [digest])
})

describeOnDatabases('verification beside others', (open) => {
  let verify: VerifyBench
  let disk: Interrupted
  afterEach(() => verify.close())

  async function opened(): Promise<Sample> {
    let made: Interrupted | null = null
    const blobs = (real: BlobStore) => {
      made = new Interrupted(real)
      return made
    }
    verify = await VerifyBench.open(open, { blobs })
    disk = made ?? new Interrupted(verify.bench.registry.blobs)
    const repository = verify.first.newRepository()
    const blob = await pushBlob(verify.bench.registry, repository, newBlob(OCTET_STREAM, 1000))
    expect((await getBlob(verify.bench.registry, repository, blob.digest)).size).toBe(1000)
    return blob
  }

  test('takes nothing away that is pushed between the hash and the quarantine, and notes nothing', async () => {
    const blob = await opened()
    const repository = verify.first.newRepository()
    verify.flip(blob.digest)
    disk.beforeQuarantine = async () => {
      await pushBlob(verify.bench.registry, repository, blob)
    }
    const found = await verify.verify({ deep: true, repair: true })
    expect(found.kinds()).toEqual([])
    expect((await getBlob(verify.bench.registry, repository, blob.digest)).size).toBe(1000)
    expect(await findDamage(verify.bench.database, blob.digest)).toBeNull()
    disk.beforeQuarantine = null
    expect((await verify.verify({ deep: true })).kinds()).toEqual([])
  })

  test('many pushes and verifications of one damaged blob at once end with the blob whole', async () => {
    const blob = await opened()
    const repository = verify.first.newRepository()
    for (let round = 0; round < 5; round++) {
      verify.flip(blob.digest)
      const verifying = [1, 2].map(() => verify.verify({ deep: true, repair: true }))
      const pushing = [1, 2, 3].map(() => pushBlob(verify.bench.registry, repository, blob))
      await Promise.all([...verifying, ...pushing])
      // Every push was answered with a success.
      expect((await getBlob(verify.bench.registry, repository, blob.digest)).size).toBe(1000)
      expect((await verify.verify({ deep: true, repair: true })).kinds()).toEqual([])
      expect(await findDamage(verify.bench.database, blob.digest)).toBeNull()
    }
  })

  test('a disk that cannot be read is no proof of damage', async () => {
    const blob = await opened()
    verify.flip(blob.digest)
    disk.isFailing = true
    const found = await verify.verify({ deep: true, repair: true })
    expect(found.kinds()).toEqual(['unreadable'])
    expect(found.findings[0]?.message).toContain('reported an error')
    expect(await findDamage(verify.bench.database, blob.digest)).toBeNull()
    expect(await verify.bench.registry.blobs.stat(blob.digest)).toBe(1000)
  })

  test('that dies between the note and the quarantine is gone on with by the next', async () => {
    const blob = await opened()
    verify.flip(blob.digest)
    disk.beforeQuarantine = () => Promise.reject(new Error('killed'))
    await verify.verify({ deep: true, repair: true }).catch(() => undefined)
    expect(await findDamage(verify.bench.database, blob.digest)).toMatchObject({ why: 'hash' })
    disk.beforeQuarantine = null
    expect((await verify.verify({ deep: true, repair: true })).kinds()).toEqual(['blob has wrong bytes'])
    expect(await verify.bench.registry.blobs.stat(blob.digest)).toBeNull()
  })

  test('bytes that are put back while their blob is deleted for good are looked at by collection', async () => {
    for (const hasFound of ['as missing', 'aside']) {
      const blob = await opened()
      const { blobs, database } = verify.bench.registry
      await blobs.condemn(blob.digest, 1)
      disk.beforePutBack = async () => {
        disk.beforePutBack = null
        await database.write(forgetForGood, blob.digest)
      }
      // What lies aside is looked at first; then each blob without a file.
      const step = hasFound === 'aside' ? 'condemned' : 'blobs'
      const place = { registry: verify.bench.registry, hashing: new BlobHashing(blobs) }
      const options = { deep: false, repair: true, bytesPerSecond: 1e9, signal: new AbortController().signal }
      await verifyPage(place, options, { ...BEGIN, run: 'test', step })
      expect(disk.beforePutBack).toBeNull()
      expect(await blobs.stat(blob.digest)).toBe(1000)
      expect(await findReviewTime(database, blob.digest)).not.toBeNull()
      if (hasFound === 'as missing') await verify.close()
    }
  })

  test('a damaged blob that nothing needs is collected, and is no alarm any more', async () => {
    const blob = await opened()
    verify.flip(blob.digest)
    await verify.verify({ deep: true, repair: true })
    expect(await findDamage(verify.bench.database, blob.digest)).not.toBeNull()
    await collectForLong(verify.bench)
    expect(await knownOf(verify.bench, [blob.digest])).toEqual([])
    expect(await findDamage(verify.bench.database, blob.digest)).toBeNull()
    expect((await verify.verify({ deep: true })).kinds()).toEqual([])
  })
})
