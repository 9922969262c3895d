/** Whoever may push and is told that a blob is there can rely on it for a while, at the price of as few writes as can be. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { collectAll, DAY, HOUR, letPass } from '../../test/collection-bench.ts'
import { type Bench, describeOnDatabases, failureOf } from '../../test/registry-bench.ts'
import { blobFacts } from '../../test/registry-facts.ts'
import { newBlob, newImage, pushBlob, pushManifest, type Sample } from '../../test/sample-content.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { getBlob, promiseBlob, unlinkBlob } from './blobs.ts'

describeOnDatabases('the promise that a blob stays', (open) => {
  let bench: Bench
  let repository: RepositoryName
  beforeAll(async () => {
    bench = await open()
  })
  afterAll(() => bench.close())
  beforeEach(() => {
    repository = bench.newRepository()
  })

  async function epochOf({ digest }: Sample): Promise<number> {
    return (await blobFacts(bench, digest))?.epoch ?? 0
  }

  /** Whether it costs a write. */
  async function writes(blob: Sample, where = repository): Promise<boolean> {
    const before = await epochOf(blob)
    await promiseBlob(bench.registry, where, blob.digest)
    return (await epochOf(blob)) > before
  }

  describe('costs no write', () => {
    test('for a blob that an image of the repository uses, however long ago it was pushed', async () => {
      const blob = await pushBlob(bench.registry, repository)
      await pushManifest(bench.registry, repository, newImage({ config: blob }), 'v1')
      await letPass(bench, 2 * DAY)
      expect(await writes(blob)).toBe(false)
    })

    test('in the first half of the time for which it was given', async () => {
      const blob = await pushBlob(bench.registry, repository)
      expect(await writes(blob)).toBe(false)
      await letPass(bench, HOUR / 2 + 1000)
      expect(await writes(blob)).toBe(true)
      expect(await writes(blob)).toBe(false)
    })

    test('in read-only mode, where nothing is collected', async () => {
      const blob = await pushBlob(bench.registry, repository)
      await letPass(bench, 2 * DAY)
      const before = await epochOf(blob)
      const policy = { ...bench.registry.policy, isReadOnly: true }
      await promiseBlob({ ...bench.registry, policy }, repository, blob.digest)
      expect(await epochOf(blob)).toBe(before)
    })

    test('to somebody who only pulls', async () => {
      const blob = await pushBlob(bench.registry, repository)
      await letPass(bench, 2 * DAY)
      const before = await epochOf(blob)
      await getBlob(bench.registry, repository, blob.digest)
      expect(await epochOf(blob)).toBe(before)
    })
  })

  test('holds the link of a repository whose images do not use the blob, though those of another do', async () => {
    const other = bench.newRepository()
    const blob = newBlob()
    for (const each of [repository, other]) await pushBlob(bench.registry, each, blob)
    await pushManifest(bench.registry, other, newImage({ config: blob }), 'v1')
    await letPass(bench, 2 * DAY)
    expect(await writes(blob)).toBe(true)
    await collectAll(bench)
    await pushManifest(bench.registry, repository, newImage({ config: blob }), 'v1')
    await letPass(bench, 2 * DAY)
    await collectAll(bench)
    await getBlob(bench.registry, repository, blob.digest)
  })

  test('holds a blob that nothing uses until the image comes', async () => {
    const blob = await pushBlob(bench.registry, repository)
    await letPass(bench, 2 * DAY)
    await promiseBlob(bench.registry, repository, blob.digest)
    await collectAll(bench)
    await pushManifest(bench.registry, repository, newImage({ config: blob }), 'v1')
  })

  test('is not given where the repository has just lost its link', async () => {
    const other = bench.newRepository()
    const blob = newBlob()
    for (const each of [repository, other]) await pushBlob(bench.registry, each, blob)
    await unlinkBlob(bench.registry, { repository, digest: blob.digest, by: 'ann' })
    await letPass(bench, 2 * DAY)
    const error = await failureOf(promiseBlob(bench.registry, repository, blob.digest))
    expect(error).toHaveProperty('code', 'BLOB_UNKNOWN')
  })
})
