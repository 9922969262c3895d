/** Listing tags, and taking one away. Moving them is part of pushing a manifest (manifests.test.ts). */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Bench, describeOnDatabases, failureOf } from '../../test/registry-bench.ts'
import { eventsOf, historyOf, marksOf, reviewsOf, tagsOf, trashOf } from '../../test/registry-facts.ts'
import { newImage, pushBlob, pushImage, pushManifest } from '../../test/sample-content.ts'
import { parseReference } from '../oci/reference.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { parseTag } from '../oci/tag.ts'
import { getManifestFacts } from './manifests.ts'
import { deleteTag, listRepositoryTags } from './tags.ts'

/** Sorted by their bytes. */
const NAMES = ['0-', '1.10', '1.2', 'B', 'Z', '_', 'a', 'a-b', 'a.b', 'a0', 'aa', 'b']

describeOnDatabases('tags', (open) => {
  let bench: Bench
  beforeAll(async () => {
    bench = await open({ storage: 'memory' })
  })
  afterAll(() => bench.close())

  describe('in a list', () => {
    let repository: RepositoryName
    beforeAll(async () => {
      repository = bench.newRepository()
      const image = newImage({ config: await pushBlob(bench.registry, repository) })
      await pushManifest(bench.registry, repository, image, image.digest, { tagged: NAMES.toReversed() })
    })

    function list(after: string, limit: number) {
      return listRepositoryTags(bench.registry, repository, { after, limit })
    }

    test('come in byte order', async () => {
      expect(await list('', 100)).toEqual({ items: NAMES as never, hasMore: false })
    })

    test.each([1, 2, 5, NAMES.length - 1, NAMES.length, NAMES.length + 1])(
      'page by page of %d are all of them, each once',
      async (limit) => {
        const found: string[] = []
        for (let hasMore = true, after = ''; hasMore; after = found.at(-1) ?? '') {
          const page = await list(after, limit)
          expect(page.items.length).toBeLessThanOrEqual(limit)
          found.push(...page.items)
          hasMore = page.hasMore
          expect(hasMore).toBe(found.length < NAMES.length)
        }
        expect(found).toEqual(NAMES)
      },
    )

    test('go on after a name that is not there', async () => {
      expect((await list('a1', 2)).items.map(String)).toEqual(['aa', 'b'])
      expect((await list('zzz', 2)).items).toEqual([])
      expect((await list('', 0)).items).toEqual([])
    })

    test('of a repository that does not exist are an error that names it', async () => {
      const nobody = bench.newRepository()
      const error = await failureOf(listRepositoryTags(bench.registry, nobody, { after: '', limit: 10 }))
      expect(error).toHaveProperty('code', 'NAME_UNKNOWN')
      expect(error.message).toContain(nobody)
    })
  })

  describe('taken away', () => {
    test('leave the manifest and its other tags', async () => {
      const repository = bench.newRepository()
      const image = await pushImage(bench.registry, repository, 'v1')
      await pushManifest(bench.registry, repository, image, 'v2')
      await deleteTag(bench.registry, { repository, tag: parseTag('v1'), by: 'ann' })
      expect(await tagsOf(bench, repository)).toEqual({ v2: image.digest })
      for (const reference of ['v2', image.digest]) {
        const facts = await getManifestFacts(bench.registry, repository, parseReference(reference))
        expect(facts.digest).toBe(image.digest)
      }
    })

    test('go to the trash, out of their history, and are told: event, review, mark', async () => {
      const repository = bench.newRepository()
      const image = await pushImage(bench.registry, repository, 'v1')
      await deleteTag(bench.registry, { repository, tag: parseTag('v1'), by: 'ann' })
      expect(await trashOf(bench, repository)).toEqual([
        { what: 'tag', by: 'ann', manifests: [], tags: { v1: image.digest } },
      ])
      expect(await historyOf(bench, repository)).toMatchObject([{ tag: 'v1', isOpen: false }])
      expect((await eventsOf(bench, repository)).at(-1)).toEqual({
        kind: 'tag.deleted',
        by: 'ann',
        tag: 'v1',
        digest: image.digest,
      })
      expect(await reviewsOf(bench, image.digest)).toEqual(['here: tag moved'])
      expect((await marksOf(bench, repository)).at(-1)).toBe('tag v1 = null')
    })

    test('twice are unknown, and leave one trash', async () => {
      const repository = bench.newRepository()
      await pushImage(bench.registry, repository, 'v1')
      const input = { repository, tag: parseTag('v1'), by: 'ann' }
      await deleteTag(bench.registry, input)
      const error = await failureOf(deleteTag(bench.registry, input))
      expect(error).toHaveProperty('code', 'MANIFEST_UNKNOWN')
      expect(error.message).toContain('v1')
      expect(await trashOf(bench, repository)).toHaveLength(1)
    })

    test('many times at once are taken once', async () => {
      const repository = bench.newRepository()
      await pushImage(bench.registry, repository, 'v1')
      const input = { repository, tag: parseTag('v1'), by: 'ann' }
      const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => deleteTag(bench.registry, input)))
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(await trashOf(bench, repository)).toHaveLength(1)
    })

    test('that never were, in a repository that never was, are unknown', async () => {
      const input = { repository: bench.newRepository(), tag: parseTag('v1'), by: 'ann' }
      expect(await failureOf(deleteTag(bench.registry, input))).toHaveProperty('code', 'MANIFEST_UNKNOWN')
    })

    test('and pushed again begin a new interval', async () => {
      const repository = bench.newRepository()
      const image = await pushImage(bench.registry, repository, 'v1')
      await deleteTag(bench.registry, { repository, tag: parseTag('v1'), by: 'ann' })
      await pushManifest(bench.registry, repository, image, 'v1', { by: 'bob', mayOverwrite: false })
      expect(await historyOf(bench, repository)).toMatchObject([
        { by: 'tester', isOpen: false },
        { by: 'bob', isOpen: true },
      ])
    })
  })
})
