/** What every blob store must do with bytes that somebody hashes and finds damaged. Called by `testBlobStore`. */
import { describe, expect, test } from 'bun:test'
import { digestOf } from '../oci/digest.ts'
import { bytesOf, committed, joined, patternedBytes, whole } from './blob-store.fixtures.ts'
import type { BlobStore } from './blob-store.ts'

const MIB = 1024 * 1024
const ALL = { offset: 0, length: 100 * MIB }

export function testQuarantine(open: () => BlobStore): void {
  describe('hashing and quarantine', () => {
    test('a blob is read as it lies there, whole or from a place on, and ends where it ends', async () => {
      const store = open()
      const bytes = patternedBytes(MIB + 7)
      const digest = await committed(store, bytes)
      expect(digestOf(await joined(store.readBlob(digest, ALL)))).toBe(digest)
      const part = await joined(store.readBlob(digest, { offset: MIB, length: 3 }))
      expect(part).toEqual(bytes.slice(MIB, MIB + 3))
      expect(await joined(store.readBlob(digest, { offset: MIB + 7, length: 10 }))).toHaveLength(0)
    })

    test('nothing is read of a blob that is not there', async () => {
      const store = open()
      const digest = digestOf(patternedBytes(5))
      expect(await store.identify(digest)).toBeNull()
      expect(await joined(store.readBlob(digest, ALL))).toHaveLength(0)
    })

    test('the same bytes stored once more are others', async () => {
      const store = open()
      const bytes = patternedBytes(10)
      const digest = await committed(store, bytes)
      const first = await store.identify(digest)
      expect(first?.size).toBe(10)
      expect(await store.identify(digest)).toEqual(first)
      await committed(store, bytes)
      expect(await store.identify(digest)).not.toEqual(first)
    })

    test('damaged bytes are taken out of their place, and kept', async () => {
      const store = open()
      const digest = await committed(store, patternedBytes(10, 1), digestOf(patternedBytes(10, 2)))
      const bytes = await store.identify(digest)
      if (bytes === null) throw new Error('it was just stored')
      expect(await store.quarantine(digest, bytes)).toBe(true)
      expect(await store.stat(digest)).toBeNull()
      expect(await joined(store.readQuarantined(digest, ALL))).toEqual(patternedBytes(10, 1))
      const kept = await Array.fromAsync(store.listQuarantined())
      expect(kept).toMatchObject([{ digest, size: 10 }])
      expect(await Array.fromAsync(store.listQuarantined(digest))).toEqual([])
      expect(Math.abs((kept[0]?.since ?? 0) - Date.now())).toBeLessThan(60_000)
      expect(await store.quarantine(digest, bytes)).toBe(false)
    })

    test('bytes that were pushed meanwhile are not taken', async () => {
      const store = open()
      const good = patternedBytes(10, 2)
      const digest = await committed(store, patternedBytes(10, 1), digestOf(good))
      const bytes = await store.identify(digest)
      if (bytes === null) throw new Error('it was just stored')
      await committed(store, good)
      expect(await store.quarantine(digest, bytes)).toBe(false)
      expect(await bytesOf(whole(store, digest, 10))).toEqual(good)
      expect(await Array.fromAsync(store.listQuarantined())).toEqual([])
    })

    test('a blob is healed by its next upload, and what lies aside may go', async () => {
      const store = open()
      const good = patternedBytes(10, 2)
      const digest = await committed(store, patternedBytes(10, 1), digestOf(good))
      await store.quarantine(digest, (await store.identify(digest)) ?? { size: 0, identity: '' })
      await committed(store, good)
      expect(await bytesOf(whole(store, digest, 10))).toEqual(good)
      expect(await store.releaseQuarantined(digest)).toBe(false)
      await store.discardQuarantined(digest)
      await store.discardQuarantined(digest)
      expect(await Array.fromAsync(store.listQuarantined())).toEqual([])
      expect(await bytesOf(whole(store, digest, 10))).toEqual(good)
    })

    test('what was taken by mistake can be put back where nothing is', async () => {
      const store = open()
      const digest = await committed(store, patternedBytes(10))
      await store.quarantine(digest, (await store.identify(digest)) ?? { size: 0, identity: '' })
      expect(await store.releaseQuarantined(digest)).toBe(true)
      expect(await bytesOf(whole(store, digest, 10))).toEqual(patternedBytes(10))
      expect(await store.releaseQuarantined(digest)).toBe(false)
      expect(await Array.fromAsync(store.listQuarantined())).toEqual([])
    })
  })
}
