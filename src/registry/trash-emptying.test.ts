/** Emptying the trash, by hand and by time: what goes, and what stays because something else needs it. */
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type Bench, describeOnDatabases, describeOnPostgres, failureOf } from '../../test/registry-bench.ts'
import { edgesOf, eventsOf, historyOf, reviewsOf, tagsOf, trashOf } from '../../test/registry-facts.ts'
import {
  newBlob,
  newImage,
  newIndex,
  pushBlob,
  pushImage,
  pushManifest,
  type Sample,
} from '../../test/sample-content.ts'
import { command } from '../metadata/database.ts'
import { findPayload } from '../metadata/manifests.ts'
import type { TrashId } from '../metadata/trash.ts'
import { parseReference } from '../oci/reference.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { parseTag } from '../oci/tag.ts'
import { deleteManifest, getManifest } from './manifests.ts'
import { beginRestorationCommand } from './restoration.commands.ts'
import type { StepTime } from './step-time.ts'
import { deleteTag } from './tags.ts'
import { beginEmptyingCommand, emptyTrashCommand } from './trash.commands.ts'
import { emptyTrash, listTrash, purgeExpired, restoreTrash } from './trash.ts'
import { UncheckedTree } from './tree/unchecked-tree.ts'

// Beside other tests, PostgreSQL takes its time.
setDefaultTimeout(30_000)

const WEEK = 7 * 86_400_000

/** Lets everything that was done to the trash be so many milliseconds longer ago. */
const age = command('test.age', async (tx, milliseconds: number) => {
  await tx.run('UPDATE trash SET deleted_at = deleted_at - $1, stepped_at = stepped_at - $1', [milliseconds])
})

/** A folder that has not been gone through yet: something happens while it is. */
class BusyTree extends UncheckedTree {
  meanwhile: () => Promise<unknown> = () => Promise.resolve()

  override async check(): Promise<void> {
    await this.meanwhile()
  }
}

async function newestId(bench: Bench, repository: RepositoryName): Promise<TrashId> {
  const { entries } = await listTrash(bench.registry, { repository, before: null, limit: 1 })
  const [newest] = entries
  if (newest === undefined) throw new Error('the trash is empty')
  return newest.id
}

