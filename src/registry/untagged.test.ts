/** The rule for untagged images: what it takes, what holds an image, and what it looks at, on both databases. */
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test'
import { type Bench, describeOnDatabases, describeOnPostgres } from '../../test/registry-bench.ts'
import { reviewsOf, tagsOf, trashOf } from '../../test/registry-facts.ts'
import {
  newImage,
  newIndex,
  newReferrer,
  pushBlob,
  pushImage,
  pushManifest,
  type Sample,
} from '../../test/sample-content.ts'
import { command } from '../metadata/database.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { parseTag } from '../oci/tag.ts'
import { deleteManifest } from './manifests.ts'
import type { Policy } from './registry.ts'
import { deleteTag } from './tags.ts'
import { listTrash, restoreTrash } from './trash.ts'
import { reviewManifests } from './untagged.ts'

// Beside other tests, PostgreSQL takes its time.
setDefaultTimeout(30_000)

const DAY = 86_400_000
const RULE: Partial<Policy> = { untagged: { deleteAfter: DAY } }

/** Lets everything that the rule looks at be so many milliseconds longer ago. */
const letTimePass = command('test.let-time-pass', async (tx, milliseconds: number) => {
  for (const column of [
    'manifests.created_at',
    'manifests.restored_at',
    'tag_history.until_at',
    'gc_reviews.due_at',
  ]) {
    const [table, name] = column.split('.')
    await tx.run(`UPDATE ${table} SET ${name} = ${name} - $1`, [milliseconds])
  }
})

async function manifestsOf(bench: Bench, repository: RepositoryName): Promise<Set<unknown>> {
  const rows = await bench.rows(
    'SELECT digest FROM manifests WHERE repository_id = (SELECT id FROM repositories WHERE name = $1)',
    [repository],
  )
  return new Set(rows.map((row) => row['digest']))
}

function digests(...manifests: readonly Sample[]): Set<unknown> {
  return new Set(manifests.map(({ digest }) => digest))
}

