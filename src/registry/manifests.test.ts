/** Pushing and reading manifests: what may be stored, and what a push changes. Deleting is in manifest-deletion.test.ts. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  type Bench,
  describeOnDatabases,
  describeOnPostgres,
  failureOf,
  type OpenBench,
} from '../../test/registry-bench.ts'
import { eventsOf, historyOf, marksOf, reviewsOf, tagsOf, treeOf } from '../../test/registry-facts.ts'
import {
  CONFIG,
  descriptorOf,
  newBlob,
  newImage,
  newIndex,
  pushBlob,
  pushImage,
  pushManifest,
  type Sample,
  sample,
} from '../../test/sample-content.ts'
import { digestOf } from '../oci/digest.ts'
import { OCI_MANIFEST } from '../oci/media-type.ts'
import { parseReference } from '../oci/reference.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { getManifest, getManifestFacts } from './manifests.ts'

describeOnDatabases('manifests', (open) => {
  let bench: Bench
  let repository: RepositoryName
  beforeAll(async () => {
    bench = await open({ storage: 'memory' })
    repository = bench.newRepository()
  })
  afterAll(() => bench.close())

  describe('a push', () => {
    test('by tag stores the exact bytes under the tag and the digest', async () => {
      const config = await pushBlob(bench.registry, repository, newBlob(CONFIG))
      const pretty = sample(
        OCI_MANIFEST,
        JSON.stringify({ schemaVersion: 2, config: descriptorOf(config), layers: [], unknown: 1 }, null, 3),
      )
      const stored = await pushManifest(bench.registry, repository, pretty, 'pretty')
      expect(stored).toEqual({ digest: pretty.digest, subject: null, tags: ['pretty' as never] })
      for (const reference of ['pretty', pretty.digest].map(parseReference)) {
        const facts = { digest: pretty.digest, mediaType: OCI_MANIFEST, size: pretty.bytes.length }
        const manifest = await getManifest(bench.registry, repository, reference)
        expect(await getManifestFacts(bench.registry, repository, reference)).toEqual(facts)
        expect(manifest).toMatchObject(facts)
        expect(new Uint8Array(manifest.bytes)).toEqual(pretty.bytes)
      }
    })

    test('by digest stores no tag', async () => {
      const own = bench.newRepository()
      const image = await pushImage(bench.registry, own)
      expect(await tagsOf(bench, own)).toEqual({})
      expect(await getManifestFacts(bench.registry, own, parseReference(image.digest))).toMatchObject({
        digest: image.digest,
      })
    })

    test('by digest takes many tags beside it, each once', async () => {
      const own = bench.newRepository()
      const config = await pushBlob(bench.registry, own)
      const image = newImage({ config })
      const names = Array.from({ length: 40 }, (_, index) => `t${index}`)
      const stored = await pushManifest(bench.registry, own, image, image.digest, {
        tagged: [...names, 't0', 't1'],
      })
      expect(stored.tags.map(String)).toEqual(names)
      expect(await tagsOf(bench, own)).toEqual(Object.fromEntries(names.map((name) => [name, image.digest])))
      expect(await eventsOf(bench, own)).toMatchObject([{ tags: names.toSorted() }])
    })

    test('by tag takes tags beside it too', async () => {
      const own = bench.newRepository()
      const image = newImage({ config: await pushBlob(bench.registry, own) })
      await pushManifest(bench.registry, own, image, 'one', { tagged: ['two', 'one'] })
      expect(await tagsOf(bench, own)).toEqual({ one: image.digest, two: image.digest })
    })

    test('by a sha512 digest is found by that digest', async () => {
      const image = newImage({ config: await pushBlob(bench.registry, repository) })
      const digest = digestOf(image.bytes, 'sha512')
      expect(await pushManifest(bench.registry, repository, image, digest)).toMatchObject({ digest })
      const found = await getManifest(bench.registry, repository, parseReference(digest))
      expect(new Uint8Array(found.bytes)).toEqual(image.bytes)
      const unknown = getManifest(bench.registry, repository, parseReference(image.digest))
      expect(await failureOf(unknown)).toHaveProperty('code', 'MANIFEST_UNKNOWN')
    })

    test('under the digest of other bytes is refused, and stores nothing', async () => {
      const own = bench.newRepository()
      const image = newImage({ config: await pushBlob(bench.registry, own) })
      const wrong = digestOf(new Uint8Array([1]))
      const error = await failureOf(pushManifest(bench.registry, own, image, wrong))
      expect(error).toHaveProperty('code', 'DIGEST_INVALID')
      expect(error.message).toContain(image.digest)
      expect(await eventsOf(bench, own)).toEqual([])
    })

    test('of what is no manifest is refused', async () => {
      const text = sample(OCI_MANIFEST, 'hello')
      expect(await failureOf(pushManifest(bench.registry, repository, text, 'bad'))).toHaveProperty(
        'code',
        'MANIFEST_INVALID',
      )
    })

    test('without a media type goes by what the manifest says', async () => {
      const image = newImage({ config: await pushBlob(bench.registry, repository) })
      await pushManifest(bench.registry, repository, image, 'untyped', { mediaType: null })
      expect(await getManifestFacts(bench.registry, repository, parseReference('untyped'))).toHaveProperty(
        'mediaType',
        OCI_MANIFEST,
      )
    })

    test('is an event that names who did it, and the tags that moved', async () => {
      const own = bench.newRepository()
      const image = newImage({ config: await pushBlob(bench.registry, own) })
      await pushManifest(bench.registry, own, image, 'v1', { by: 'ann' })
      expect(await eventsOf(bench, own)).toEqual([
        {
          kind: 'manifest.pushed',
          by: 'ann',
          digest: image.digest,
          mediaType: OCI_MANIFEST,
          size: image.bytes.length,
          tags: ['v1'],
        },
      ])
    })

    test('marks what it changes in the link tree, with what was there before', async () => {
      const own = bench.newRepository()
      const config = await pushBlob(bench.registry, own)
      const [first, second] = [newImage({ config }), newImage({ config })]
      await pushManifest(bench.registry, own, first, 'v1')
      await pushManifest(bench.registry, own, second, 'v1')
      expect(await marksOf(bench, own)).toEqual([
        `layer ${config.digest} = null`,
        `layer ${config.digest} = ${config.digest}`,
        `revision ${first.digest} = null`,
        `revision ${first.digest} = ${first.digest}`,
        `tag v1 = null`,
        `tag v1 = ${first.digest}`,
        `revision ${second.digest} = null`,
        `revision ${second.digest} = ${second.digest}`,
        `tag v1 = ${first.digest}`,
        `tag v1 = ${second.digest}`,
      ])
    })

    test('of the same bytes to two repositories is theirs both', async () => {
      const [one, other] = [bench.newRepository(), bench.newRepository()]
      const config = newBlob(CONFIG)
      const image = newImage({ config })
      for (const each of [one, other]) {
        await pushBlob(bench.registry, each, config)
        await pushManifest(bench.registry, each, image, 'v1')
        expect(await tagsOf(bench, each)).toEqual({ v1: image.digest })
      }
    })
  })

  describe('a tag that is pushed again', () => {
    test('to another manifest moves, with its history, an event, and a review of what it left', async () => {
      const own = bench.newRepository()
      const config = await pushBlob(bench.registry, own)
      const [first, second] = [newImage({ config }), newImage({ config })]
      await pushManifest(bench.registry, own, first, 'v1', { by: 'ann' })
      await pushManifest(bench.registry, own, second, 'v1', { by: 'bob' })
      expect(await tagsOf(bench, own)).toEqual({ v1: second.digest })
      expect(await historyOf(bench, own)).toEqual([
        { tag: 'v1', digest: first.digest, by: 'ann', isOpen: false },
        { tag: 'v1', digest: second.digest, by: 'bob', isOpen: true },
      ])
      expect(await eventsOf(bench, own)).toMatchObject([{ tags: ['v1'] }, { by: 'bob', tags: ['v1'] }])
      expect(await reviewsOf(bench, first.digest)).toEqual(['here: tag moved'])
      expect(await getManifestFacts(bench.registry, own, parseReference(first.digest))).toBeDefined()
    })

    test('back to the first manifest moves back', async () => {
      const own = bench.newRepository()
      const config = await pushBlob(bench.registry, own)
      const [first, second] = [newImage({ config }), newImage({ config })]
      for (const image of [first, second, first]) await pushManifest(bench.registry, own, image, 'v1')
      expect(await tagsOf(bench, own)).toEqual({ v1: first.digest })
      expect((await historyOf(bench, own)).map(({ digest, isOpen }) => [digest, isOpen])).toEqual([
        [first.digest, false],
        [second.digest, false],
        [first.digest, true],
      ])
    })

    test('to the same manifest writes no history, no event and no marks', async () => {
      const own = bench.newRepository()
      const image = await pushImage(bench.registry, own, 'v1')
      const before = [await historyOf(bench, own), await eventsOf(bench, own), await marksOf(bench, own)]
      await pushManifest(bench.registry, own, image, 'v1')
      await pushManifest(bench.registry, own, image, image.digest)
      expect([await historyOf(bench, own), await eventsOf(bench, own), await marksOf(bench, own)]).toEqual(
        before,
      )
    })

    test('tells only the tags that moved', async () => {
      const own = bench.newRepository()
      const image = await pushImage(bench.registry, own, 'v1')
      const stored = await pushManifest(bench.registry, own, image, 'v1', { tagged: ['v2'] })
      expect(stored.tags.map(String)).toEqual(['v1', 'v2'])
      expect((await eventsOf(bench, own)).at(-1)).toMatchObject({ tags: ['v2'] })
    })
  })

  describe('a caller who may not overwrite', () => {
    const timid = { mayOverwrite: false }

    test('pushes a new tag, and the same one again', async () => {
      const own = bench.newRepository()
      const image = newImage({ config: await pushBlob(bench.registry, own) })
      await pushManifest(bench.registry, own, image, 'v1', timid)
      await pushManifest(bench.registry, own, image, 'v1', timid)
      expect(await tagsOf(bench, own)).toEqual({ v1: image.digest })
    })

    test('does not move a tag, and nothing of that push is kept', async () => {
      const own = bench.newRepository()
      const image = await pushImage(bench.registry, own, 'v1')
      const other = newImage({ config: await pushBlob(bench.registry, own) })
      const error = await failureOf(
        pushManifest(bench.registry, own, other, 'a-new-one', { ...timid, tagged: ['v1'] }),
      )
      expect(error).toHaveProperty('code', 'DENIED')
      expect(error.message).toContain('v1')
      expect(await tagsOf(bench, own)).toEqual({ v1: image.digest })
      const unknown = getManifest(bench.registry, own, parseReference(other.digest))
      expect(await failureOf(unknown)).toHaveProperty('code', 'MANIFEST_UNKNOWN')
    })

    test('pushes by digest what nobody has tagged', async () => {
      const own = bench.newRepository()
      const image = newImage({ config: await pushBlob(bench.registry, own) })
      expect(await pushManifest(bench.registry, own, image, image.digest, timid)).toMatchObject({ tags: [] })
    })
  })

  describe('a manifest that is not there', () => {
    test.each([
      ['by tag', 'nothing', 'tag nothing'],
      ['by digest', digestOf(new Uint8Array([7])), 'manifest sha256:'],
    ])('%s is unknown, and the message names it', async (_, reference, named) => {
      for (const read of [getManifest, getManifestFacts]) {
        for (const name of [repository, bench.newRepository()]) {
          const error = await failureOf(read(bench.registry, name, parseReference(reference)))
          expect(error).toHaveProperty('code', 'MANIFEST_UNKNOWN')
          expect(error.message).toContain(named)
          expect(error.message).toContain(name)
        }
      }
    })
  })

  test('a push that runs twice at once is one push', async () => {
    const own = bench.newRepository()
    const image = newImage({ config: await pushBlob(bench.registry, own) })
    await Promise.all([1, 2, 3, 4].map(() => pushManifest(bench.registry, own, image, 'v1')))
    expect(await historyOf(bench, own)).toHaveLength(1)
    expect(await eventsOf(bench, own)).toHaveLength(1)
    expect(await tagsOf(bench, own)).toEqual({ v1: image.digest })
  })

  test('many pushes of one tag at once leave one open interval, and the tree shows it', async () => {
    const own = bench.newRepository()
    const config = await pushBlob(bench.registry, own)
    const images = Array.from({ length: 12 }, () => newImage({ config }))
    await Promise.all(images.map((image) => pushManifest(bench.registry, own, image, 'v1')))
    await requireOneTruth(bench, own)
  })
})

describeOnPostgres('manifests in two processes at once', (open) => {
  const pair = twoProcesses(open)

  // Indexes without children: pushes that share a blob wait for each other there, and never meet at the tag.
  test('one tag is pushed by both: one open interval, and the tree shows it', async () => {
    const own = pair.one.newRepository()
    const images: Sample[] = []
    for (let round = 0; round < 10; round++) {
      const more = Array.from({ length: 8 }, () => newIndex([]))
      images.push(...more)
      await Promise.all(more.map((image, index) => pushManifest(pair.of(index).registry, own, image, 'v1')))
      await requireOneTruth(pair.one, own)
    }
    const { v1 } = await tagsOf(pair.one, own)
    for (const { digest } of images.filter((image) => image.digest !== v1)) {
      expect(await reviewsOf(pair.one, digest)).toEqual(['here: tag moved'])
    }
  })

  test('of those who may not overwrite one wins, and the others are told', async () => {
    const own = pair.one.newRepository()
    for (let round = 0; round < 10; round++) {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, (_, index) =>
          pushManifest(pair.of(index).registry, own, newIndex([]), `v${round}`, { mayOverwrite: false }),
        ),
      )
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toHaveProperty('code', 'DENIED')
      }
    }
  })
})

/** Two processes on one database and one folder. */
function twoProcesses(open: OpenBench) {
  const benches: Bench[] = []
  const at = (index: number): Bench => {
    const bench = benches[index % 2]
    if (bench === undefined) throw new Error('not open yet')
    return bench
  }
  beforeAll(async () => {
    const one = await open({ storage: 'memory' })
    benches.push(one, await one.beside())
  })
  afterAll(() => at(0).close())
  return {
    get one() {
      return at(0)
    },
    of: at,
  }
}

/** The tag `v1`: its row, its one open interval and its link agree. */
async function requireOneTruth(bench: Bench, repository: RepositoryName): Promise<void> {
  const { v1 } = await tagsOf(bench, repository)
  const open = (await historyOf(bench, repository)).filter((interval) => interval.isOpen)
  expect(open.map(({ digest }) => digest)).toEqual([v1 ?? 'none'])
  expect((await treeOf(bench.files, repository))['_manifests/tags/v1/current/link']).toBe(v1 ?? 'none')
}
