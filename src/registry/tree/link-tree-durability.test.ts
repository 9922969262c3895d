/** The link tree where it cannot be written, or becomes durable late: what is marked, flushed, and mended after a power cut. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { DelegatingTreeStore } from '../../../test/delegating-stores.ts'
import { links, pathOfLayer, revisionsOf, tagOf } from '../../../test/expected-links.ts'
import { type Bench, describeOnDatabases, failureOf, THIS_BOOT } from '../../../test/registry-bench.ts'
import { dataOf, marksOf, tagFoldersOf, treeOf } from '../../../test/registry-facts.ts'
import { newIndex, pushBlob, pushImage, pushManifest, type Sample } from '../../../test/sample-content.ts'
import { command } from '../../metadata/database.ts'
import { digestOf } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { parseTag } from '../../oci/tag.ts'
import { StorageUnavailable } from '../../storage/blob-store.ts'
import {
  blobDataPath,
  repositoryFolder,
  revisionLinkPath,
  tagIndexLinkPath,
  tagLinkPath,
} from '../../storage/layout.ts'
import { unlinkBlob } from '../blobs.ts'
import { deleteManifest } from '../manifests.ts'
import { LinkTree } from './link-tree.ts'

/** A disk that fails where it is told to, counts what it writes, and lets others in while it syncs. */
class FaultyTree extends DelegatingTreeStore {
  readonly written: string[] = []
  readonly synced: string[] = []
  /** Paths that hold this text cannot be written or removed. */
  unwritable: string | null = null
  isUnsyncable = false
  duringSync: () => Promise<unknown> = () => Promise.resolve()

  override async write(path: string, bytes: Uint8Array): Promise<void> {
    this.#requireWritable(path)
    this.written.push(path)
    await super.write(path, bytes)
  }

  override async remove(path: string): Promise<void> {
    this.#requireWritable(path)
    await super.remove(path)
  }

  override async removeFolder(path: string): Promise<void> {
    this.#requireWritable(path)
    await super.removeFolder(path)
  }

  override async sync(paths: readonly string[]): Promise<void> {
    if (this.isUnsyncable) throw new StorageUnavailable('The disk reports errors: check it.')
    this.synced.push(...paths)
    await super.sync(paths)
    await this.duringSync()
  }

  #requireWritable(path: string): void {
    if (this.unwritable !== null && path.includes(this.unwritable)) {
      throw new StorageUnavailable('The disk is full: free some space.')
    }
  }
}