describeOnDatabases('emptying the trash', (open) => {
  let bench: Bench
  let repository: RepositoryName
  beforeAll(async () => {
    bench = await open({ storage: 'memory' })
  })
  afterAll(() => bench.close())
  beforeEach(() => {
    repository = bench.newRepository()
  })

  function remove(manifest: Sample, from = repository): Promise<void> {
    return deleteManifest(bench.registry, { repository: from, digest: manifest.digest, by: 'ann' })
  }

  async function emptyNewest(from = repository) {
    return await emptyTrash(bench.registry, { id: await newestId(bench, from) }, 'bob')
  }

  describe('takes', () => {
    test('the manifest, its edges and its bytes, and has its blobs looked at', async () => {
      const layer = await pushBlob(bench.registry, repository)
      const child = await pushImage(bench.registry, repository)
      const index = newIndex([child, layer])
      await pushManifest(bench.registry, repository, index, 'v1')
      await remove(index)
      expect(await emptyNewest()).toEqual({ deletions: 1, manifests: 1, skipped: 0, next: null })
      expect(await trashOf(bench, repository)).toEqual([])
      expect(await edgesOf(bench, repository, index.digest)).toEqual({ children: [], blobs: [] })
      expect(await findPayload(bench.database, index.digest)).toBeNull()
      expect(await reviewsOf(bench, layer.digest)).toEqual(['blob: trash emptied'])
      expect(await reviewsOf(bench, index.digest)).toContain('blob: trash emptied')
      expect((await eventsOf(bench, repository)).at(-1)).toMatchObject({
        kind: 'trash.emptied',
        by: 'bob',
        what: 'manifest',
      })
    })

    test('over 500 tags', async () => {
      const image = newIndex([])
      const names = Array.from({ length: 520 }, (_, index) => `t${index}`)
      for (let at = 0; at < names.length; at += 100) {
        const tagged = names.slice(at, at + 100)
        await pushManifest(bench.registry, repository, image, image.digest, { tagged })
      }
      await remove(image)
      await emptyNewest()
      expect(await trashOf(bench, repository)).toEqual([])
    })

    test('all of a repository, and nothing of another one; or all of all', async () => {
      const other = bench.newRepository()
      for (const each of [repository, repository, other])
        await remove(await pushImage(bench.registry, each), each)
      const emptied = await emptyTrash(bench.registry, { repository }, 'bob')
      expect(emptied).toEqual({ deletions: 2, manifests: 2, skipped: 0, next: null })
      expect(await trashOf(bench, other)).toHaveLength(1)
      expect((await emptyTrash(bench.registry, { all: true }, 'bob')).deletions).toBeGreaterThan(0)
      expect((await listTrash(bench.registry, { repository: null, before: null, limit: 1 })).entries).toEqual(
        [],
      )
      expect(await emptyTrash(bench.registry, { repository: bench.newRepository() }, 'bob')).toEqual({
        deletions: 0,
        manifests: 0,
        skipped: 0,
        next: null,
      })
    })
  })

  test('ends when its time is over, and says where it goes on', async () => {
    for (let at = 0; at < 3; at++) await remove(await pushImage(bench.registry, repository))
    const newest = await newestId(bench, repository)
    const one = await emptyTrash(bench.registry, { repository }, 'bob', 0)
    expect(one).toEqual({ deletions: 1, manifests: 1, skipped: 0, next: newest })
    expect(await trashOf(bench, repository)).toHaveLength(2)
    const rest = await emptyTrash(bench.registry, { repository, before: one.next }, 'bob')
    expect(rest).toEqual({ deletions: 2, manifests: 2, skipped: 0, next: null })
  })

  describe('leaves', () => {
    test('the edges and bytes of a manifest that was pushed again', async () => {
      const layer = await pushBlob(bench.registry, repository)
      const image = newImage({ config: layer })
      await pushManifest(bench.registry, repository, image, 'v1')
      await remove(image)
      await pushManifest(bench.registry, repository, image, 'v1')
      await emptyNewest()
      expect((await edgesOf(bench, repository, image.digest)).blobs).toEqual([layer.digest])
      const found = await getManifest(bench.registry, repository, parseReference('v1'))
      expect(new Uint8Array(found.bytes)).toEqual(image.bytes)
    })

    test('those of one that was deleted twice, for as long as one deletion is kept', async () => {
      const layer = await pushBlob(bench.registry, repository)
      const image = newImage({ config: layer })
      for (let time = 0; time < 2; time++) {
        await pushManifest(bench.registry, repository, image, 'v1')
        await remove(image)
      }
      await emptyNewest()
      expect((await edgesOf(bench, repository, image.digest)).blobs).toEqual([layer.digest])
      expect(await findPayload(bench.database, image.digest)).not.toBeNull()
      await restoreTrash(bench.registry, await newestId(bench, repository), 'bob')
      expect(await tagsOf(bench, repository)).toEqual({ v1: image.digest })
    })

    test('the bytes of one that another repository has, in use or in its trash', async () => {
      const other = bench.newRepository()
      const config = newBlob()
      const image = newImage({ config })
      for (const each of [repository, other]) {
        await pushBlob(bench.registry, each, config)
        await pushManifest(bench.registry, each, image, 'v1')
      }
      await remove(image)
      await emptyNewest()
      expect(await getManifest(bench.registry, other, parseReference('v1'))).toBeDefined()
      await remove(image, other)
      expect(await findPayload(bench.database, image.digest)).not.toBeNull()
      await emptyNewest(other)
      expect(await findPayload(bench.database, image.digest)).toBeNull()
    })

    test('what is being restored, and tells so', async () => {
      await remove(await pushImage(bench.registry, repository, 'v1'))
      const id = await newestId(bench, repository)
      await bench.database.write(beginRestorationCommand, { trash: id })
      expect((await failureOf(emptyTrash(bench.registry, { id }, 'bob'))).name).toBe('TrashBusy')
      expect(await emptyTrash(bench.registry, { repository }, 'bob')).toMatchObject({ skipped: 1 })
      expect(await restoreTrash(bench.registry, id, 'bob')).toMatchObject({ manifests: 1, tags: 1 })
    })
  })

  test('of what there is not is an error that tells where to look', async () => {
    const nothing = await failureOf(emptyTrash(bench.registry, { id: 999_999 as TrashId }, 'bob'))
    expect(nothing.name).toBe('TrashUnknown')
    expect(nothing.message).toContain('berth trash list')
  })

  test('of what was restored while one was about to is the same error', async () => {
    await remove(await pushImage(bench.registry, repository, 'v1'))
    const id = await newestId(bench, repository)
    const { database, files } = bench
    const tree = new BusyTree({ database, files, start: 'this start' })
    tree.meanwhile = () => restoreTrash(bench.registry, id, 'bob')
    const restoring = { ...bench.registry, tree }
    expect((await failureOf(emptyTrash(restoring, { id }, 'eve'))).name).toBe('TrashUnknown')
    expect(await tagsOf(bench, repository)).not.toEqual({})
  })

  test('goes on after a crash between two of its steps', async () => {
    const image = newIndex([])
    for (const half of ['a', 'b']) {
      const tagged = Array.from({ length: 100 }, (_, index) => `${half}${index}`)
      await pushManifest(bench.registry, repository, image, image.digest, { tagged })
    }
    await remove(image)
    const id = await newestId(bench, repository)
    await bench.database.write(beginEmptyingCommand, { trash: id })
    await bench.database.write(emptyTrashCommand, { trash: id, by: 'bob' })
    expect(await trashOf(bench, repository)).toHaveLength(1)
    expect(await emptyTrash(bench.registry, { id }, 'bob')).toMatchObject({ deletions: 1 })
    expect(await trashOf(bench, repository)).toEqual([])
  })
})

