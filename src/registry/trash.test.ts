/** The trash: what it shows, and what comes back from it, on both databases. Emptying it is trash-emptying.test.ts. */
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { type Bench, describeOnDatabases, failureOf } from '../../test/registry-bench.ts'
import { edgesOf, eventsOf, fileOf, historyOf, marksOf, tagsOf, trashOf } from '../../test/registry-facts.ts'
import {
  newBlob,
  newImage,
  newIndex,
  newReferrer,
  pushBlob,
  pushImage,
  pushManifest,
  type Sample,
} from '../../test/sample-content.ts'
import { command } from '../metadata/database.ts'
import type { TrashId } from '../metadata/trash.ts'
import type { Digest } from '../oci/digest.ts'
import { parseReference } from '../oci/reference.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { parseTag } from '../oci/tag.ts'
import { getBlob } from './blobs.ts'
import { deleteManifest, getManifest, getManifestFacts } from './manifests.ts'
import { listReferrers } from './referrers.ts'
import { deleteTag } from './tags.ts'
import { beginEmptyingCommand } from './trash.commands.ts'
import { listTrash, restoreTrash } from './trash.ts'

// Beside other tests, PostgreSQL takes its time.
setDefaultTimeout(30_000)

/** As another program might, that knows nothing of the trash. */
const forgetManifest = command('test.forget', async (tx, digest: Digest) => {
  await tx.run('DELETE FROM manifests WHERE digest = $1', [digest])
})

