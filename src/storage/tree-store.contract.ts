/**
 * What every tree store must do. A driver's test calls `testTreeStore` with a way to open an empty store, to
 * open the same one again as a new process would, and to throw it away.
 */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { dirname } from 'node:path'
import { until } from '../../test/until.ts'
import { digestOf } from '../oci/digest.ts'
import { parseRepositoryName } from '../oci/repository-name.ts'
import { parseTag } from '../oci/tag.ts'
import { layerLinkPath, tagFolder, tagIndexLinkPath, tagLinkPath, tagsFolder } from './layout.ts'
import type { TreeStore } from './tree-store.ts'

const NAME = parseRepositoryName('team/app')
const TAG = parseTag('1.2')
const DIGEST = digestOf(bytes('a manifest'))
const LINK = tagLinkPath(NAME, TAG)
/** Milliseconds: the clock from which files have their times is no finer. */
const TICK = 20

export interface OpenedTreeStore {
  readonly store: TreeStore
  /** The same tree, seen by a store that knows nothing but what it finds. */
  reopen(): Promise<TreeStore>
  remove(): Promise<void>
}

export function testTreeStore(driver: string, open: () => Promise<OpenedTreeStore>): void {
  describe(`${driver} tree store`, () => {
    let opened: OpenedTreeStore
    let store: TreeStore
    beforeEach(async () => {
      opened = await open()
      store = opened.store
    })
    afterEach(() => opened.remove())

    test('gives back what was written, with the folders above it', async () => {
      await store.write(LINK, bytes(DIGEST))
      expect(await readText(store, LINK)).toBe(DIGEST)
      const found = await store.stat(LINK)
      expect(found?.size).toBe(DIGEST.length)
      expect(Math.abs((found?.modifiedAt ?? 0) - Date.now())).toBeLessThan(60_000)
      expect(await store.list(tagFolder(NAME, TAG))).toEqual(['current'])
    })

    test('puts a new file in place of the old one as a whole', async () => {
      await store.write(LINK, bytes('a long line that was there before'))
      await store.write(LINK, bytes('short'))
      expect(await readText(store, LINK)).toBe('short')
      expect(await store.list(`${tagFolder(NAME, TAG)}/current`)).toEqual(['link'])
    })

    test('shows a reader the old file or the new one, and nothing between', async () => {
      const values = ['a'.repeat(100_000), 'b'.repeat(10)]
      await store.write(LINK, bytes('a'.repeat(100_000)))
      const work = Array.from({ length: 100 }, async (_, index) => {
        await store.write(LINK, bytes(values[index % 2] ?? ''))
        expect(values).toContain((await readText(store, LINK)) ?? 'nothing')
      })
      await Promise.all(work)
    })

    test('keeps its own copy of the bytes', async () => {
      const mine = bytes('first')
      await store.write(LINK, mine)
      mine.fill(0)
      ;(await store.read(LINK))?.fill(0)
      expect(await readText(store, LINK)).toBe('first')
    })

    test('tells an empty file from none', async () => {
      await store.write(LINK, new Uint8Array())
      expect(await store.read(LINK)).toHaveLength(0)
      expect((await store.stat(LINK))?.size).toBe(0)
      expect(await store.read(layerLinkPath(NAME, DIGEST))).toBeNull()
      expect(await store.stat(layerLinkPath(NAME, DIGEST))).toBeNull()
    })

    test('knows a file or folder again', async () => {
      await store.write(LINK, bytes(DIGEST))
      const folder = dirname(LINK)
      expect(await store.isSame(folder, folder)).toBe(true)
      expect(await store.isSame(folder, dirname(folder))).toBe(false)
      expect(await store.isSame(LINK, folder)).toBe(false)
    })

    test('tells when a file was changed, and where there is none, when the folder above it was', async () => {
      await store.write(LINK, bytes(DIGEST))
      const written = await store.changedAt(LINK)
      expect(Math.abs(written - Date.now())).toBeLessThan(60_000)
      const folder = dirname(LINK)
      expect(await store.changedAt(`${folder}/none/at/all`)).toBe(await store.changedAt(folder))
      await until('time has passed', () => Date.now() > written + TICK)
      await store.remove(LINK)
      expect(await store.changedAt(LINK)).toBe(await store.changedAt(folder))
      expect(await store.changedAt(LINK)).toBeGreaterThan(written)
    })

    test('finds nothing behind a file that should be a folder', async () => {
      await store.write(LINK, bytes(DIGEST))
      expect(await store.read(`${LINK}/below`)).toBeNull()
      expect(await store.stat(`${LINK}/below`)).toBeNull()
      expect(await store.list(LINK)).toEqual([])
      await store.remove(`${LINK}/below`)
    })

    test('tells folders from files, and both from nothing', async () => {
      await store.write(LINK, bytes(DIGEST))
      expect(await store.kindOf(LINK)).toBe('file')
      expect(await store.kindOf(tagFolder(NAME, TAG))).toBe('folder')
      expect(await store.kindOf(`${LINK}/below`)).toBeNull()
      expect(await store.kindOf(layerLinkPath(NAME, DIGEST))).toBeNull()
    })

    test('removes a file and leaves its folders', async () => {
      await store.write(LINK, bytes(DIGEST))
      await store.remove(LINK)
      expect(await store.read(LINK)).toBeNull()
      expect(await store.list(tagFolder(NAME, TAG))).toEqual(['current'])
      expect(await store.list(`${tagFolder(NAME, TAG)}/current`)).toEqual([])
    })

    test('removes a folder with all that is in it, and nothing beside it', async () => {
      const neighbour = tagLinkPath(NAME, parseTag('1.20'))
      await store.write(LINK, bytes(DIGEST))
      await store.write(tagIndexLinkPath(NAME, TAG, DIGEST), bytes(DIGEST))
      await store.write(neighbour, bytes(DIGEST))
      await store.removeFolder(tagFolder(NAME, TAG))
      expect(await store.list(tagsFolder(NAME))).toEqual(['1.20'])
      expect(await store.read(LINK)).toBeNull()
      expect(await readText(store, neighbour)).toBe(DIGEST)
    })

    test('a folder may come back after it was removed', async () => {
      await store.write(LINK, bytes('old'))
      await store.removeFolder(tagFolder(NAME, TAG))
      await store.write(LINK, bytes('new'))
      expect(await readText(store, LINK)).toBe('new')
    })

    test('removes a folder only where nothing lies in it', async () => {
      await store.write(LINK, bytes(DIGEST))
      const [above, folder] = [tagFolder(NAME, TAG), `${tagFolder(NAME, TAG)}/current`]
      expect(await store.removeEmptyFolder(folder)).toBe(false)
      expect(await store.removeEmptyFolder(LINK)).toBe(false)
      expect(await readText(store, LINK)).toBe(DIGEST)
      await store.remove(LINK)
      expect(await store.removeEmptyFolder(above)).toBe(false)
      expect(await store.removeEmptyFolder(folder)).toBe(true)
      expect(await store.removeEmptyFolder(folder)).toBe(true)
      expect(await store.list(above)).toEqual([])
    })

    test('removing what is not there is no error', async () => {
      await store.remove(LINK)
      await store.removeFolder(tagFolder(NAME, TAG))
    })

    test('lists names sorted by bytes, and none of a folder that is not there', async () => {
      const tags = ['b', 'a', '_x', 'B', '10', '9', 'a.b', 'a-b', 'a0']
      for (const tag of tags) await store.write(tagLinkPath(NAME, parseTag(tag)), bytes(DIGEST))
      expect(await store.list(tagsFolder(NAME))).toEqual(['10', '9', 'B', '_x', 'a', 'a-b', 'a.b', 'a0', 'b'])
      expect(await store.list(tagsFolder(parseRepositoryName('nobody')))).toEqual([])
    })

    test('keeps a repository that lies inside another', async () => {
      const inner = parseRepositoryName('team/app/debug')
      await store.write(layerLinkPath(NAME, DIGEST), bytes(DIGEST))
      await store.write(layerLinkPath(inner, DIGEST), bytes(DIGEST))
      await store.remove(layerLinkPath(NAME, DIGEST))
      expect(await readText(store, layerLinkPath(inner, DIGEST))).toBe(DIGEST)
    })

    test('syncs files that are there and files that are gone, with and without their folders', async () => {
      const gone = layerLinkPath(NAME, DIGEST)
      await store.write(LINK, bytes(DIGEST))
      await store.write(gone, bytes(DIGEST))
      await store.remove(gone)
      await store.sync([LINK, gone, LINK, tagLinkPath(parseRepositoryName('nobody'), TAG)])
      await store.sync([])
      expect(await readText(store, LINK)).toBe(DIGEST)
    })

    test('takes many writes at once', async () => {
      const tags = Array.from({ length: 50 }, (_, index) => parseTag(`t${index}`))
      await Promise.all(tags.map((tag) => store.write(tagLinkPath(NAME, tag), bytes(tag))))
      await store.sync(tags.map((tag) => tagLinkPath(NAME, tag)))
      for (const tag of tags) expect(await readText(store, tagLinkPath(NAME, tag))).toBe(tag)
    })

    test('what was written is there for the next process', async () => {
      await store.write(LINK, bytes(DIGEST))
      const next = await opened.reopen()
      expect(await readText(next, LINK)).toBe(DIGEST)
    })
  })
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

async function readText(store: TreeStore, path: string): Promise<string | null> {
  const found = await store.read(path)
  return found === null ? null : new TextDecoder().decode(found)
}