describeOnDatabases('the rule for the trash', (open) => {
  let bench: Bench
  let repository: RepositoryName
  beforeAll(async () => {
    bench = await open({ storage: 'memory', policy: { trash: { keepFor: WEEK } } })
  })
  afterAll(() => bench.close())
  beforeEach(async () => {
    await emptyTrash(bench.registry, { all: true }, 'tester')
    repository = bench.newRepository()
  })

  async function untag(tag: string): Promise<void> {
    await deleteTag(bench.registry, { repository, tag: parseTag(tag), by: 'ann' })
  }

  function purge(limit = 100) {
    return purgeExpired(bench.registry, { limit })
  }

  test('empties what was kept for a week, and nothing younger', async () => {
    const old = await pushImage(bench.registry, repository, 'old')
    await deleteManifest(bench.registry, { repository, digest: old.digest, by: 'ann' })
    await bench.database.write(age, WEEK - 60_000)
    expect(await purge()).toMatchObject({ purged: 0 })
    await bench.database.write(age, 120_000)
    await pushImage(bench.registry, repository, 'young')
    await untag('young')
    const done = await purge()
    expect(done).toMatchObject({ purged: 1, isIdle: true })
    const [young, ...others] = await trashOf(bench, repository)
    expect([young?.['what'], others]).toEqual(['tag', []])
    const { entries } = await listTrash(bench.registry, { repository, before: null, limit: 1 })
    expect(done.nextDueAt).toBe(entries[0]?.keptUntil ?? 0)
    expect((await eventsOf(bench, repository)).at(-1)).toMatchObject({ by: 'the rule for the trash' })
  })

  test('takes a bounded number at once, and says whether there is more', async () => {
    for (const tag of ['a', 'b', 'c']) {
      await pushImage(bench.registry, repository, tag)
      await untag(tag)
    }
    await bench.database.write(age, WEEK + 1)
    expect(await purge(2)).toMatchObject({ purged: 2, isIdle: false })
    expect(await purge(2)).toMatchObject({ purged: 1, isIdle: true, nextDueAt: null })
  })

  /** Over when it is asked for the second time: after the first write. */
  function shortTime(): StepTime {
    let asked = 0
    return {
      get isOver() {
        return asked++ > 0
      },
    }
  }

  test('ends between two writes when its time is over, and goes on at once the next time', async () => {
    const image = newIndex([])
    const tagged = Array.from({ length: 200 }, (_, at) => `t${at}`)
    for (const some of [tagged.slice(0, 100), tagged.slice(100)])
      await pushManifest(bench.registry, repository, image, image.digest, { tagged: some })
    await deleteManifest(bench.registry, { repository, digest: image.digest, by: 'ann' })
    await bench.database.write(age, WEEK + 1)
    const [first, second] = [shortTime(), shortTime()]
    expect(await purgeExpired(bench.registry, { limit: 9, time: first })).toMatchObject({
      purged: 0,
      isIdle: false,
    })
    expect(await trashOf(bench, repository)).toHaveLength(1)
    expect(await purgeExpired(bench.registry, { limit: 9, time: second })).toMatchObject({ purged: 1 })
    expect(await trashOf(bench, repository)).toEqual([])
  })

  test('does the same with a restoration that it goes on with', async () => {
    const image = await pushImage(bench.registry, repository, 'v1')
    await deleteManifest(bench.registry, { repository, digest: image.digest, by: 'ann' })
    await bench.database.write(beginRestorationCommand, { trash: await newestId(bench, repository) })
    await bench.database.write(age, 61_000)
    expect(await purgeExpired(bench.registry, { limit: 9, time: shortTime() })).toMatchObject({
      isIdle: false,
    })
    expect(await trashOf(bench, repository)).toHaveLength(1)
    await purge()
    expect(await trashOf(bench, repository)).toEqual([])
    expect(await tagsOf(bench, repository)).toEqual({ v1: image.digest })
  })

  test('goes on with a restoration and an emptying that a crash has interrupted, once they are surely dead', async () => {
    const restored = await pushImage(bench.registry, repository, 'v1')
    await deleteManifest(bench.registry, { repository, digest: restored.digest, by: 'ann' })
    await bench.database.write(beginRestorationCommand, { trash: await newestId(bench, repository) })
    const emptied = await pushImage(bench.registry, repository, 'v2')
    await deleteManifest(bench.registry, { repository, digest: emptied.digest, by: 'ann' })
    await bench.database.write(beginEmptyingCommand, { trash: await newestId(bench, repository) })
    await purge()
    expect(await trashOf(bench, repository)).toHaveLength(2)
    await bench.database.write(age, 61_000)
    await purge()
    expect(await trashOf(bench, repository)).toEqual([])
    expect(await tagsOf(bench, repository)).toEqual({ v1: restored.digest })
    const [now] = (await historyOf(bench, repository)).filter(({ isOpen }) => isOpen)
    expect(now).toMatchObject({ tag: 'v1', by: 'the rule for the trash' })
  })
})

