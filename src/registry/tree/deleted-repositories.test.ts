/** The folder of a deleted repository goes, whatever comes between: a disk that refuses, a crash, a large folder. */
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { DelegatingTreeStore } from '../../../test/delegating-stores.ts'
import { type Bench, describeOnDatabases, failureOf, THIS_BOOT } from '../../../test/registry-bench.ts'
import { marksOf, tagsOf, treeOf } from '../../../test/registry-facts.ts'
import { pushImage } from '../../../test/sample-content.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { StorageUnavailable } from '../../storage/blob-store.ts'
import { repositoryFolder } from '../../storage/layout.ts'
import { deleteRepository } from '../repositories.ts'
import { LinkTree } from './link-tree.ts'

// Beside other tests, PostgreSQL takes its time.
setDefaultTimeout(60_000)

class StubbornTree extends DelegatingTreeStore {
  isStubborn = false

  override async removeEmptyFolder(path: string): Promise<boolean> {
    if (this.isStubborn) throw new StorageUnavailable('The disk is read-only: remount it.')
    return await super.removeEmptyFolder(path)
  }
}

describeOnDatabases('the folder of a deleted repository', (open) => {
  let bench: Bench
  let disk: StubbornTree
  let repository: RepositoryName
  beforeAll(async () => {
    bench = await open({
      storage: 'memory',
      tree(real) {
        disk = new StubbornTree(real)
        return disk
      },
    })
  })
  afterAll(() => bench.close())
  beforeEach(async () => {
    repository = bench.newRepository()
    await pushImage(bench.registry, repository, 'v1')
  })

  function remove() {
    return deleteRepository(bench.registry, { repository, by: 'ann' })
  }

  function isThere(): Promise<boolean> {
    return bench.files.kindOf(repositoryFolder(repository)).then((kind) => kind !== null)
  }

  async function markedFolders(): Promise<string[]> {
    return (await marksOf(bench, repository)).filter((mark) => mark.startsWith('repository'))
  }

  describe('where the disk refuses', () => {
    beforeEach(async () => {
      disk.isStubborn = true
      expect(await failureOf(remove())).toBeInstanceOf(StorageUnavailable)
      disk.isStubborn = false
      expect(await isThere()).toBe(true)
    })

    test('stays marked, and goes with the next flush', async () => {
      await bench.tree.flush(bench.database)
      expect(await isThere()).toBe(false)
      expect(await markedFolders()).toEqual([])
    })

    test('goes at the next start, before anybody asks', async () => {
      await new LinkTree(disk, THIS_BOOT).replay(bench.database)
      expect(await isThere()).toBe(false)
      expect(await markedFolders()).toEqual([])
    })

    test('stays with what was pushed since', async () => {
      const image = await pushImage(bench.registry, repository, 'v2')
      const before = await treeOf(bench.files, repository)
      await new LinkTree(disk, THIS_BOOT).replay(bench.database)
      expect(await treeOf(bench.files, repository)).toEqual(before)
      expect(await tagsOf(bench, repository)).toEqual({ v2: image.digest })
      expect(await markedFolders()).toEqual([])
    })
  })

  test('goes in steps where thousands of deleted images have left theirs', async () => {
    const folder = `${repositoryFolder(repository)}/_manifests/revisions/sha256`
    for (let at = 0; at < 2_100; at++) {
      const path = `${folder}/${at.toString(16).padStart(64, '0')}/link`
      await bench.files.write(path, new Uint8Array([1]))
      await bench.files.remove(path)
    }
    await remove()
    expect(await markedFolders()).not.toEqual([])
    for (let round = 0; round < 3; round++) await bench.tree.flush(bench.database)
    expect(await isThere()).toBe(false)
    expect(await markedFolders()).toEqual([])
  })

  test('is given up where another registry has filled it: nothing of that goes, and nobody tries for ever', async () => {
    const folder = `${repositoryFolder(repository)}/_layers/foreign`
    for (let at = 0; at < 2_100; at++) await bench.files.write(`${folder}/${at}/link`, new Uint8Array([1]))
    await remove()
    await bench.tree.flush(bench.database)
    expect(await bench.files.list(folder)).toHaveLength(2_100)
    for (let round = 0; round < 3; round++) await bench.tree.flush(bench.database)
    expect(await markedFolders()).toEqual([])
  })
})
