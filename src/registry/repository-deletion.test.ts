/** Deleting a repository, and taking it back, on both databases and in the folder that registry:2 reads. */
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type Bench, describeOnDatabases, describeOnPostgres, failureOf } from '../../test/registry-bench.ts'
import { edgesOf, eventsOf, tagsOf, trashOf, treeOf } from '../../test/registry-facts.ts'
import {
  bodyOf,
  newBlob,
  newImage,
  newIndex,
  newReferrer,
  pushBlob,
  pushImage,
  pushManifest,
  type Sample,
} from '../../test/sample-content.ts'
import { until } from '../../test/until.ts'
import { command } from '../metadata/database.ts'
import type { TrashId } from '../metadata/trash.ts'
import { parseReference } from '../oci/reference.ts'
import { parseRepositoryName, type RepositoryName } from '../oci/repository-name.ts'
import { layersFolder, repositoriesFolder, repositoryFolder, tagsFolder } from '../storage/layout.ts'
import { getBlob, mountBlob } from './blobs.ts'
import { deleteManifest, getManifest } from './manifests.ts'
import {
  beginRepositoryDeletionCommand,
  deleteManifestsCommand,
  dropLinksCommand,
} from './repositories.commands.ts'
import { deleteRepository, fillDeletion, listRepositories } from './repositories.ts'
import { listRepositoryTags } from './tags.ts'
import { emptyTrash, listTrash, purgeExpired, restoreTrash } from './trash.ts'
import { appendToUpload, beginUpload, finishUpload } from './uploads.ts'

// Beside other tests, PostgreSQL takes its time.
setDefaultTimeout(60_000)

const LEASE = 1000

/** Nobody has gone on with anything for so many milliseconds more. */
const letTimePass = command('test.let-time-pass', async (tx, milliseconds: number) => {
  await tx.run('UPDATE trash SET stepped_at = stepped_at - $1', [milliseconds])
})