describeOnDatabases('the trash', (open) => {
  let bench: Bench
  let repository: RepositoryName
  beforeAll(async () => {
    bench = await open()
  })
  afterAll(() => bench.close())
  beforeEach(() => {
    repository = bench.newRepository()
  })

  async function newestId(): Promise<TrashId> {
    const { entries } = await listTrash(bench.registry, { repository, before: null, limit: 1 })
    const [newest] = entries
    if (newest === undefined) throw new Error('the trash is empty')
    return newest.id
  }

  async function restoreNewest() {
    return await restoreTrash(bench.registry, await newestId(), 'bob')
  }

  function remove(manifest: Sample, by = 'ann'): Promise<void> {
    return deleteManifest(bench.registry, { repository, digest: manifest.digest, by })
  }

  describe('shows', () => {
    test('who deleted what, when, how much hung on it, and until when it is kept', async () => {
      const before = Date.now()
      const image = await pushImage(bench.registry, repository, 'v1')
      await pushManifest(bench.registry, repository, image, 'latest')
      await remove(image)
      const { entries, next } = await listTrash(bench.registry, { repository, before: null, limit: 10 })
      expect(next).toBeNull()
      const [entry] = entries
      expect(entry).toMatchObject({
        repository,
        what: 'manifest',
        state: 'kept',
        deletedBy: 'ann',
        counts: { manifests: 1, bytes: image.bytes.length, tags: 2 },
        someManifests: [image.digest],
        someTags: [
          { name: parseTag('latest'), digest: image.digest },
          { name: parseTag('v1'), digest: image.digest },
        ],
      })
      expect(entry?.deletedAt).toBeGreaterThanOrEqual(before - 1)
      expect(entry?.keptUntil).toBe((entry?.deletedAt ?? 0) + bench.registry.policy.trash.keepFor)
    })

    test('deletions page by page, the newest first, each once', async () => {
      for (const tag of ['a', 'b', 'c']) {
        await pushImage(bench.registry, repository, tag)
        await deleteTag(bench.registry, { repository, tag: parseTag(tag), by: 'ann' })
      }
      const names: string[] = []
      for (let before: TrashId | null = null; ; ) {
        const page = await listTrash(bench.registry, { repository, before, limit: 2 })
        names.push(...page.entries.flatMap(({ someTags }) => someTags.map(({ name }) => String(name))))
        before = page.next
        if (before === null) break
      }
      expect(names).toEqual(['c', 'b', 'a'])
    })

    test('nothing of a repository that there is not', async () => {
      expect(await listTrash(bench.registry, { repository, before: null, limit: 10 })).toEqual({
        entries: [],
        next: null,
      })
    })
  })

  describe('gives back', () => {
    test('a manifest, with its tags, edges and history, as it was', async () => {
      const layer = await pushBlob(bench.registry, repository)
      const config = await pushBlob(bench.registry, repository)
      const image = newImage({ config, layers: [layer] })
      await pushManifest(bench.registry, repository, image, 'v1', { tagged: ['latest'] })
      await remove(image)
      const restored = await restoreNewest()
      expect(restored).toMatchObject({ manifests: 1, tags: 2, missing: [], occupied: [], isWhole: true })
      expect(await tagsOf(bench, repository)).toEqual({ latest: image.digest, v1: image.digest })
      const found = await getManifest(bench.registry, repository, parseReference('v1'))
      expect(new Uint8Array(found.bytes)).toEqual(image.bytes)
      expect((await edgesOf(bench, repository, image.digest)).blobs).toEqual(
        [layer.digest, config.digest].toSorted(),
      )
      expect((await getBlob(bench.registry, repository, layer.digest)).size).toBe(layer.bytes.length)
      expect(await trashOf(bench, repository)).toEqual([])
      const open = (await historyOf(bench, repository)).filter(({ isOpen }) => isOpen)
      expect(open.map(({ tag, by }) => [tag, by])).toEqual([
        ['latest', 'bob'],
        ['v1', 'bob'],
      ])
      expect((await eventsOf(bench, repository)).slice(-3).map(({ kind, by }) => [kind, by])).toEqual([
        ['manifest.restored', 'bob'],
        ['tag.restored', 'bob'],
        ['tag.restored', 'bob'],
      ])
      expect((await marksOf(bench, repository)).slice(-6)).toEqual(
        expect.arrayContaining([`revision ${image.digest} = ${image.digest}`, `tag v1 = ${image.digest}`]),
      )
    })

    test('it with the time and the name of its first push', async () => {
      const image = await pushImage(bench.registry, repository, 'v1')
      const pushed = () =>
        bench.rows('SELECT pushed_by, created_at FROM manifests WHERE digest = $1', [image.digest])
      const before = await pushed()
      await remove(image)
      await restoreNewest()
      expect(await pushed()).toEqual(before)
    })

    test('what is about a manifest to its list of referrers, with its annotations', async () => {
      const config = await pushBlob(bench.registry, repository)
      const image = newImage({ config })
      await pushManifest(bench.registry, repository, image, 'v1')
      const signature = newReferrer(image, config, { annotations: { key: 'value' } })
      await pushManifest(bench.registry, repository, signature)
      await remove(signature)
      await restoreNewest()
      const request = { repository, subject: image.digest, artifactType: null, after: null }
      const { referrers } = await listReferrers(bench.registry, request)
      expect(referrers).toMatchObject([{ digest: signature.digest, annotations: { key: 'value' } }])
    })

    test('a tag that was deleted alone', async () => {
      const image = await pushImage(bench.registry, repository, 'v1')
      await deleteTag(bench.registry, { repository, tag: parseTag('v1'), by: 'ann' })
      expect(await restoreNewest()).toMatchObject({ manifests: 0, tags: 1, isWhole: true })
      expect(await tagsOf(bench, repository)).toEqual({ v1: image.digest })
    })

    test('a tag whose manifest was deleted later, with that manifest', async () => {
      const image = await pushImage(bench.registry, repository, 'v1')
      await deleteTag(bench.registry, { repository, tag: parseTag('v1'), by: 'ann' })
      const id = await newestId()
      await remove(image)
      expect(await restoreTrash(bench.registry, id, 'bob')).toMatchObject({ manifests: 1, tags: 1 })
      expect(await tagsOf(bench, repository)).toEqual({ v1: image.digest })
    })

    test('an index with those of its children that lie in the trash too, however deep', async () => {
      const child = await pushImage(bench.registry, repository)
      const inner = newIndex([child])
      const outer = newIndex([inner])
      for (const index of [inner, outer]) await pushManifest(bench.registry, repository, index)
      for (const manifest of [child, inner, outer]) await remove(manifest)
      expect(await restoreNewest()).toMatchObject({ manifests: 3, isWhole: true })
      for (const { digest } of [child, inner, outer]) {
        expect(await getManifestFacts(bench.registry, repository, parseReference(digest))).toBeDefined()
      }
    })

    test('over 500 tags, all of them', async () => {
      const image = newImage({ config: await pushBlob(bench.registry, repository) })
      const names = Array.from({ length: 520 }, (_, index) => `t${index}`)
      for (let at = 0; at < names.length; at += 100) {
        const tagged = names.slice(at, at + 100)
        await pushManifest(bench.registry, repository, image, image.digest, { tagged })
      }
      await remove(image)
      expect(await restoreNewest()).toMatchObject({ manifests: 1, tags: 520, isWhole: true })
      expect(Object.keys(await tagsOf(bench, repository))).toHaveLength(520)
    })
  })

  describe('tells of, and leaves alone,', () => {
    test('a tag that names something else by now', async () => {
      const image = await pushImage(bench.registry, repository, 'v1')
      await pushManifest(bench.registry, repository, image, 'v2')
      await remove(image)
      const other = await pushImage(bench.registry, repository, 'v1')
      const restored = await restoreNewest()
      expect(restored).toMatchObject({ manifests: 1, tags: 1, isWhole: false })
      expect(restored.occupied).toEqual([{ name: parseTag('v1'), digest: image.digest, names: other.digest }])
      expect(await tagsOf(bench, repository)).toEqual({ v1: other.digest, v2: image.digest })
    })

    test('nothing where the same was pushed again', async () => {
      const image = await pushImage(bench.registry, repository, 'v1')
      await remove(image)
      await pushManifest(bench.registry, repository, image, 'v1')
      expect(await restoreNewest()).toMatchObject({ manifests: 0, tags: 0, isWhole: true })
      expect(await trashOf(bench, repository)).toEqual([])
      expect(await tagsOf(bench, repository)).toEqual({ v1: image.digest })
    })

    test('blobs that were lost meanwhile: the image comes back, and is not called whole', async () => {
      const [config, layer] = [
        await pushBlob(bench.registry, repository),
        await pushBlob(bench.registry, repository),
      ]
      const image = newImage({ config, layers: [layer] })
      await pushManifest(bench.registry, repository, image, 'v1')
      await remove(image)
      rmSync(fileOf(bench, layer.digest))
      const restored = await restoreNewest()
      expect(restored).toMatchObject({ manifests: 1, tags: 1, isWhole: false })
      expect(restored.missing).toEqual([{ manifest: image.digest, blobs: [layer.digest] }])
      expect((await failureOf(getBlob(bench.registry, repository, layer.digest))).message).toContain(
        layer.digest,
      )
      // Pushed again, it makes the image whole.
      await pushBlob(bench.registry, repository, layer)
      expect((await getBlob(bench.registry, repository, layer.digest)).size).toBe(layer.bytes.length)
    })

    test('a tag whose manifest is gone for good', async () => {
      const image = await pushImage(bench.registry, repository, 'v1')
      await deleteTag(bench.registry, { repository, tag: parseTag('v1'), by: 'ann' })
      const id = await newestId()
      await bench.database.write(forgetManifest, image.digest)
      const restored = await restoreTrash(bench.registry, id, 'bob')
      expect(restored).toMatchObject({ tags: 0, isWhole: false })
      expect(restored.goneTags).toEqual([{ name: parseTag('v1'), digest: image.digest }])
    })
  })

  test('gives nobody a right to read that the repository did not have', async () => {
    const sparse = await open({
      policy: {
        manifests: { allowMissingBlobs: true, indexPlatforms: 'none', foreignUrls: null, classes: null },
      },
    })
    const [own, others] = [sparse.newRepository(), sparse.newRepository()]
    const secret = await pushBlob(sparse.registry, others)
    const image = newImage({ config: secret })
    await pushManifest(sparse.registry, own, image, 'v1')
    await deleteManifest(sparse.registry, { repository: own, digest: image.digest, by: 'ann' })
    const { entries } = await listTrash(sparse.registry, { repository: own, before: null, limit: 1 })
    await restoreTrash(sparse.registry, entries[0]?.id as TrashId, 'bob')
    expect(await failureOf(getBlob(sparse.registry, own, secret.digest))).toHaveProperty(
      'code',
      'BLOB_UNKNOWN',
    )
    await sparse.close()
  })

  test('does not know what was restored, and restores nothing that is being emptied', async () => {
    const image = await pushImage(bench.registry, repository, 'v1')
    await remove(image)
    const id = await newestId()
    await restoreTrash(bench.registry, id, 'bob')
    expect((await failureOf(restoreTrash(bench.registry, id, 'bob'))).name).toBe('TrashUnknown')
    await remove(image)
    const next = await newestId()
    await bench.database.write(beginEmptyingCommand, { trash: next })
    expect((await failureOf(restoreTrash(bench.registry, next, 'bob'))).name).toBe('TrashBusy')
  })

  test('keeps the blobs of what lies in it: their rows are raised when it comes back', async () => {
    const layer = await pushBlob(bench.registry, repository, newBlob())
    const image = newImage({ config: layer })
    await pushManifest(bench.registry, repository, image, 'v1')
    await remove(image)
    const epoch = async () =>
      Number((await bench.rows('SELECT epoch FROM blobs WHERE digest = $1', [layer.digest]))[0]?.['epoch'])
    const before = await epoch()
    await restoreNewest()
    expect(await epoch()).toBe(before + 1)
  })
})
