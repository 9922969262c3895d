/** What a tag, a manifest, a repository and everything take up, as people would reckon it by hand. */
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { type Bench, describeOnDatabases, failureOf, type OpenBench } from '../../test/registry-bench.ts'
import {
  CONFIG,
  newBlob,
  newImage,
  newIndex,
  pushBlob,
  pushManifest,
  type Sample,
} from '../../test/sample-content.ts'
import { command } from '../metadata/database.ts'
import { noteBlobUsage } from '../metadata/usage-changes.ts'
import { parseReference } from '../oci/reference.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { deleteManifest } from './manifests.ts'
import { usageOfAll, usageOfImage, usageOfLargest, usageOfRepository } from './usage.ts'

setDefaultTimeout(30_000)

const opened: Bench[] = []
afterEach(async () => {
  for (const bench of opened.splice(0)) await bench.close()
})

async function openMemory(open: OpenBench): Promise<Bench> {
  const bench = await open({ storage: 'memory' })
  opened.push(bench)
  return bench
}

/** Pushes an image with its blobs. */
async function push(
  { registry }: Bench,
  repository: RepositoryName,
  [config, ...layers]: readonly [Sample, ...Sample[]],
  reference?: string,
): Promise<Sample> {
  for (const blob of [config, ...layers]) await pushBlob(registry, repository, blob)
  const image = newImage({ config, layers })
  await pushManifest(registry, repository, image, reference)
  return image
}

function sizeOf(...samples: readonly Sample[]): number {
  return samples.reduce((sum, { bytes }) => sum + bytes.length, 0)
}

const ofSize = (size: number) => newBlob(CONFIG, size)

