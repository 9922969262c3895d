/**
 * What is made of marks that a crash has left, where the path holds what Berth had there before: another registry
 * has turned Berth's change back, or the change was lost. The other registry is played by changing its files, with
 * the time at which it did so; the real one is in test/volume.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DelegatingTreeStore } from '../../../test/delegating-stores.ts'
import { putLink } from '../../../test/old-volume.ts'
import { type Bench, describeOnDatabases, failureOf, THIS_BOOT } from '../../../test/registry-bench.ts'
import { marksOf, tagFoldersOf, tagsOf, treeOf } from '../../../test/registry-facts.ts'
import { newBlob, newIndex, pushBlob, pushManifest, type Sample } from '../../../test/sample-content.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { parseTag } from '../../oci/tag.ts'
import { StorageUnavailable } from '../../storage/blob-store.ts'
import { layerLinkPath, revisionLinkPath, tagFolder, tagLinkPath } from '../../storage/layout.ts'
import { unlinkBlob } from '../blobs.ts'
import { deleteManifest } from '../manifests.ts'
import { deleteTag } from '../tags.ts'
import { LinkTree } from './link-tree.ts'

const TAG = parseTag('v1')
/** Milliseconds from Berth's last change to what the other registry does, which must start first. */
const LATER = 1_000
const BOOTS = [
  ['the same run of the machine', THIS_BOOT],
  ['another run', 'the next boot'],
  ['a run that is not known', null],
] as const

/** Refuses to write where it is told to. */
class RefusingTree extends DelegatingTreeStore {
  refused: string | null = null

  override async write(path: string, bytes: Uint8Array): Promise<void> {
    this.#require(path)
    await super.write(path, bytes)
  }

  override async remove(path: string): Promise<void> {
    this.#require(path)
    await super.remove(path)
  }

  override async removeFolder(path: string): Promise<void> {
    this.#require(path)
    await super.removeFolder(path)
  }

  #require(path: string): void {
    if (this.refused !== null && path.includes(this.refused))
      throw new StorageUnavailable('The disk is full.')
  }
}

