/** Deleting manifests: what goes, what stays for the trash, and what a push at the same moment finds. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Bench, describeOnDatabases, describeOnPostgres, failureOf } from '../../test/registry-bench.ts'
import {
  edgesOf,
  eventsOf,
  historyOf,
  marksOf,
  reviewsOf,
  tagsOf,
  trashOf,
} from '../../test/registry-facts.ts'
import {
  newBlob,
  newImage,
  newIndex,
  pushBlob,
  pushImage,
  pushManifest,
  type Sample,
} from '../../test/sample-content.ts'
import { findPayload } from '../metadata/manifests.ts'
import { digestOf } from '../oci/digest.ts'
import { parseReference } from '../oci/reference.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { parseTag } from '../oci/tag.ts'
import { deleteManifest, getManifest } from './manifests.ts'
import { listRepositories } from './repositories.ts'
import { deleteTag, listRepositoryTags } from './tags.ts'

describeOnDatabases('deleting a manifest', (open) => {
  let bench: Bench
  let repository: RepositoryName
  beforeAll(async () => {
    bench = await open({ storage: 'memory' })
  })
  afterAll(() => bench.close())

  function remove(image: Sample, by = 'ann'): Promise<void> {
    return deleteManifest(bench.registry, { repository, digest: image.digest, by })
  }

  describe('takes', () => {
    let image: Sample
    let other: Sample
    let layer: Sample
    let child: Sample
    beforeAll(async () => {
      repository = bench.newRepository()
      layer = await pushBlob(bench.registry, repository)
      child = await pushImage(bench.registry, repository)
      image = newIndex([child, layer])
      other = await pushImage(bench.registry, repository, 'other')
      await pushManifest(bench.registry, repository, image, 'v1', { tagged: ['latest'] })
      await remove(image)
    })

    test('the manifest', async () => {
      for (const reference of [image.digest, 'v1', 'latest']) {
        const gone = getManifest(bench.registry, repository, parseReference(reference))
        expect(await failureOf(gone)).toHaveProperty('code', 'MANIFEST_UNKNOWN')
      }
    })

    test('every tag that names it, and no other', async () => {
      expect(await tagsOf(bench, repository)).toEqual({ other: other.digest })
    })

    test('nothing else: its children, blobs, edges and bytes stay', async () => {
      expect(await getManifest(bench.registry, repository, parseReference(child.digest))).toBeDefined()
      expect(await edgesOf(bench, repository, image.digest)).toEqual({
        children: [child.digest, layer.digest].toSorted(),
        blobs: [layer.digest],
      })
      expect(new Uint8Array((await findPayload(bench.database, image.digest)) ?? [])).toEqual(image.bytes)
    })

    test('it to the trash, with its row and its tags', async () => {
      expect(await trashOf(bench, repository)).toEqual([
        {
          what: 'manifest',
          by: 'ann',
          manifests: [image.digest],
          tags: { latest: image.digest, v1: image.digest },
        },
      ])
      const [row] = await bench.rows(
        'SELECT media_type, size, pushed_by FROM trashed_manifests WHERE digest = $1',
        [image.digest],
      )
      expect(row).toMatchObject({ media_type: image.mediaType, pushed_by: 'tester' })
      expect(Number(row?.['size'])).toBe(image.bytes.length)
    })

    test('the tags out of their history, which stays', async () => {
      const history = await historyOf(bench, repository)
      expect(history.map(({ tag, isOpen }) => [tag, isOpen])).toEqual([
        ['other', true],
        ['latest', false],
        ['v1', false],
      ])
    })

    test('one event, and one review', async () => {
      expect((await eventsOf(bench, repository)).at(-1)).toEqual({
        kind: 'manifest.deleted',
        by: 'ann',
        digest: image.digest,
        tags: ['latest', 'v1'],
      })
      expect(await reviewsOf(bench, image.digest)).toEqual(['here: manifest deleted'])
    })

    test('its paths out of the link tree: they are marked', async () => {
      expect((await marksOf(bench, repository)).slice(-6)).toEqual(
        expect.arrayContaining([`tag latest = null`, `tag v1 = null`, `revision ${image.digest} = null`]),
      )
    })

    test('nothing a second time: it is unknown, and leaves no second trash', async () => {
      const error = await failureOf(remove(image))
      expect(error).toHaveProperty('code', 'MANIFEST_UNKNOWN')
      expect(error.message).toContain(image.digest)
      expect(await trashOf(bench, repository)).toHaveLength(1)
    })

    test('nothing for good: pushed again it is there again, beside what lies in the trash', async () => {
      await pushManifest(bench.registry, repository, image, 'v1')
      expect(await tagsOf(bench, repository)).toEqual({ other: other.digest, v1: image.digest })
      expect(await trashOf(bench, repository)).toHaveLength(1)
      expect((await eventsOf(bench, repository)).at(-1)).toMatchObject({ kind: 'manifest.pushed' })
      await remove(image, 'bob')
      expect(await trashOf(bench, repository)).toHaveLength(2)
    })
  })

  test('takes all of its tags when there are over 500', async () => {
    repository = bench.newRepository()
    const image = newImage({ config: await pushBlob(bench.registry, repository) })
    const names = Array.from({ length: 520 }, (_, index) => `t${index}`)
    for (let at = 0; at < names.length; at += 100) {
      await pushManifest(bench.registry, repository, image, image.digest, {
        tagged: names.slice(at, at + 100),
      })
    }
    await remove(image)
    expect(await tagsOf(bench, repository)).toEqual({})
    const [trash] = await trashOf(bench, repository)
    expect(Object.keys(trash?.['tags'] ?? {})).toHaveLength(520)
    expect((await historyOf(bench, repository)).filter(({ isOpen }) => isOpen)).toEqual([])
    const events = await eventsOf(bench, repository)
    const told = events.flatMap(
      (event) => event['tag'] ?? (event['kind'] === 'manifest.deleted' ? event['tags'] : []),
    )
    expect(told.toSorted()).toEqual(names.toSorted())
    expect(events.at(-1)).toMatchObject({ kind: 'manifest.deleted', digest: image.digest })
  })

  test('leaves the repository in the list, with no tags', async () => {
    repository = bench.newRepository()
    const image = await pushImage(bench.registry, repository, 'v1')
    await remove(image)
    const { items } = await listRepositories(
      bench.registry,
      { kind: 'everything' },
      { after: '', limit: 1000 },
    )
    expect(items).toContain(repository)
    expect(await listRepositoryTags(bench.registry, repository, { after: '', limit: 10 })).toEqual({
      items: [],
      hasMore: false,
    })
  })

  test('of one repository leaves the same manifest in another', async () => {
    const [one, two] = [bench.newRepository(), bench.newRepository()]
    const config = newBlob()
    const image = newImage({ config })
    for (const each of [one, two]) {
      await pushBlob(bench.registry, each, config)
      await pushManifest(bench.registry, each, image, 'v1')
    }
    repository = one
    await remove(image)
    expect(await tagsOf(bench, two)).toEqual({ v1: image.digest })
    expect(await getManifest(bench.registry, two, parseReference(image.digest))).toBeDefined()
  })

  test('that was never there, in a repository that was never there, is unknown', async () => {
    repository = bench.newRepository()
    const nothing = deleteManifest(bench.registry, {
      repository,
      digest: digestOf(new Uint8Array([9])),
      by: 'ann',
    })
    expect(await failureOf(nothing)).toHaveProperty('code', 'MANIFEST_UNKNOWN')
  })

  test('many times at once deletes it once', async () => {
    repository = bench.newRepository()
    const image = await pushImage(bench.registry, repository, 'v1')
    const outcomes = await Promise.allSettled([1, 2, 3, 4, 5].map(() => remove(image)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await trashOf(bench, repository)).toHaveLength(1)
    expect(
      (await eventsOf(bench, repository)).filter(({ kind }) => kind === 'manifest.deleted'),
    ).toHaveLength(1)
  })
})

describeOnPostgres('deleting a manifest in one process', (open) => {
  let here: Bench
  let there: Bench
  beforeAll(async () => {
    here = await open({ storage: 'memory' })
    there = await here.beside()
  })
  afterAll(() => here.close())

  // Indexes without children: pushes that share a blob would wait for each other there already.
  test('while another moves its tag leaves that tag alone', async () => {
    const repository = here.newRepository()
    for (let round = 0; round < 30; round++) {
      const [old, next] = [newIndex([]), newIndex([])]
      await pushManifest(here.registry, repository, old, 'v1')
      await Promise.all([
        pushManifest(there.registry, repository, next, 'v1'),
        deleteManifest(here.registry, { repository, digest: old.digest, by: 'ann' }),
      ])
      expect(await tagsOf(here, repository)).toEqual({ v1: next.digest })
      expect((await historyOf(here, repository)).filter(({ isOpen }) => isOpen)).toHaveLength(1)
    }
  })

  test('while another tags it leaves no tag that names nothing', async () => {
    const repository = here.newRepository()
    for (let round = 0; round < 30; round++) {
      const image = newIndex([])
      await pushManifest(here.registry, repository, image)
      await Promise.all([
        pushManifest(there.registry, repository, image, `v${round}`),
        deleteManifest(here.registry, { repository, digest: image.digest, by: 'ann' }),
      ])
      for (const tag of Object.keys(await tagsOf(here, repository))) {
        expect(await getManifest(here.registry, repository, parseReference(tag))).toBeDefined()
      }
    }
  })

  test('while another untags it keeps each tag in one trash', async () => {
    const repository = here.newRepository()
    for (let round = 0; round < 20; round++) {
      const image = newIndex([])
      await pushManifest(here.registry, repository, image, `v${round}`)
      await Promise.allSettled([
        deleteTag(there.registry, { repository, tag: parseTag(`v${round}`), by: 'bob' }),
        deleteManifest(here.registry, { repository, digest: image.digest, by: 'ann' }),
      ])
    }
    const kept = (await trashOf(here, repository)).flatMap(({ tags }) => Object.keys(tags ?? {}))
    expect(kept.toSorted()).toEqual(Array.from({ length: 20 }, (_, round) => `v${round}`).toSorted())
  })
})