describeOnDatabases('usage', (open) => {
  test('of an image: a layer that another one uses is shared, what it has alone is unique', async () => {
    const bench = await openMemory(open)
    const repository = bench.newRepository()
    const [base, layer, config] = [ofSize(1000), ofSize(200), ofSize(30)]
    const image = await push(bench, repository, [config, base, layer], '1.0')
    await push(bench, bench.newRepository(), [ofSize(5), base], 'other')
    const usage = await usageOfImage(bench.registry, repository, parseReference('1.0'))
    expect(usage).toEqual({
      digest: image.digest,
      isLive: true,
      size: sizeOf(base, layer, config, image),
      unique: sizeOf(layer, config, image),
      shared: base.bytes.length,
      trash: 0,
      digests: 4,
      isPartial: false,
    })
  })

  test('of a tag: nothing is unique to it where another tag names the same image', async () => {
    const bench = await openMemory(open)
    const repository = bench.newRepository()
    const image = await push(bench, repository, [ofSize(10)], '1.0')
    await pushManifest(bench.registry, repository, image, 'latest')
    const byTag = await usageOfImage(bench.registry, repository, parseReference('1.0'))
    const byDigest = await usageOfImage(bench.registry, repository, parseReference(image.digest))
    expect([byTag.unique, byTag.shared]).toEqual([0, byTag.size])
    expect([byDigest.unique, byDigest.shared]).toEqual([byDigest.size, 0])
  })

  test('of an index: its children count, each digest once; a child with a tag of its own is shared', async () => {
    const bench = await openMemory(open)
    const repository = bench.newRepository()
    const [base, one, two] = [ofSize(1000), ofSize(200), ofSize(300)]
    const tagged = await push(bench, repository, [one, base], 'arm64')
    const untagged = await push(bench, repository, [two, base])
    const index = newIndex([tagged, untagged])
    await pushManifest(bench.registry, repository, index, 'multi')
    const usage = await usageOfImage(bench.registry, repository, parseReference('multi'))
    expect([usage.size, usage.digests]).toEqual([sizeOf(index, tagged, untagged, base, one, two), 6])
    expect(usage.shared).toBe(sizeOf(tagged, base, one))
  })

  test('of an image in the trash: what is kept only to restore it, and not what is used elsewhere', async () => {
    const bench = await openMemory(open)
    const repository = bench.newRepository()
    const [base, layer] = [ofSize(1000), ofSize(200)]
    const deleted = await push(bench, repository, [layer, base], 'old')
    await push(bench, repository, [ofSize(10), base], 'new')
    await deleteManifest(bench.registry, { repository, digest: deleted.digest, by: 'ann' })
    const usage = await usageOfImage(bench.registry, repository, parseReference(deleted.digest))
    expect(usage).toMatchObject({ isLive: false, trash: sizeOf(deleted, layer), shared: sizeOf(base) })
  })

  test('of a repository and of everything: each digest once, in use, in the trash, or of no use', async () => {
    const bench = await openMemory(open)
    const [first, second] = [bench.newRepository(), bench.newRepository()]
    const [base, own, gone, loose] = [ofSize(1000), ofSize(200), ofSize(30), ofSize(4)]
    const kept = await push(bench, first, [own, base], 'kept')
    const deleted = await push(bench, first, [gone, base], 'deleted')
    const other = await push(bench, second, [ofSize(50), base], 'other')
    await pushBlob(bench.registry, first, loose)
    await deleteManifest(bench.registry, { repository: first, digest: deleted.digest, by: 'ann' })
    expect(await usageOfRepository(bench.registry, first)).toEqual({
      repository: first,
      size: { bytes: sizeOf(kept, own, base), digests: 3 },
      unique: { bytes: sizeOf(kept, own), digests: 2 },
      shared: { bytes: sizeOf(base), digests: 1 },
      trash: { bytes: sizeOf(deleted, gone), digests: 2 },
      reclaimable: { bytes: sizeOf(loose), digests: 1 },
      counting: { isComplete: true, waiting: 0 },
    })
    const live = { bytes: sizeOf(kept, own, base, other) + 50, digests: 5 }
    expect(await usageOfAll(bench.registry)).toMatchObject({
      stored: { bytes: live.bytes + sizeOf(deleted, gone, loose), digests: 8 },
      live,
      shared: { bytes: sizeOf(base), digests: 1 },
      trash: { bytes: sizeOf(deleted, gone), digests: 2 },
      reclaimable: { bytes: sizeOf(loose), digests: 1 },
      leaving: { bytes: 0, digests: 0 },
    })
  })

  test('of the largest repositories comes a page at a time', async () => {
    const bench = await openMemory(open)
    const names = [bench.newRepository(), bench.newRepository(), bench.newRepository()] as const
    for (const [at, repository] of names.entries()) await push(bench, repository, [ofSize(1000 + at)])
    const first = await usageOfLargest(bench.registry, { after: null, limit: 2 })
    expect(first.repositories.map(({ repository }) => repository)).toEqual([names[2], names[1]])
    expect(first.repositories[0]?.unique.bytes).toBeGreaterThan(1000)
    const second = await usageOfLargest(bench.registry, { after: first.next, limit: 2 })
    expect([second.repositories.map(({ repository }) => repository), second.next]).toEqual([[names[0]], null])
  })

  test('tells apart what is being deleted', async () => {
    const bench = await openMemory(open)
    const loose = await pushBlob(bench.registry, bench.newRepository(), ofSize(70))
    expect((await usageOfAll(bench.registry)).reclaimable).toEqual({ bytes: 70, digests: 1 })
    const leave = command('test.leave', async (tx, _: null) => {
      await tx.run(`UPDATE blobs SET state = 'deleting' WHERE digest = $1`, [loose.digest])
      await noteBlobUsage(tx, [{ repository: 0, digest: loose.digest }])
    })
    await bench.database.write(leave, null)
    const { reclaimable, leaving, aside } = await usageOfAll(bench.registry)
    expect([reclaimable.bytes, leaving.bytes, aside?.bytes]).toEqual([0, 70, 0])
  })

  test('tells what was deleted and still lies aside, beside what is stored', async () => {
    const bench = await openMemory(open)
    const { digest } = await pushBlob(bench.registry, bench.newRepository(), ofSize(70))
    await bench.registry.blobs.condemn(digest, 1)
    const forget = command('test.forget', async (tx, _: null) => {
      await tx.run('DELETE FROM repository_blobs WHERE digest = $1', [digest])
      await tx.run('DELETE FROM blobs WHERE digest = $1', [digest])
      await noteBlobUsage(tx, [{ repository: 0, digest }])
    })
    await bench.database.write(forget, null)
    const { stored, aside } = await usageOfAll(bench.registry)
    expect([stored.bytes, aside]).toEqual([0, { bytes: 70, digests: 1 }])
  })

  test('of what is not there is refused with what is missing', async () => {
    const bench = await openMemory(open)
    const repository = bench.newRepository()
    const unknown = await failureOf(usageOfRepository(bench.registry, repository))
    expect(unknown.message).toContain(`no repository ${repository}`)
    await pushBlob(bench.registry, repository)
    const untagged = await failureOf(usageOfImage(bench.registry, repository, parseReference('1.0')))
    expect(untagged.message).toContain('no tag 1.0')
  })
})