describeOnDatabases('the rule for untagged images', (open) => {
  // While one is open, the database's server stays.
  let kept: Bench
  let bench: Bench
  let repository: RepositoryName
  beforeAll(async () => {
    kept = await open({ storage: 'memory' })
  })
  afterAll(() => kept.close())
  beforeEach(async () => {
    bench = await open({ storage: 'memory', policy: RULE })
    repository = bench.newRepository()
  })
  afterEach(() => bench.close())

  /** Looks until nothing is due; gives how many images went. */
  async function review(on = bench): Promise<number> {
    for (let all = 0; ; ) {
      const { isIdle, deleted } = await reviewManifests(on.registry, { limit: 100 })
      all += deleted
      if (isIdle && deleted === 0) return all
    }
  }

  async function pass(milliseconds: number): Promise<void> {
    await bench.database.write(letTimePass, milliseconds)
  }

  async function untag(tag: string): Promise<void> {
    await deleteTag(bench.registry, { repository, tag: parseTag(tag), by: 'ann' })
  }

  async function restoreNewest(): Promise<void> {
    const { entries } = await listTrash(bench.registry, { repository, before: null, limit: 1 })
    const [newest] = entries
    if (newest === undefined) throw new Error('the trash is empty')
    expect(await restoreTrash(bench.registry, newest.id, 'bob')).toMatchObject({ isWhole: true })
  }

  describe('takes', () => {
    test('what was pushed without a tag, when its time is over and not before', async () => {
      const image = await pushImage(bench.registry, repository)
      await pass(DAY - 60_000)
      await review()
      expect(await manifestsOf(bench, repository)).toEqual(digests(image))
      await pass(120_000)
      expect(await review()).toBe(1)
      expect(await manifestsOf(bench, repository)).toEqual(new Set())
      expect(await trashOf(bench, repository)).toEqual([
        { what: 'manifest', by: 'the rule for untagged images', manifests: [image.digest], tags: {} },
      ])
    })

    test('what lost its tag, counted from then on, by a deletion as by a move', async () => {
      const [one, two] = [
        await pushImage(bench.registry, repository, 'v1'),
        await pushImage(bench.registry, repository, 'v2'),
      ]
      await pass(10 * DAY)
      await untag('v1')
      const instead = await pushImage(bench.registry, repository, 'v2')
      await pass(DAY - 60_000)
      await review()
      expect(await manifestsOf(bench, repository)).toEqual(digests(one, two, instead))
      await pass(120_000)
      await review()
      expect(await manifestsOf(bench, repository)).toEqual(digests(instead))
    })

    test('an index, then what only it held, then what was about these: as one deletion, and back they come', async () => {
      const config = await pushBlob(bench.registry, repository)
      const child = newImage({ config })
      await pushManifest(bench.registry, repository, child)
      const index = newIndex([child])
      await pushManifest(bench.registry, repository, index, 'v1')
      const signature = newReferrer(child, config)
      await pushManifest(bench.registry, repository, signature)
      await pass(10 * DAY)
      await review()
      expect(await manifestsOf(bench, repository)).toEqual(digests(child, index, signature))
      await untag('v1')
      await pass(DAY - 60_000)
      await review()
      expect(await manifestsOf(bench, repository)).toEqual(digests(child, index, signature))
      await pass(120_000)
      expect(await review()).toBe(3)
      expect((await trashOf(bench, repository)).map(({ what }) => what)).toEqual(['tag', 'manifest'])
      await restoreNewest()
      expect(await manifestsOf(bench, repository)).toEqual(digests(child, index, signature))
    })

    test('what was about an image that somebody deleted: it comes back with it', async () => {
      const config = await pushBlob(bench.registry, repository)
      const image = newImage({ config })
      await pushManifest(bench.registry, repository, image, 'v1')
      const signature = newReferrer(image, config)
      await pushManifest(bench.registry, repository, signature)
      await pass(10 * DAY)
      await deleteManifest(bench.registry, { repository, digest: image.digest, by: 'ann' })
      await pass(2 * 3_600_000)
      expect(await review()).toBe(1)
      await restoreNewest()
      expect(await manifestsOf(bench, repository)).toEqual(digests(image, signature))
      expect(await tagsOf(bench, repository)).toEqual({ v1: image.digest })
    })
  })

  describe('leaves', () => {
    test('what a tag names, what an index with a tag lists, and what is about these', async () => {
      const config = await pushBlob(bench.registry, repository)
      const child = newImage({ config })
      await pushManifest(bench.registry, repository, child)
      const inner = newIndex([child])
      await pushManifest(bench.registry, repository, inner)
      const outer = newIndex([inner])
      await pushManifest(bench.registry, repository, outer, 'v1')
      const signature = newReferrer(child, config)
      await pushManifest(bench.registry, repository, signature)
      await pass(10 * DAY)
      expect(await review()).toBe(0)
      expect(await manifestsOf(bench, repository)).toEqual(digests(child, inner, outer, signature))
    })

    test('what came back from the trash, for as long as what was just pushed', async () => {
      const image = await pushImage(bench.registry, repository)
      await pass(10 * DAY)
      await review()
      await restoreNewest()
      await pass(DAY - 60_000)
      await review()
      expect(await manifestsOf(bench, repository)).toEqual(digests(image))
      await pass(120_000)
      expect(await review()).toBe(1)
    })

    test('what got a tag again', async () => {
      const image = await pushImage(bench.registry, repository)
      await pass(10 * DAY)
      await pushManifest(bench.registry, repository, image, 'v1')
      expect(await review()).toBe(0)
    })

    test('everything in read-only mode', async () => {
      await pushImage(bench.registry, repository)
      await pass(10 * DAY)
      const registry = { ...bench.registry, policy: { ...bench.registry.policy, isReadOnly: true } }
      expect(await reviewManifests(registry, { limit: 100 })).toMatchObject({ isIdle: true, deleted: 0 })
      expect(await review()).toBe(1)
    })
  })

  test('is put to images that were there before it was set, and again when it is changed', async () => {
    const registry = (deleteAfter: number | null) => ({
      ...bench.registry,
      policy: { ...bench.registry.policy, untagged: { deleteAfter } },
    })
    const without = { ...bench, registry: registry(null) }
    const image = await pushImage(without.registry, repository)
    await pass(10 * DAY)
    expect(await review(without)).toBe(0)
    expect(await reviewsOf(bench, image.digest)).toEqual([])
    expect(await review({ ...bench, registry: registry(20 * DAY) })).toBe(0)
    expect(await manifestsOf(bench, repository)).toEqual(digests(image))
    expect(await review()).toBe(1)
  })

  test('without a rule keeps everything, and nothing piles up', async () => {
    const plain = await open({ storage: 'memory' })
    const image = await pushImage(plain.registry, repository, 'v1')
    await deleteTag(plain.registry, { repository, tag: parseTag('v1'), by: 'ann' })
    await plain.database.write(letTimePass, 100 * DAY)
    expect(await review(plain)).toBe(0)
    expect(await manifestsOf(plain, repository)).toEqual(digests(image))
    expect(await reviewsOf(plain, image.digest)).toEqual([])
    await plain.close()
  })

  test('says when it is to look again', async () => {
    await review()
    const before = Date.now()
    await pushImage(bench.registry, repository)
    const { nextDueAt, isIdle } = await reviewManifests(bench.registry, { limit: 100 })
    expect(isIdle).toBe(true)
    expect(nextDueAt).toBeGreaterThanOrEqual(before)
    expect(nextDueAt).toBeLessThanOrEqual(Date.now() + DAY + 1)
  })
})

describeOnPostgres('the rule for untagged images in one process', (open) => {
  let here: Bench
  let there: Bench
  beforeAll(async () => {
    here = await open({ storage: 'memory', policy: RULE })
    there = await here.beside()
  })
  afterAll(() => here.close())

  test('while another pushes an index never takes what that lists, unless it was first', async () => {
    for (let round = 0; round < 15; round++) {
      const repository = here.newRepository()
      const child = newIndex([])
      await pushManifest(here.registry, repository, child)
      await here.database.write(letTimePass, 10 * DAY)
      const index = newIndex([child])
      const [{ deleted }] = await Promise.all([
        reviewManifests(here.registry, { limit: 100 }),
        pushManifest(there.registry, repository, index, 'v1'),
      ])
      const isThere = (await manifestsOf(here, repository)).has(child.digest)
      expect(isThere).toBe(deleted === 0)
      // Nothing that comes later takes it.
      await here.database.write(letTimePass, 10 * DAY)
      await reviewManifests(here.registry, { limit: 100 })
      expect((await manifestsOf(here, repository)).has(child.digest)).toBe(isThere)
    }
  })
})