describeOnDatabases('deleting a repository', (open) => {
  let bench: Bench
  let repository: RepositoryName
  beforeAll(async () => {
    bench = await open()
  })
  afterAll(() => bench.close())
  beforeEach(() => {
    repository = bench.newRepository()
  })

  function remove(name = repository): Promise<TrashId> {
    return deleteRepository(bench.registry, { repository: name, by: 'ann' })
  }

  async function isListed(name = repository): Promise<boolean> {
    const request = { after: '', limit: 10_000 }
    return (await listRepositories(bench.registry, { kind: 'everything' }, request)).items.includes(name)
  }

  interface Filled {
    readonly image: Sample
    readonly layer: Sample
    readonly index: Sample
    readonly signature: Sample
  }

  /** Tags `v1` and `multi`, a child, and a signature without a tag. */
  async function fill(): Promise<Filled> {
    const layer = await pushBlob(bench.registry, repository)
    const image = newImage({ config: layer })
    await pushManifest(bench.registry, repository, image, 'v1')
    const index = newIndex([image])
    await pushManifest(bench.registry, repository, index, 'multi')
    const signature = newReferrer(image, layer)
    await pushManifest(bench.registry, repository, signature)
    return { image, layer, index, signature }
  }

  describe('takes', () => {
    test('its manifests, tags and links, as one deletion, and the name out of the list', async () => {
      const { image, layer, index, signature } = await fill()
      await remove()
      expect(await tagsOf(bench, repository)).toEqual({})
      for (const reference of ['v1', image.digest]) {
        const gone = getManifest(bench.registry, repository, parseReference(reference))
        expect(await failureOf(gone)).toHaveProperty('code', 'MANIFEST_UNKNOWN')
      }
      expect(await failureOf(getBlob(bench.registry, repository, layer.digest))).toHaveProperty(
        'code',
        'BLOB_UNKNOWN',
      )
      expect(await isListed()).toBe(false)
      const tags = listRepositoryTags(bench.registry, repository, { after: '', limit: 10 })
      expect(await failureOf(tags)).toHaveProperty('code', 'NAME_UNKNOWN')
      const [deletion, ...others] = await trashOf(bench, repository)
      expect(others).toEqual([])
      expect(deletion).toMatchObject({
        what: 'repository',
        by: 'ann',
        tags: { multi: index.digest, v1: image.digest },
      })
      const manifests = [image, index, signature].map(({ digest }) => digest)
      expect(deletion?.['manifests']).toHaveLength(3)
      expect(deletion?.['manifests']).toEqual(expect.arrayContaining(manifests))
      expect((await eventsOf(bench, repository)).at(-1)).toMatchObject({
        kind: 'repository.deleted',
        by: 'ann',
      })
    })

    test('nothing that lies in its trash already, and no edge: the blobs are kept', async () => {
      const { image, layer } = await fill()
      await deleteManifest(bench.registry, { repository, digest: image.digest, by: 'bob' })
      await remove()
      expect(await trashOf(bench, repository)).toHaveLength(2)
      expect((await edgesOf(bench, repository, image.digest)).blobs).toEqual([layer.digest])
    })

    test('no mount from it', async () => {
      const { layer } = await fill()
      await remove()
      const mounted = await mountBlob(bench.registry, {
        repository: bench.newRepository(),
        digest: layer.digest,
        from: repository,
        scope: { kind: 'everything' },
        by: 'bob',
      })
      expect(mounted).toBe(false)
    })

    test('uploads in progress: whoever goes on with one is told that it has ended', async () => {
      await fill()
      const session = await beginUpload(bench.registry, { repository, principal: 'bob', algorithm: 'sha256' })
      const blob = newBlob()
      await appendToUpload(bench.registry, session, { body: bodyOf(blob.bytes), range: null })
      await remove()
      const closing = { body: null, range: null, digest: blob.digest }
      expect(await failureOf(finishUpload(bench.registry, session, closing))).toHaveProperty(
        'code',
        'BLOB_UPLOAD_UNKNOWN',
      )
      expect(await Array.fromAsync(bench.registry.blobs.listUploads())).toEqual([])
    })

    test('all of over 100 manifests and 500 tags', async () => {
      const quick = await open({ storage: 'memory' })
      const name = quick.newRepository()
      for (let at = 0; at < 105; at++) {
        const tagged = at > 3 ? [] : Array.from({ length: 130 }, (_, tag) => `t${at}-${tag}`)
        await pushManifest(quick.registry, name, newIndex([]), `v${at}`, { tagged })
      }
      const trash = await deleteRepository(quick.registry, { repository: name, by: 'ann' })
      const { entries } = await listTrash(quick.registry, { repository: name, before: null, limit: 1 })
      expect(entries[0]).toMatchObject({ id: trash, counts: { manifests: 105, tags: 625 } })
      expect(await restoreTrash(quick.registry, trash, 'bob')).toMatchObject({ manifests: 105, tags: 625 })
      await quick.close()
    })
  })

  describe('in the folder', () => {
    test('leaves nothing of it that registry:2 would list', async () => {
      await fill()
      const { image } = await fill()
      await deleteManifest(bench.registry, { repository, digest: image.digest, by: 'bob' })
      await remove()
      expect(await bench.files.kindOf(repositoryFolder(repository))).toBeNull()
    })

    test('leaves repositories inside it, and beside it, as they are', async () => {
      const inner = parseRepositoryName(`${repository}/inner`)
      await pushImage(bench.registry, inner, 'v1')
      const before = await treeOf(bench.files, inner)
      await fill()
      await remove()
      expect(await bench.files.list(repositoryFolder(repository))).toEqual(['inner'])
      expect(await treeOf(bench.files, inner)).toEqual(before)
      await remove(inner)
      expect(await bench.files.kindOf(repositoryFolder(repository))).toBeNull()
      expect(await bench.files.kindOf(repositoriesFolder)).toBe('folder')
    })

    test('never removes what another registry has written there', async () => {
      await fill()
      const foreign = [
        `${layersFolder(repository)}/notes.txt`,
        `${tagsFolder(repository)}/theirs/current/link`,
      ]
      for (const path of foreign) await bench.files.write(path, new Uint8Array([1]))
      await remove()
      expect(Object.keys(await treeOf(bench.files, repository))).toEqual([
        '_manifests/tags/theirs/current/link',
      ])
      for (const path of foreign) expect(await bench.files.read(path)).not.toBeNull()
    })

    test('brings its files back when it is restored', async () => {
      await fill()
      const before = await treeOf(bench.files, repository)
      const trash = await remove()
      await restoreTrash(bench.registry, trash, 'bob')
      expect(await treeOf(bench.files, repository)).toEqual(before)
    })

    test('is deleted still, after the next start has compared it with the database', async () => {
      await fill()
      const trash = await remove()
      await bench.tree.flush(bench.database)
      const next = await bench.restarted()
      await next.registry.tree?.check(repository)
      expect(await isListed()).toBe(false)
      expect(await restoreTrash(next.registry, trash, 'bob')).toMatchObject({ isWhole: true })
      expect(await isListed()).toBe(true)
    })
  })

  describe('is taken back in one call', () => {
    test('with tags, manifests, referrers, edges and the right to read its blobs', async () => {
      const { image, layer, index } = await fill()
      const trash = await remove()
      const restored = await restoreTrash(bench.registry, trash, 'bob')
      expect(restored).toMatchObject({ manifests: 3, tags: 2, isWhole: true })
      expect(await tagsOf(bench, repository)).toEqual({ multi: index.digest, v1: image.digest })
      expect((await getBlob(bench.registry, repository, layer.digest)).size).toBe(layer.bytes.length)
      expect(await isListed()).toBe(true)
      expect(await trashOf(bench, repository)).toEqual([])
      expect((await eventsOf(bench, repository)).at(-1)).toMatchObject({
        kind: 'repository.restored',
        by: 'bob',
      })
    })

    test('also after something was pushed to it: what is new stays', async () => {
      const { image } = await fill()
      const trash = await remove()
      const fresh = await pushImage(bench.registry, repository, 'v1')
      expect(await isListed()).toBe(true)
      expect(await listRepositoryTags(bench.registry, repository, { after: '', limit: 10 })).toMatchObject({
        items: ['v1'],
      })
      const restored = await restoreTrash(bench.registry, trash, 'bob')
      expect(restored.occupied).toMatchObject([{ name: 'v1', digest: image.digest, names: fresh.digest }])
      expect(await tagsOf(bench, repository)).toMatchObject({ v1: fresh.digest })
    })

    test('while it is only half deleted', async () => {
      const { image, index } = await fill()
      const trash = await bench.database.write(beginRepositoryDeletionCommand, { repository, by: 'ann' })
      if (trash === null) throw new Error('there was nothing to delete')
      await bench.database.write(deleteManifestsCommand, { trash, after: '', lease: LEASE })
      expect(await restoreTrash(bench.registry, trash, 'bob')).toMatchObject({ manifests: 3 })
      expect(await tagsOf(bench, repository)).toEqual({ multi: index.digest, v1: image.digest })
      expect((await failureOf(fillDeletion(bench.registry, trash))).name).toBe('TrashBusy')
    })

    test('a manifest that was deleted before it, with its blobs', async () => {
      const { image, layer } = await fill()
      await deleteManifest(bench.registry, { repository, digest: image.digest, by: 'bob' })
      const { entries } = await listTrash(bench.registry, { repository, before: null, limit: 1 })
      const earlier = entries[0]?.id as TrashId
      const trash = await remove()
      // The links lie with the repository's deletion, and are handed on when that is emptied.
      await emptyTrash(bench.registry, { id: trash }, 'bob')
      expect(await restoreTrash(bench.registry, earlier, 'bob')).toMatchObject({
        manifests: 1,
        isWhole: true,
      })
      expect((await getBlob(bench.registry, repository, layer.digest)).size).toBe(layer.bytes.length)
    })
  })

  test('twice is unknown, as of one that never was', async () => {
    await fill()
    await remove()
    expect(await failureOf(remove())).toHaveProperty('code', 'NAME_UNKNOWN')
    expect(await failureOf(remove(bench.newRepository()))).toHaveProperty('code', 'NAME_UNKNOWN')
    expect(await trashOf(bench, repository)).toHaveLength(1)
  })

  test('goes on after a crash, by the next call as by the clock', async () => {
    await fill()
    const begin = { repository, by: 'ann' }
    const trash = (await bench.database.write(beginRepositoryDeletionCommand, begin)) as TrashId
    await bench.database.write(deleteManifestsCommand, { trash, after: '', lease: LEASE })
    expect(await remove()).toBe(trash)
    expect(await trashOf(bench, repository)).toHaveLength(1)
    const other = bench.newRepository()
    await pushImage(bench.registry, other, 'v1')
    await bench.database.write(beginRepositoryDeletionCommand, { repository: other, by: 'ann' })
    await purgeExpired(bench.registry, { limit: 10 })
    expect(await tagsOf(bench, other)).not.toEqual({})
    await bench.database.write(letTimePass, 61_000)
    await purgeExpired(bench.registry, { limit: 10 })
    expect(await trashOf(bench, other)).toMatchObject([{ what: 'repository', by: 'ann' }])
    expect(await bench.files.kindOf(repositoryFolder(other))).toBeNull()
  })

  test('spares the links that a push needs which came meanwhile', async () => {
    const { layer } = await fill()
    const begin = { repository, by: 'ann' }
    const trash = (await bench.database.write(beginRepositoryDeletionCommand, begin)) as TrashId
    await bench.database.write(deleteManifestsCommand, { trash, after: '', lease: LEASE })
    const begun = Date.now()
    await until('the clock has gone on', () => Date.now() > begun + 1)
    const fresh = newImage({ config: layer })
    await pushManifest(bench.registry, repository, fresh, 'fresh')
    await bench.database.write(dropLinksCommand, { trash, after: '', lease: LEASE })
    await fillDeletion(bench.registry, trash)
    expect(await tagsOf(bench, repository)).toEqual({ fresh: fresh.digest })
    expect((await getBlob(bench.registry, repository, layer.digest)).size).toBe(layer.bytes.length)
    expect(await isListed()).toBe(true)
  })
})

describeOnPostgres('deleting a repository in one process', (open) => {
  let here: Bench
  let there: Bench
  beforeAll(async () => {
    here = await open({ storage: 'memory' })
    there = await here.beside()
  })
  afterAll(() => here.close())

  test('while another pushes leaves no image without its blobs', async () => {
    for (let round = 0; round < 15; round++) {
      const repository = here.newRepository()
      const config = await pushBlob(here.registry, repository)
      await pushManifest(here.registry, repository, newImage({ config }), 'v1')
      const fresh = newImage({ config })
      const [pushed] = await Promise.allSettled([
        pushManifest(there.registry, repository, fresh, 'fresh'),
        deleteRepository(here.registry, { repository, by: 'ann' }),
      ])
      const isThere = 'fresh' in (await tagsOf(here, repository))
      if (isThere) expect((await getBlob(here.registry, repository, config.digest)).size).toBeGreaterThan(0)
      if (pushed.status === 'rejected') expect(pushed.reason).toHaveProperty('code', 'MANIFEST_BLOB_UNKNOWN')
    }
  })
})