describeOnPostgres('the trash in one process', (open) => {
  let here: Bench
  let there: Bench
  beforeAll(async () => {
    here = await open({ storage: 'memory' })
    there = await here.beside()
  })
  afterAll(() => here.close())

  /** A repository whose trash has this image, and which has its blob. */
  async function withTrashed(image: Sample, config: Sample): Promise<RepositoryName> {
    const repository = here.newRepository()
    await pushBlob(here.registry, repository, config)
    await pushManifest(here.registry, repository, image, 'v1')
    await deleteManifest(here.registry, { repository, digest: image.digest, by: 'ann' })
    return repository
  }

  test('is emptied while another restores: either all of it is back, or all is gone', async () => {
    for (let round = 0; round < 15; round++) {
      const config = newBlob()
      const image = newImage({ config })
      const repository = await withTrashed(image, config)
      const id = await newestId(here, repository)
      const outcomes = await Promise.allSettled([
        restoreTrash(here.registry, id, 'bob'),
        emptyTrash(there.registry, { id }, 'eve'),
      ])
      const isBack = outcomes[0].status === 'fulfilled'
      expect(await tagsOf(here, repository)).toEqual(isBack ? { v1: image.digest } : {})
      expect((await edgesOf(here, repository, image.digest)).blobs).toEqual(isBack ? [config.digest] : [])
      expect((await findPayload(here.database, image.digest)) !== null).toBe(isBack)
      expect(await trashOf(here, repository)).toEqual([])
    }
  })

  test('is emptied while another pushes the same: the image keeps its edges and bytes', async () => {
    for (let round = 0; round < 15; round++) {
      const config = newBlob()
      const image = newImage({ config })
      const repository = await withTrashed(image, config)
      await Promise.all([
        pushManifest(there.registry, repository, image, 'v1'),
        emptyTrash(here.registry, { repository }, 'bob'),
      ])
      expect((await edgesOf(here, repository, image.digest)).blobs).toEqual([config.digest])
      const found = await getManifest(here.registry, repository, parseReference('v1'))
      expect(new Uint8Array(found.bytes)).toEqual(image.bytes)
    }
  })

  test('is emptied while another pushes the same elsewhere: its bytes stay', async () => {
    for (let round = 0; round < 15; round++) {
      const config = newBlob()
      const image = newImage({ config })
      const repository = await withTrashed(image, config)
      const other = here.newRepository()
      await pushBlob(here.registry, other, config)
      await Promise.all([
        pushManifest(there.registry, other, image, 'v1'),
        emptyTrash(here.registry, { repository }, 'bob'),
      ])
      const found = await getManifest(here.registry, other, parseReference('v1'))
      expect(new Uint8Array(found.bytes)).toEqual(image.bytes)
    }
  })

  test('is emptied in two repositories at once: of the same image nothing is left over', async () => {
    for (let round = 0; round < 15; round++) {
      const config = newBlob()
      const image = newImage({ config })
      const [one, two] = [await withTrashed(image, config), await withTrashed(image, config)]
      await Promise.all([
        emptyTrash(here.registry, { repository: one }, 'bob'),
        emptyTrash(there.registry, { repository: two }, 'bob'),
      ])
      expect(await findPayload(here.database, image.digest)).toBeNull()
      for (const each of [one, two]) expect((await edgesOf(here, each, image.digest)).blobs).toEqual([])
    }
  })

  test('restores while another pushes the same: it is there once, whole', async () => {
    for (let round = 0; round < 15; round++) {
      const config = newBlob()
      const image = newImage({ config })
      const repository = await withTrashed(image, config)
      await Promise.all([
        restoreTrash(here.registry, await newestId(here, repository), 'bob'),
        pushManifest(there.registry, repository, image, 'v1'),
      ])
      expect(await tagsOf(here, repository)).toEqual({ v1: image.digest })
      expect((await edgesOf(here, repository, image.digest)).blobs).toEqual([config.digest])
      expect(await trashOf(here, repository)).toEqual([])
    }
  })
})