describeOnDatabases('the link tree', (open) => {
  let bench: Bench
  let disk: FaultyTree
  beforeAll(async () => {
    bench = await open({
      tree(real) {
        disk = new FaultyTree(real)
        return disk
      },
    })
  })
  afterAll(() => bench.close())

  function flush(): Promise<void> {
    return bench.tree.flush(bench.database)
  }

  function show(repository: RepositoryName): Promise<Record<string, string>> {
    return treeOf(bench.files, repository)
  }
  describe('when it cannot be written', () => {
    test('answers that the storage is unavailable, keeps its marks, and is mended by the next flush', async () => {
      const repository = bench.newRepository()
      const image = newIndex([])
      disk.unwritable = `${repository}/_manifests`
      const refused = await failureOf(pushManifest(bench.registry, repository, image, 'v1'))
      expect(refused).toBeInstanceOf(StorageUnavailable)
      expect(refused.message).toContain('free some space')
      expect(await failureOf(flush())).toBeInstanceOf(StorageUnavailable)
      expect(await show(repository)).toEqual({})
      expect(await marksOf(bench, repository)).not.toEqual([])
      disk.unwritable = null
      await flush()
      expect(await show(repository)).toEqual(links(revisionsOf(image), tagOf('v1', image)))
      expect(await marksOf(bench, repository)).toEqual([])
    })

    test('answers an identical push with the same error until the tree shows it', async () => {
      const repository = bench.newRepository()
      const image = newIndex([])
      disk.unwritable = `${repository}/_manifests`
      await failureOf(pushManifest(bench.registry, repository, image, 'v1'))
      const again = await failureOf(pushManifest(bench.registry, repository, image, 'v1'))
      expect(again).toBeInstanceOf(StorageUnavailable)
      disk.unwritable = null
      await pushManifest(bench.registry, repository, image, 'v1')
      expect(await show(repository)).toEqual(links(revisionsOf(image), tagOf('v1', image)))
      await flush()
    })

    test('at one path refuses only those who push there, although all share a commit', async () => {
      const [bad, good] = [bench.newRepository(), bench.newRepository()]
      const image = newIndex([])
      disk.unwritable = `${bad}/_manifests`
      const [refused] = await Promise.all([
        failureOf(pushManifest(bench.registry, bad, newIndex([]), 'v1')),
        pushManifest(bench.registry, good, image, 'v1'),
      ])
      expect(refused).toBeInstanceOf(StorageUnavailable)
      expect(await show(good)).toEqual(links(revisionsOf(image), tagOf('v1', image)))
      disk.unwritable = null
      await flush()
    })

    test('at one path keeps no replay from the others', async () => {
      const [bad, good] = [bench.newRepository(), bench.newRepository()]
      for (const repository of [bad, good]) {
        await pushManifest(bench.registry, repository, newIndex([]), 'v1')
        await bench.files.removeFolder(repositoryFolder(repository))
      }
      disk.unwritable = `${bad}/_manifests`
      const failures = await new LinkTree(disk, 'the next boot').replay(bench.database)
      expect(failures.length).toBeGreaterThan(0)
      expect(await marksOf(bench, good)).toEqual([])
      expect(await marksOf(bench, bad)).not.toEqual([])
      disk.unwritable = null
      await flush()
      expect(await marksOf(bench, bad)).toEqual([])
    })

    test('at one path lets the others become durable', async () => {
      const [bad, good] = [bench.newRepository(), bench.newRepository()]
      disk.unwritable = `${bad}/_manifests`
      await failureOf(pushManifest(bench.registry, bad, newIndex([]), 'v1'))
      await pushManifest(bench.registry, good, newIndex([]), 'v1')
      expect(await failureOf(flush())).toBeInstanceOf(StorageUnavailable)
      expect(await marksOf(bench, good)).toEqual([])
      expect(await marksOf(bench, bad)).not.toEqual([])
      disk.unwritable = null
      await flush()
      expect(await marksOf(bench, bad)).toEqual([])
    })

    test('takes what cannot be removed away later', async () => {
      const repository = bench.newRepository()
      const image = newIndex([])
      await pushManifest(bench.registry, repository, image, 'v1')
      disk.unwritable = repository
      const removal = deleteManifest(bench.registry, { repository, digest: image.digest, by: 'ann' })
      expect(await failureOf(removal)).toBeInstanceOf(StorageUnavailable)
      expect(await tagFoldersOf(bench.files, repository)).toEqual(['v1'])
      disk.unwritable = null
      await flush()
      expect(await show(repository)).toEqual({})
      expect(await tagFoldersOf(bench.files, repository)).toEqual([])
    })

    test('durably, keeps its marks, and writes the files once more before it says that they are', async () => {
      const repository = bench.newRepository()
      const image = newIndex([])
      await pushManifest(bench.registry, repository, image, 'v1')
      disk.isUnsyncable = true
      expect(await failureOf(flush())).toBeInstanceOf(StorageUnavailable)
      expect(await marksOf(bench, repository)).not.toEqual([])
      disk.isUnsyncable = false
      disk.written.length = 0
      await flush()
      expect(disk.written).toContain(tagLinkPath(repository, parseTag('v1')))
      expect(disk.written).toContain(revisionLinkPath(repository, image.digest))
      expect(await marksOf(bench, repository)).toEqual([])
    })
  })

  describe('a flush', () => {
    test('syncs every file that was marked, once, and leaves what is right already as it is', async () => {
      const repository = bench.newRepository()
      const [one, two] = [newIndex([]), newIndex([])]
      for (const image of [one, two]) await pushManifest(bench.registry, repository, image, 'v1')
      disk.written.length = 0
      disk.synced.length = 0
      await flush()
      expect(disk.written).toEqual([])
      const expected = [
        ...Object.keys(links(revisionsOf(one, two), tagOf('v1', two, one))).map(
          (path) => `docker/registry/v2/repositories/${repository}/${path}`,
        ),
        blobDataPath(one.digest),
        blobDataPath(two.digest),
      ]
      expect(disk.synced.toSorted()).toEqual(expected.toSorted())
      disk.synced.length = 0
      await flush()
      expect(disk.synced).toEqual([])
    })

    test('forgets marks up to what it has shown: what comes while it syncs is synced by the next one', async () => {
      const repository = bench.newRepository()
      const [one, two] = [newIndex([]), newIndex([])]
      await pushManifest(bench.registry, repository, one, 'v1')
      disk.duringSync = async () => {
        disk.duringSync = () => Promise.resolve()
        disk.synced.length = 0
        await pushManifest(bench.registry, repository, two, 'v1')
      }
      await flush()
      expect(await marksOf(bench, repository)).not.toEqual([])
      await flush()
      expect(disk.synced).toContain(tagIndexLinkPath(repository, parseTag('v1'), two.digest))
      expect(await marksOf(bench, repository)).toEqual([])
      expect(await show(repository)).toEqual(links(revisionsOf(one, two), tagOf('v1', two, one)))
    })

    test('keeps in mind what the file held before a change that comes while it is flushed', async () => {
      const repository = bench.newRepository()
      const [one, two] = [newIndex([]), newIndex([])]
      await pushManifest(bench.registry, repository, one, 'v1')
      const other = new LinkTree(disk, THIS_BOOT)
      disk.duringSync = async () => {
        disk.duringSync = () => Promise.resolve()
        await pushManifest(bench.registry, repository, two, 'v1')
        disk.isUnsyncable = true
      }
      await flush()
      await failureOf(flush())
      disk.isUnsyncable = false
      expect(await marksOf(bench, repository)).toContain(`tag v1 = ${one.digest}`)
      expect(await marksOf(bench, repository)).toContain(`tag v1 = ${two.digest}`)
      await other.replay(bench.database)
      expect(await marksOf(bench, repository)).toEqual([])
    })

    test('forgets all marks of a tag that has moved more than a thousand times', async () => {
      const repository = bench.newRepository()
      const images = [newIndex([]), newIndex([])]
      for (const image of images) await pushManifest(bench.registry, repository, image, 'v1')
      await bench.database.write(repeatMarks, { times: 10 })
      expect((await marksOf(bench, repository)).length).toBeGreaterThan(1000)
      for (let flushes = 0; flushes < 10; flushes++) await flush()
      expect(await marksOf(bench, repository)).toEqual([])
    })
  })

  describe('after a power cut', () => {
    let repository: RepositoryName
    let image: Sample
    beforeAll(async () => {
      await flush()
    })

    async function crashAfterPush(): Promise<void> {
      repository = bench.newRepository()
      image = await pushImage(bench.registry, repository, 'v1')
      expect(await marksOf(bench, repository)).not.toEqual([])
    }

    async function restart(): Promise<void> {
      await new LinkTree(bench.files, 'the next boot').replay(bench.database)
      expect(await marksOf(bench, repository)).toEqual([])
    }

    test.each([
      ['are missing', null],
      ['are empty', ''],
      ['are torn, at the right length', 'x'.repeat(71)],
      ['hold the digest of something else', digestOf(new Uint8Array([1]))],
    ])('mends files that %s', async (_, content) => {
      await crashAfterPush()
      const before = await show(repository)
      const paths = Object.keys(before).map((path) => `docker/registry/v2/repositories/${repository}/${path}`)
      const garbage = content === null ? null : new TextEncoder().encode(content)
      for (const path of [...paths, blobDataPath(image.digest)]) {
        if (garbage === null) await bench.files.remove(path)
        else await bench.files.write(path, garbage)
      }
      expect(await show(repository)).not.toEqual(before)
      await restart()
      expect(await show(repository)).toEqual(before)
      expect(await dataOf(bench, image.digest)).toEqual(image.bytes)
    })

    test('takes away what was to go: a tag, a manifest, a blob', async () => {
      await crashAfterPush()
      const layer = await pushBlob(bench.registry, repository)
      await flush()
      disk.unwritable = repository
      await failureOf(deleteManifest(bench.registry, { repository, digest: image.digest, by: 'ann' }))
      await failureOf(unlinkBlob(bench.registry, { repository, digest: layer.digest, by: 'ann' }))
      disk.unwritable = null
      expect(await tagFoldersOf(bench.files, repository)).toEqual(['v1'])
      await restart()
      expect(Object.keys(await show(repository)).filter((path) => !path.startsWith('_layers'))).toEqual([])
      expect(await show(repository)).not.toHaveProperty([pathOfLayer(layer.digest)])
      expect(await tagFoldersOf(bench.files, repository)).toEqual([])
    })

    test('finds what stands behind more marks than it reads at once, of repositories that are gone', async () => {
      await bench.database.write(markVanished, { count: 1500 })
      await crashAfterPush()
      const before = await show(repository)
      await bench.files.remove(tagLinkPath(repository, parseTag('v1')))
      await restart()
      expect(await show(repository)).toEqual(before)
      expect(await bench.rows('SELECT id FROM tree_dirty')).toEqual([])
    })
  })
})

/** Doubles all marks that there are, so many times: as if everything had been changed to and fro. */
const repeatMarks = command('test.repeat-marks', async (tx, input: { readonly times: number }) => {
  for (let time = 0; time < input.times; time++) {
    await tx.run(
      `INSERT INTO tree_dirty (kind, repository_id, key, value, marked_at)
       SELECT kind, repository_id, key, value, marked_at FROM tree_dirty ORDER BY id`,
      [],
    )
  }
})

/** Marks of tags in a repository that is not there. */
const markVanished = command('test.mark-vanished', async (tx, input: { readonly count: number }) => {
  for (let index = 0; index < input.count; index++) {
    await tx.run(
      `INSERT INTO tree_dirty (kind, repository_id, key, value, marked_at) VALUES ('tag', 999999, $1, NULL, 0)`,
      [`t${index}`],
    )
  }
})
