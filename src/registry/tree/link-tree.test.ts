/**
 * The link tree: that it shows what the database says before anybody is answered. How it becomes durable a little
 * later, and is mended after whatever went wrong in between, is in link-tree-durability.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { layersOf, links, revisionsOf, tagOf } from '../../../test/expected-links.ts'
import { type Bench, describeOnDatabases, describeOnPostgres } from '../../../test/registry-bench.ts'
import { dataOf, marksOf, tagFoldersOf, tagsOf, treeOf } from '../../../test/registry-facts.ts'
import { newImage, newIndex, pushBlob, pushManifest } from '../../../test/sample-content.ts'
import { digestOf } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { parseTag } from '../../oci/tag.ts'
import { mountBlob, unlinkBlob } from '../blobs.ts'
import { deleteManifest } from '../manifests.ts'
import { deleteTag } from '../tags.ts'

const scope = { kind: 'everything' } as const

describeOnDatabases('the link tree', (open) => {
  let bench: Bench
  beforeAll(async () => {
    bench = await open()
  })
  afterAll(() => bench.close())

  function flush(): Promise<void> {
    return bench.tree.flush(bench.database)
  }

  function show(repository: RepositoryName): Promise<Record<string, string>> {
    return treeOf(bench.files, repository)
  }

  describe('shows, when a command is answered,', () => {
    test('exactly the files that distribution would have written', async () => {
      const repository = bench.newRepository()
      const layer = await pushBlob(bench.registry, repository)
      expect(await show(repository)).toEqual(links(layersOf(layer)))

      const image = newImage({ config: layer })
      await pushManifest(bench.registry, repository, image)
      expect(await show(repository)).toEqual(links(layersOf(layer), revisionsOf(image)))

      await pushManifest(bench.registry, repository, image, 'v1')
      const tagged = links(layersOf(layer), revisionsOf(image), tagOf('v1', image))
      expect(await show(repository)).toEqual(tagged)

      await pushManifest(bench.registry, repository, image, 'v1')
      expect(await show(repository)).toEqual(tagged)
    })

    test('in the index of a tag everything that it has named', async () => {
      const repository = bench.newRepository()
      const [one, two, three] = [newIndex([]), newIndex([]), newIndex([])]
      for (const image of [one, two, three, one]) {
        await pushManifest(bench.registry, repository, image, 'v1')
      }
      expect(await show(repository)).toEqual(
        links(revisionsOf(one, two, three), tagOf('v1', one, two, three)),
      )
      await flush()
      const four = newIndex([])
      await pushManifest(bench.registry, repository, four, 'v1')
      expect(await show(repository)).toEqual(
        links(revisionsOf(one, two, three, four), tagOf('v1', four, one, two, three)),
      )
    })

    test('nothing of a tag that was taken away, not even its folder', async () => {
      const repository = bench.newRepository()
      const [one, two] = [newIndex([]), newIndex([])]
      for (const image of [one, two]) await pushManifest(bench.registry, repository, image, 'v1')
      await deleteTag(bench.registry, { repository, tag: parseTag('v1'), by: 'ann' })
      expect(await show(repository)).toEqual(links(revisionsOf(one, two)))
      expect(await tagFoldersOf(bench.files, repository)).toEqual([])
      await pushManifest(bench.registry, repository, two, 'v1')
      expect(await show(repository)).toEqual(links(revisionsOf(one, two), tagOf('v1', two)))
    })

    test('nothing of a manifest that was deleted, nor of its tags; its bytes stay', async () => {
      const repository = bench.newRepository()
      const [image, other] = [newIndex([]), newIndex([])]
      await pushManifest(bench.registry, repository, image, 'v1', { tagged: ['v2'] })
      await pushManifest(bench.registry, repository, other, 'v3')
      await deleteManifest(bench.registry, { repository, digest: image.digest, by: 'ann' })
      expect(await show(repository)).toEqual(links(revisionsOf(other), tagOf('v3', other)))
      expect(await tagFoldersOf(bench.files, repository)).toEqual(['v3'])
      expect(await dataOf(bench, image.digest)).toEqual(image.bytes)
    })

    test('a blob where it was mounted, and no longer where it was unlinked', async () => {
      const [one, two] = [bench.newRepository(), bench.newRepository()]
      const blob = await pushBlob(bench.registry, one)
      await mountBlob(bench.registry, { repository: two, digest: blob.digest, from: one, scope, by: 'ann' })
      expect(await show(two)).toEqual(links(layersOf(blob)))
      await unlinkBlob(bench.registry, { repository: one, digest: blob.digest, by: 'ann' })
      expect(await show(one)).toEqual({})
      expect(await show(two)).toEqual(links(layersOf(blob)))
    })

    test("a manifest's bytes as a blob, byte by byte, under sha512 too", async () => {
      const repository = bench.newRepository()
      const image = newIndex([])
      const digest = digestOf(image.bytes, 'sha512')
      await pushManifest(bench.registry, repository, image, 'v1')
      await pushManifest(bench.registry, repository, image, digest)
      for (const each of [image.digest, digest]) expect(await dataOf(bench, each)).toEqual(image.bytes)
      expect(await show(repository)).toEqual(
        links(revisionsOf(image, { ...image, digest }), tagOf('v1', image)),
      )
    })

    test('the last of many moves that were answered together, and soon all of them in the index', async () => {
      const repository = bench.newRepository()
      const images = Array.from({ length: 40 }, () => newIndex([]))
      await Promise.all(images.map((image) => pushManifest(bench.registry, repository, image, 'v1')))
      const { v1 } = await tagsOf(bench, repository)
      expect((await show(repository))['_manifests/tags/v1/current/link']).toBe(v1 ?? 'none')
      await flush()
      const last = images.find(({ digest }) => digest === v1) ?? newIndex([])
      expect(await show(repository)).toEqual(links(revisionsOf(...images), tagOf('v1', last, ...images)))
    })
  })
})

describeOnPostgres('the link tree of two processes', (open) => {
  let one: Bench
  let two: Bench
  beforeAll(async () => {
    one = await open()
    two = await one.beside()
  })
  afterAll(() => one.close())

  test('shows for every tag what its row says, whoever was last', async () => {
    const repository = one.newRepository()
    const tags = ['a', 'b', 'c']
    for (let round = 0; round < 12; round++) {
      await Promise.all(
        [one, two, one, two].flatMap((bench) =>
          tags.map((tag) => pushManifest(bench.registry, repository, newIndex([]), tag)),
        ),
      )
      const rows = await tagsOf(one, repository)
      const files = await treeOf(one.files, repository)
      for (const tag of tags) expect(files[`_manifests/tags/${tag}/current/link`]).toBe(rows[tag] ?? 'none')
    }
  })

  test('shows a tag that is taken away and pushed at once as its row says', async () => {
    const repository = one.newRepository()
    const image = newIndex([])
    for (let round = 0; round < 30; round++) {
      await pushManifest(one.registry, repository, image, 'v1')
      await Promise.allSettled([
        deleteTag(one.registry, { repository, tag: parseTag('v1'), by: 'ann' }),
        pushManifest(two.registry, repository, newIndex([]), 'v1'),
      ])
      const { v1 } = await tagsOf(one, repository)
      const files = await treeOf(one.files, repository)
      expect(files['_manifests/tags/v1/current/link']).toBe(v1 as string)
      expect(await tagFoldersOf(one.files, repository)).toEqual(v1 === undefined ? [] : ['v1'])
    }
  })

  test('is flushed by both without losing a mark of either', async () => {
    const repository = one.newRepository()
    for (let round = 0; round < 10; round++) {
      await Promise.all([
        pushManifest(one.registry, repository, newIndex([]), 'v1'),
        pushManifest(two.registry, repository, newIndex([]), 'v1'),
        one.tree.flush(one.database),
        two.tree.flush(two.database),
      ])
    }
    await Promise.all([one.tree.flush(one.database), two.tree.flush(two.database)])
    expect(await marksOf(one, repository)).toEqual([])
    const { v1 } = await tagsOf(one, repository)
    expect((await treeOf(one.files, repository))['_manifests/tags/v1/current/link']).toBe(v1 ?? 'none')
  })
})
