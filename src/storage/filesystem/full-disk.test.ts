/**
 * What happens on a disk that is full or read-only, tried on a tmpfs of 1 MiB. A disk that is busy cannot be
 * unmounted, so every test here also proves that no file is left open.
 */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { mountObstacles, SmallDisk } from '../../../test/small-disk.ts'
import { describeUnless } from '../../../test/tools/describe-with.ts'
import { digestOf } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/repository-name.ts'
import { newUploadId } from '../../oci/upload-id.ts'
import {
  bytesOf,
  caught,
  chunksOf,
  committed,
  patternedBytes,
  readAll,
  uploaded,
  write,
} from '../blob-store.fixtures.ts'
import {
  type BlobStore,
  StorageFull,
  StorageReadOnly,
  StorageUnavailable,
  type UploadWriter,
} from '../blob-store.ts'
import { layerLinkPath, temporaryFolder } from '../layout.ts'
import type { TreeStore } from '../tree-store.ts'
import { openFilesystemBlobStore } from './blob-store.ts'
import { openFilesystemTreeStore } from './tree-store.ts'

const KIB = 1024
const LINK = layerLinkPath(parseRepositoryName('team/app'), digestOf(new Uint8Array()))

describeUnless('on a disk of 1 MiB', mountObstacles(), () => {
  let disk: SmallDisk
  let blobs: BlobStore
  let tree: TreeStore
  beforeEach(async () => {
    disk = new SmallDisk(1)
    blobs = await openFilesystemBlobStore({ root: disk.path })
    tree = await openFilesystemTreeStore({ root: disk.path })
  })
  afterEach(() => disk.unmount())

  describe('that is full', () => {
    test('a long upload is stopped while it is written, with the place and the remedy', async () => {
      const writer = await blobs.append(newUploadId(), 0)
      const failure = await firstFailure(writer, chunksOf(patternedBytes(8 * KIB * KIB), 58_000))
      expect(failure).toBeInstanceOf(StorageFull)
      expect(failure.message).toContain(disk.path)
      expect(failure.message).toContain('free some space')
      expect(await caught(writer.write(patternedBytes(1)))).toBe(failure)
      expect(await caught(writer.close())).toBe(failure)
      expect(await caught(writer.close())).toBe(failure)
    })

    test('an upload that did not fit leaves the room to others', async () => {
      const upload = newUploadId()
      const begun = await blobs.append(upload, 0)
      await begun.write(patternedBytes(1000))
      await begun.close()
      const writer = await blobs.append(upload, 1000)
      await firstFailure(writer, chunksOf(patternedBytes(8 * KIB * KIB), 58_000))
      await caught(writer.close())
      await tree.write('docker/registry/v2/note', patternedBytes(100 * KIB))
      expect(await readAll(blobs, upload, 1000)).toEqual(patternedBytes(1000))
    })

    test('a short upload is refused when it is closed', async () => {
      disk.fill(0)
      const writer = await blobs.append(newUploadId(), 0)
      await writer.write(patternedBytes(100))
      const failure = await caught(writer.close())
      expect(failure).toBeInstanceOf(StorageUnavailable)
      expect(failure.message).toContain('free some space')
    })

    test('an upload of which only a part fits is refused as well', async () => {
      disk.fill(100 * KIB)
      const writer = await blobs.append(newUploadId(), 0)
      await writer.write(patternedBytes(200 * KIB))
      expect((await caught(writer.close())).message).toContain('free some space')
    })

    test('an upload goes on from the last known offset when there is room again', async () => {
      const bytes = patternedBytes(600 * KIB)
      const upload = await uploaded(blobs, bytes.slice(0, 100 * KIB))
      disk.fill(200 * KIB)
      const writer = await blobs.append(upload, 100 * KIB)
      const failure = await firstFailure(writer, chunksOf(bytes.subarray(100 * KIB), 58_000))
      expect(failure).toBeInstanceOf(StorageUnavailable)
      await caught(writer.close())
      disk.clear()
      await write(blobs, upload, 100 * KIB, [bytes.subarray(100 * KIB)])
      expect(digestOf(await readAll(blobs, upload, bytes.length))).toBe(digestOf(bytes))
    })

    test('a copy that does not fit leaves no upload behind', async () => {
      const from = await uploaded(blobs, patternedBytes(600 * KIB))
      const to = newUploadId()
      await expect(blobs.copy(from, to, 600 * KIB)).rejects.toBeInstanceOf(StorageUnavailable)
      expect(await Array.fromAsync(blobs.listUploads())).toEqual([from])
    })

    test('a link stays what it was, and nothing is left beside it', async () => {
      await tree.write(LINK, patternedBytes(71, 1))
      disk.fill(0)
      const failure = await caught(tree.write(LINK, patternedBytes(71, 2)))
      expect(failure).toBeInstanceOf(StorageUnavailable)
      expect(new Uint8Array((await tree.read(LINK)) ?? [])).toEqual(patternedBytes(71, 1))
      expect(readdirSync(join(disk.path, temporaryFolder))).toEqual([])
    })
  })

  describe('that is read-only', () => {
    test('writing says so, and an upload is kept as it was', async () => {
      const bytes = patternedBytes(10)
      const upload = await uploaded(blobs, bytes)
      disk.makeReadOnly()
      const failures = [
        await caught(blobs.append(newUploadId(), 0)),
        await caught(blobs.append(upload, 10)),
        await caught(blobs.commit(upload, digestOf(bytes), 10)),
        await caught(blobs.discard(upload)),
        await caught(tree.write(LINK, bytes)),
        await caught(openFilesystemBlobStore({ root: join(disk.path, 'another') })),
      ]
      for (const failure of failures) {
        expect(failure).toBeInstanceOf(StorageReadOnly)
        expect(failure.message).toContain('read-only: mount it for writing')
      }
      expect(await readAll(blobs, upload, 10)).toEqual(bytes)
    })

    test('reading goes on', async () => {
      const digest = await committed(blobs, patternedBytes(10))
      await tree.write(LINK, patternedBytes(10))
      disk.makeReadOnly()
      expect(await blobs.stat(digest)).toBe(10)
      expect(await bytesOf(blobs.content(digest, { offset: 0, length: 10 }))).toEqual(patternedBytes(10))
      expect((await tree.stat(LINK))?.size).toBe(10)
    })
  })
})

/** What the first write that fails, or else the close, says. */
async function firstFailure(writer: UploadWriter, chunks: Uint8Array[]): Promise<Error> {
  return caught(
    (async () => {
      for (const chunk of chunks) await writer.write(chunk)
      await writer.close()
    })(),
  )
}
