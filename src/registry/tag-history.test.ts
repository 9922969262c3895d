/** What a tag has named, and letting it name that again, on both databases. */
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type Bench, describeOnDatabases, failureOf } from '../../test/registry-bench.ts'
import { eventsOf, historyOf, marksOf, tagsOf } from '../../test/registry-facts.ts'
import { newIndex, pushImage, pushManifest, type Sample } from '../../test/sample-content.ts'
import { parseReference } from '../oci/reference.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { parseTag } from '../oci/tag.ts'
import { deleteManifest, getManifestFacts } from './manifests.ts'
import { deleteRepository } from './repositories.ts'
import { deleteTag, listTagHistory, restoreTag, type TagHistoryPlace, type TagPosition } from './tags.ts'
import { emptyTrash } from './trash.ts'

// Beside other tests, PostgreSQL takes its time.
setDefaultTimeout(30_000)

const TAG = parseTag('v1')

describeOnDatabases('the history of a tag', (open) => {
  let bench: Bench
  let repository: RepositoryName
  let images: [Sample, Sample, Sample]
  beforeAll(async () => {
    bench = await open({ storage: 'memory' })
  })
  afterAll(() => bench.close())
  beforeEach(async () => {
    repository = bench.newRepository()
    images = [newIndex([]), newIndex([]), newIndex([])]
    for (const [at, image] of images.entries()) {
      await pushManifest(bench.registry, repository, image, 'v1', { by: `pusher ${at}` })
    }
  })

  async function history(limit = 100): Promise<readonly TagPosition[]> {
    const positions: TagPosition[] = []
    for (let after: TagHistoryPlace | null = null; ; ) {
      const page = await listTagHistory(bench.registry, { repository, tag: TAG }, { after, limit })
      expect(page.positions.length).toBeLessThanOrEqual(limit)
      positions.push(...page.positions)
      after = page.next
      if (after === null) return positions
    }
  }

  function restore(to: number | Sample) {
    return restoreTag(bench.registry, {
      repository,
      tag: TAG,
      to: typeof to === 'number' ? to : to.digest,
      by: 'bob',
    })
  }

  describe('tells', () => {
    test('what it names now, as number 0, and what it named before that, with who and when', async () => {
      const [newest, middle, oldest] = await history()
      expect(newest).toMatchObject({ position: 0, digest: images[2].digest, by: 'pusher 2', until: null })
      expect(middle).toMatchObject({ position: 1, digest: images[1].digest, by: 'pusher 1' })
      expect(oldest).toMatchObject({ position: 2, digest: images[0].digest, manifest: 'here' })
      expect(oldest?.until).toBeGreaterThanOrEqual(oldest?.from ?? Number.POSITIVE_INFINITY)
      expect(middle?.until).toBe(newest?.from ?? null)
    })

    test('the same page by page', async () => {
      const whole = await history()
      for (const limit of [1, 2, 3]) expect(await history(limit)).toEqual(whole)
    })

    test('of a tag that is deleted what it named, from number 1 on', async () => {
      await deleteTag(bench.registry, { repository, tag: TAG, by: 'ann' })
      expect((await history(1)).map(({ position }) => position)).toEqual([1, 2, 3])
    })

    test('whether each manifest is there, in the trash, or gone', async () => {
      for (const { digest } of [images[0], images[1]]) {
        await deleteManifest(bench.registry, { repository, digest, by: 'ann' })
      }
      await emptyTrash(bench.registry, { repository }, 'ann')
      await pushManifest(bench.registry, repository, images[1])
      await deleteManifest(bench.registry, { repository, digest: images[1].digest, by: 'ann' })
      expect((await history()).map(({ manifest }) => manifest)).toEqual(['here', 'trash', 'gone'])
    })

    test('that a tag, or a repository, never was', async () => {
      const request = { after: null, limit: 10 }
      const never = listTagHistory(bench.registry, { repository, tag: parseTag('never') }, request)
      expect(await failureOf(never)).toHaveProperty('code', 'MANIFEST_UNKNOWN')
      const nowhere = listTagHistory(bench.registry, { repository: bench.newRepository(), tag: TAG }, request)
      expect(await failureOf(nowhere)).toHaveProperty('code', 'NAME_UNKNOWN')
    })
  })

  test('leads to what may be pulled: each digest in it', async () => {
    for (const { digest } of await history()) {
      const facts = await getManifestFacts(bench.registry, repository, parseReference(digest))
      expect(facts.digest).toBe(digest)
    }
  })

  describe('is gone back in', () => {
    test('by a position: the tag names it again, and that is a move like others', async () => {
      expect(await restore(2)).toMatchObject({ digest: images[0].digest, hasMoved: true })
      expect(await tagsOf(bench, repository)).toEqual({ v1: images[0].digest })
      expect((await historyOf(bench, repository)).at(-1)).toEqual({
        tag: 'v1',
        digest: images[0].digest,
        by: 'bob',
        isOpen: true,
      })
      expect((await eventsOf(bench, repository)).at(-1)).toMatchObject({ kind: 'tag.restored', by: 'bob' })
      expect((await marksOf(bench, repository)).at(-1)).toBe(`tag v1 = ${images[0].digest}`)
      expect((await history())[0]).toMatchObject({ position: 0, digest: images[0].digest })
    })

    test('by a digest', async () => {
      expect(await restore(images[1])).toMatchObject({ digest: images[1].digest, hasMoved: true })
      expect(await tagsOf(bench, repository)).toEqual({ v1: images[1].digest })
    })

    test('to what it names: nothing moves', async () => {
      expect(await restore(0)).toMatchObject({ hasMoved: false })
      expect(await historyOf(bench, repository)).toHaveLength(3)
    })

    test('for a tag that was deleted', async () => {
      await deleteTag(bench.registry, { repository, tag: TAG, by: 'ann' })
      await restore(1)
      expect(await tagsOf(bench, repository)).toEqual({ v1: images[2].digest })
    })

    test('to a manifest that lies in the trash, which comes back first', async () => {
      await deleteManifest(bench.registry, { repository, digest: images[0].digest, by: 'ann' })
      expect(await restore(2)).toMatchObject({ brought: { manifests: 1, isWhole: true } })
      const facts = await getManifestFacts(bench.registry, repository, parseReference('v1'))
      expect(facts.digest).toBe(images[0].digest)
    })

    test('in a repository that was deleted: that image comes back, with its blobs', async () => {
      const other = bench.newRepository()
      const image = await pushImage(bench.registry, other, 'v1')
      await deleteRepository(bench.registry, { repository: other, by: 'ann' })
      await restoreTag(bench.registry, { repository: other, tag: TAG, to: 1, by: 'bob' })
      expect(await tagsOf(bench, other)).toEqual({ v1: image.digest })
      const links = await bench.rows(
        `SELECT digest FROM repository_blobs WHERE repository_id = (SELECT id FROM repositories WHERE name = $1)`,
        [other],
      )
      expect(links).toHaveLength(1)
    })
  })

  describe('is not gone back in', () => {
    test.each([3, 20_000])('so far as %d, and that is told', async (position) => {
      const error = await failureOf(restore(position))
      expect(error).toHaveProperty('code', 'MANIFEST_UNKNOWN')
      expect(error.message).toContain('berth tag history')
    })

    test('to 0 where the tag is deleted, nor to a digest that it never named', async () => {
      await deleteTag(bench.registry, { repository, tag: TAG, by: 'ann' })
      expect((await failureOf(restore(0))).message).toContain('does not exist now')
      const other = newIndex([])
      await pushManifest(bench.registry, repository, other)
      expect((await failureOf(restore(other))).message).toContain('never named')
    })

    test('to what is gone for good: the tag stays as it is', async () => {
      await deleteManifest(bench.registry, { repository, digest: images[0].digest, by: 'ann' })
      await emptyTrash(bench.registry, { repository }, 'ann')
      expect((await failureOf(restore(2))).message).toContain('Push it again')
      expect(await tagsOf(bench, repository)).toEqual({ v1: images[2].digest })
    })
  })
})