describeOnDatabases('a change of Berth that was not durable when it was killed', (open) => {
  let first: Bench
  let disk: RefusingTree
  let repository: RepositoryName
  let image: Sample
  let other: Sample
  beforeAll(async () => {
    first = await open({
      tree(real) {
        disk = new RefusingTree(real)
        return disk
      },
    })
  })
  afterAll(() => first.close())
  beforeEach(async () => {
    repository = first.newRepository()
    image = newIndex([])
    other = newIndex([])
    for (const each of [image, other]) await pushManifest(first.registry, repository, each)
    await pushManifest(first.registry, repository, image, TAG)
    await first.tree.flush(first.database)
  })

  /** What the tag names once the next start has gone through everything; the tree must agree. */
  async function tagAfterStart(boot: string | null): Promise<string | undefined> {
    expect(await new LinkTree(first.files, boot).replay(first.database)).toEqual([])
    const bench = await first.restarted()
    await bench.registry.tree?.check(repository)
    await first.tree.flush(first.database)
    expect(await marksOf(bench, repository)).toEqual([])
    const { [TAG]: digest } = await tagsOf(bench, repository)
    expect(await tagFoldersOf(first.files, repository)).toEqual(digest === undefined ? [] : [TAG])
    const links = await treeOf(first.files, repository)
    expect(links[`_manifests/tags/${TAG}/current/link`]).toBe(digest as string)
    return digest
  }

  function dropTag(): Promise<unknown> {
    return deleteTag(first.registry, { repository, tag: TAG, by: 'ann' })
  }

  function moveTag(to: Sample): Promise<unknown> {
    return pushManifest(first.registry, repository, to, TAG)
  }

  function othersPut(path: string, digest: string): void {
    putLink(first.root, path, digest)
    touch(join(first.root, path), LATER)
  }

  function othersTag(to: Sample): void {
    othersPut(revisionLinkPath(repository, to.digest), to.digest)
    othersPut(tagLinkPath(repository, TAG), to.digest)
  }

  function othersRemove(path: string): void {
    const full = join(first.root, path)
    rmSync(full, { recursive: true })
    touch(dirname(full), LATER)
  }

  describe.each(BOOTS)('in %s', (_, boot) => {
    const isKnown = boot === THIS_BOOT

    test('a deleted tag that another registry pushed again is there', async () => {
      await dropTag()
      othersTag(image)
      expect(await tagAfterStart(boot)).toBe(isKnown ? image.digest : undefined)
    })

    test('a moved tag that another registry moved back stays there', async () => {
      await moveTag(other)
      othersTag(image)
      expect(await tagAfterStart(boot)).toBe(isKnown ? image.digest : other.digest)
    })

    test('one that was moved to and fro, too', async () => {
      for (const each of [other, image]) await moveTag(each)
      othersTag(other)
      expect(await tagAfterStart(boot)).toBe(isKnown ? other.digest : image.digest)
    })

    test('a new tag that another registry deleted is gone', async () => {
      await dropTag()
      await first.tree.flush(first.database)
      await moveTag(other)
      othersRemove(tagFolder(repository, TAG))
      expect(await tagAfterStart(boot)).toBe(isKnown ? undefined : other.digest)
    })

    test('a deleted manifest that another registry pushed again is there with its tag', async () => {
      await deleteManifest(first.registry, { repository, digest: image.digest, by: 'ann' })
      othersTag(image)
      expect(await tagAfterStart(boot)).toBe(isKnown ? image.digest : undefined)
    })

    test('a new manifest that another registry deleted is gone with its tag', async () => {
      const pushed = newIndex([])
      await moveTag(pushed)
      othersRemove(revisionLinkPath(repository, pushed.digest))
      othersRemove(tagFolder(repository, TAG))
      expect(await tagAfterStart(boot)).toBeOneOf(isKnown ? [undefined] : [pushed.digest, undefined])
    })

    test('a blob whose link another registry put back, or took away, is as that one left it', async () => {
      const [dropped, pushed] = [newBlob(), newBlob()]
      await pushBlob(first.registry, repository, dropped)
      await first.tree.flush(first.database)
      await unlinkBlob(first.registry, { repository, digest: dropped.digest, by: 'ann' })
      await pushBlob(first.registry, repository, pushed)
      othersPut(layerLinkPath(repository, dropped.digest), dropped.digest)
      othersRemove(layerLinkPath(repository, pushed.digest))
      await tagAfterStart(boot)
      const linked = Object.values(await treeOf(first.files, repository))
      expect(linked.includes(dropped.digest)).toBe(isKnown)
      expect(linked.includes(pushed.digest)).toBe(!isKnown)
    })
  })

  describe('is made again in the same run of the machine', () => {
    test('where the disk lost it: nothing was changed there since', async () => {
      const link = join(first.root, tagLinkPath(repository, TAG))
      const before = statSync(link)
      await moveTag(other)
      writeFileSync(link, image.digest)
      utimesSync(link, before.atime, before.mtime)
      expect(await tagAfterStart(THIS_BOOT)).toBe(other.digest)
    })

    test('where the disk lost all of a new tag', async () => {
      await dropTag()
      await first.tree.flush(first.database)
      await moveTag(other)
      const folder = join(first.root, tagFolder(repository, TAG))
      rmSync(folder, { recursive: true })
      touch(dirname(folder), -LATER)
      expect(await tagAfterStart(THIS_BOOT)).toBe(other.digest)
    })

    test('where it had not come to the tree', async () => {
      disk.refused = `tags/${TAG}`
      expect(await failureOf(dropTag())).toBeInstanceOf(StorageUnavailable)
      disk.refused = null
      expect(await tagAfterStart(THIS_BOOT)).toBeUndefined()
    })

    test('but not over what another registry pushed after it', async () => {
      disk.refused = `tags/${TAG}`
      expect(await failureOf(moveTag(other))).toBeInstanceOf(StorageUnavailable)
      disk.refused = null
      othersTag(image)
      expect(await tagAfterStart(THIS_BOOT)).toBe(image.digest)
    })

    test('nor to a manifest that another registry has deleted meanwhile', async () => {
      disk.refused = `tags/${TAG}`
      expect(await failureOf(moveTag(other))).toBeInstanceOf(StorageUnavailable)
      disk.refused = null
      othersRemove(revisionLinkPath(repository, other.digest))
      expect(await tagAfterStart(THIS_BOOT)).toBe(image.digest)
    })
  })
})

/** Sets when something was changed last, in milliseconds from now. */
function touch(path: string, fromNow: number): void {
  const time = new Date(Date.now() + fromNow)
  utimesSync(path, time, time)
}
