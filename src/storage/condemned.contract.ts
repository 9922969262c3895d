/** What every blob store must do with bytes that are on their way out. Called by `testBlobStore`. */
import { beforeEach, describe, expect, test } from 'bun:test'
import { digestOf } from '../oci/digest.ts'
import { bytesOf, committed, patternedBytes, whole } from './blob-store.fixtures.ts'
import type { BlobStore, CondemnedBytes } from './blob-store.ts'

interface Opened {
  readonly store: BlobStore
  /** The same bytes, seen by a store that knows nothing but what it finds. */
  reopen(): Promise<BlobStore>
}

export function testCondemned(open: () => Opened): void {
  describe('condemned bytes', () => {
    let store: BlobStore
    beforeEach(() => {
      store = open().store
    })

    async function listCondemned(before?: number): Promise<CondemnedBytes[]> {
      return await Array.fromAsync(store.listCondemned(before))
    }

    test('are out of their place, and told of with their epoch, size and time', async () => {
      const start = Date.now()
      const digest = await committed(store, patternedBytes(10))
      expect(await store.condemn(digest, 7)).toBe(true)
      expect(await store.stat(digest)).toBeNull()
      const [found] = await listCondemned()
      expect(found).toMatchObject({ digest, epoch: 7, size: 10 })
      expect(found?.condemnedAt).toBeWithin(start - 1000, Date.now() + 1000)
    })

    test('are none where there was no blob', async () => {
      expect(await store.condemn(digestOf(patternedBytes(10)), 1)).toBe(false)
      expect(await listCondemned()).toEqual([])
    })

    test('of one digest may be several, each by itself', async () => {
      const digest = await committed(store, patternedBytes(10))
      await store.condemn(digest, 1)
      await committed(store, patternedBytes(10))
      await store.condemn(digest, 1)
      const [first] = await listCondemned()
      expect(await listCondemned()).toHaveLength(2)
      if (first !== undefined) await store.unlinkCondemned(first)
      expect(await listCondemned()).toHaveLength(1)
      expect(await store.putBack(digest)).toBe(true)
    })

    test('of many blobs at a time are all out of their place', async () => {
      const blobs = await Promise.all(
        Array.from({ length: 20 }, (_, seed) => committed(store, patternedBytes(10, seed))),
      )
      const taken = await Promise.all(blobs.map((digest) => store.condemn(digest, 1)))
      expect(taken).toEqual(blobs.map(() => true))
      expect((await listCondemned()).map(({ digest }) => digest).sort()).toEqual(blobs.sort())
    })

    test('are told of in one order, from behind any of them', async () => {
      for (let seed = 0; seed < 5; seed++)
        await store.condemn(await committed(store, patternedBytes(10, seed)), 1)
      const all = await listCondemned()
      expect(all).toHaveLength(5)
      for (const [index, { place }] of all.entries())
        expect(await Array.fromAsync(store.listCondemned(undefined, place))).toEqual(all.slice(index + 1))
    })

    test('can be put back, once', async () => {
      const digest = await committed(store, patternedBytes(10))
      await store.condemn(digest, 1)
      expect(await store.putBack(digest)).toBe(true)
      expect(await bytesOf(whole(store, digest, 10))).toEqual(patternedBytes(10))
      expect(await store.putBack(digest)).toBe(false)
      expect(await listCondemned()).toEqual([])
    })

    test('are not put where something is, nor where there are none', async () => {
      const digest = await committed(store, patternedBytes(10))
      await store.condemn(digest, 1)
      await committed(store, patternedBytes(20, 2), digest)
      expect(await store.putBack(digest)).toBe(false)
      expect(await store.stat(digest)).toBe(20)
      expect(await store.putBack(digestOf(patternedBytes(5)))).toBe(false)
    })

    test('are listed up to a time', async () => {
      const digest = await committed(store, patternedBytes(10))
      await store.condemn(digest, 1)
      expect(await listCondemned(Date.now() - 60_000)).toEqual([])
      expect(await listCondemned(Date.now() + 60_000)).toHaveLength(1)
    })

    test('may be removed twice, and make room for the same blob again', async () => {
      const digest = await committed(store, patternedBytes(10))
      await store.condemn(digest, 1)
      for (const found of await listCondemned()) {
        await store.unlinkCondemned(found)
        await store.unlinkCondemned(found)
      }
      expect(await listCondemned()).toEqual([])
      expect(await store.putBack(digest)).toBe(false)
      await committed(store, patternedBytes(10))
      expect(await store.stat(digest)).toBe(10)
    })

    test('are there for the next process', async () => {
      const digest = await committed(store, patternedBytes(10))
      await store.condemn(digest, 1)
      const next = await open().reopen()
      expect(await next.putBack(digest)).toBe(true)
      expect(await next.stat(digest)).toBe(10)
    })
  })
}
