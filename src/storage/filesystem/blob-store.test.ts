import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { closeSync, constants, openSync, read, readSync, writeFileSync, writeSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { codeOf } from '../../lib/thrown.ts'
import { digestOf } from '../../oci/digest.ts'
import { newUploadId } from '../../oci/upload-id.ts'
import { testBlobStore } from '../blob-store.contract.ts'
import { caught, chunksOf, committed, patternedBytes, uploaded, write } from '../blob-store.fixtures.ts'
import { type BlobStore, StorageUnavailable, UploadTruncated } from '../blob-store.ts'
import { blobDataPath, registryFolder, uploadPath, uploadsFolder } from '../layout.ts'
import { openFilesystemBlobStore } from './blob-store.ts'
import type { VolumeKind } from './volume.ts'

const VOLUMES: readonly VolumeKind[] = [{ kind: 'local' }, { kind: 'network', name: 'NFS' }]

for (const volume of VOLUMES) {
  testBlobStore(`filesystem (${volume.kind})`, async () => {
    const root = await temporaryRoot()
    return {
      store: await openFilesystemBlobStore({ root, volume }),
      reopen: () => openFilesystemBlobStore({ root, volume }),
      remove: () => rm(root, { recursive: true }),
    }
  })
}

describe('filesystem blob store on disk', () => {
  let root: string
  let store: BlobStore
  beforeEach(async () => {
    root = await temporaryRoot()
    store = await openFilesystemBlobStore({ root })
  })
  afterEach(() => rm(root, { recursive: true }))

  test('makes the root when it is not there', async () => {
    const deeper = join(root, 'not', 'there', 'yet')
    const digest = await committed(await openFilesystemBlobStore({ root: deeper }), patternedBytes(10))
    expect(await readFile(join(deeper, blobDataPath(digest)))).toHaveLength(10)
  })

  test('puts a blob where registry:2 looks for it', async () => {
    const digest = await committed(store, patternedBytes(10))
    expect(new Uint8Array(await readFile(join(root, blobDataPath(digest))))).toEqual(patternedBytes(10))
  })

  test('serves a blob that registry:2 has stored', async () => {
    const digest = digestOf(patternedBytes(10))
    await mkdir(dirname(join(root, blobDataPath(digest))), { recursive: true })
    writeFileSync(join(root, blobDataPath(digest)), patternedBytes(10))
    expect(await store.stat(digest)).toBe(10)
  })

  test('content names the file, and opens nothing', () => {
    const digest = digestOf(patternedBytes(10))
    expect(store.content(digest, { offset: 3, length: 4 })).toEqual({
      kind: 'file',
      path: join(root, blobDataPath(digest)),
      offset: 3,
      length: 4,
    })
  })

  test('follows a part of the tree that was moved and linked', async () => {
    await mkdir(join(root, 'elsewhere'))
    await mkdir(dirname(join(root, registryFolder)), { recursive: true })
    await symlink(join(root, 'elsewhere'), join(root, registryFolder))
    const digest = await committed(store, patternedBytes(10))
    expect(await store.stat(digest)).toBe(10)
  })

  test('does not take another file in the uploads folder for an upload', async () => {
    writeFileSync(join(root, uploadsFolder, '.DS_Store'), 'x')
    const upload = await uploaded(store, patternedBytes(1))
    expect(await Array.fromAsync(store.listUploads())).toEqual([upload])
  })

  test('makes the uploads folder again when somebody has removed it', async () => {
    await rm(join(root, uploadsFolder), { recursive: true })
    await committed(store, patternedBytes(10))
  })

  test('a folder in the place of a blob is no answer', async () => {
    const digest = digestOf(patternedBytes(10))
    await mkdir(join(root, blobDataPath(digest)), { recursive: true })
    await expect(store.stat(digest)).rejects.toBeInstanceOf(StorageUnavailable)
    const failure = await caught(committed(store, patternedBytes(10)))
    expect(failure.message).toBe(
      `${join(root, blobDataPath(digest))} is a folder where a file belongs: move it away.`,
    )
  })

  test('an upload that somebody else wrote into is noticed when it is closed', async () => {
    const upload = newUploadId()
    const writer = await store.append(upload, 0)
    await writer.write(patternedBytes(10))
    writeFileSync(join(root, uploadPath(upload)), 'xyz', { flag: 'a' })
    const failure = await caught(writer.close())
    expect(failure).toBeInstanceOf(UploadTruncated)
    expect(failure).toMatchObject({ expected: 10, found: 13 })
    expect(await caught(writer.close())).toBe(failure)
  })

  test('an upload that is discarded while it is written does not come back', async () => {
    const upload = newUploadId()
    const writer = await store.append(upload, 0)
    await writer.write(patternedBytes(10))
    await store.discard(upload)
    await writer.close()
    expect(await Array.fromAsync(store.listUploads())).toEqual([])
  })

  test('a stat does not wait for what other requests write and sync', async () => {
    const digest = await committed(store, patternedBytes(10))
    const stuck = new BusyPool(join(root, 'pipe'))
    try {
      const late = Bun.sleep(2000).then(() => 'still waiting')
      expect(await Promise.race([store.stat(digest), late])).toBe(10)
      expect(stuck.reads).toBe(0)
    } finally {
      await stuck.release()
    }
  })

  test('nor does an upload wait for them to begin, while its body piles up', async () => {
    const stuck = new BusyPool(join(root, 'pipe'))
    try {
      const late = Bun.sleep(2000).then(() => 'still waiting')
      const writer = await Promise.race([store.append(newUploadId(), 0), late])
      expect(writer).toBeObject()
      expect(stuck.reads).toBe(0)
    } finally {
      await stuck.release()
    }
  })

  /** In a process of its own: what other tests leave to be collected would count too. */
  test('a long upload needs no more memory than a short one', () => {
    const script = `
      import { openFilesystemBlobStore } from ${JSON.stringify(join(import.meta.dir, 'blob-store.ts'))}
      const store = await openFilesystemBlobStore({ root: ${JSON.stringify(root)} })
      const [upload, size, count] = [crypto.randomUUID(), 58_000, ${256 * 1024 * 1024} / 58_000]
      const before = process.memoryUsage.rss()
      let most = before
      const look = () => { most = Math.max(most, process.memoryUsage.rss()) }
      const writer = await store.append(upload, 0)
      let length = 0
      for (let written = 0; written < count; written += 1, look()) {
        await writer.write(new Uint8Array(size).fill(7))
        length += size
      }
      await writer.close()
      let read = 0
      for await (const part of store.read(upload, length)) { read += part.length; look() }
      console.log(JSON.stringify({ grown: most - before, isWhole: read === length }))`
    const { stdout, stderr } = Bun.spawnSync([process.execPath, '-e', script])
    expect(stderr.toString()).toBe('')
    const { grown, isWhole } = JSON.parse(stdout.toString())
    expect(isWhole).toBe(true)
    expect(grown).toBeLessThan(100 * 1024 * 1024)
  })

  test('a slow disk holds back the caller before 2 MiB wait in memory', async () => {
    const upload = newUploadId()
    const disk = new SlowDisk(join(root, uploadPath(upload)))
    const writer = await store.append(upload, 0)
    const chunks = chunksOf(patternedBytes(16 * 1024 * 1024), 58_000)
    let taken = 0
    let mostWaiting = 0
    const sending = (async () => {
      for (const chunk of chunks) {
        await writer.write(chunk)
        taken += chunk.length
        mostWaiting = Math.max(mostWaiting, taken - disk.written)
      }
      return caught(writer.close())
    })()
    while (disk.written < 16 * 1024 * 1024) await disk.writeSome()
    expect(mostWaiting).toBeLessThan(2 * 1024 * 1024)
    expect(await sending).toBeInstanceOf(UploadTruncated) // for this disk keeps nothing
  })
})

/** A disk that writes only when it is told to: a named pipe in the place of the file. */
class SlowDisk {
  readonly #pipe: number
  readonly #buffer = new Uint8Array(64 * 1024)
  written = 0

  constructor(path: string) {
    expect(Bun.spawnSync(['mkfifo', path]).exitCode).toBe(0)
    this.#pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  }

  async writeSome(): Promise<void> {
    await new Promise(setImmediate)
    try {
      this.written += readSync(this.#pipe, this.#buffer)
    } catch (error) {
      if (codeOf(error) !== 'EAGAIN') throw error
    }
  }
}

/** Keeps every thread of the pool waiting, for reads of a pipe in which there is nothing. */
class BusyPool {
  static readonly #READS = 256
  readonly #pipe: number
  readonly #all: Promise<void>[]
  reads = 0

  constructor(path: string) {
    expect(Bun.spawnSync(['mkfifo', path]).exitCode).toBe(0)
    this.#pipe = openSync(path, constants.O_RDWR)
    this.#all = Array.from({ length: BusyPool.#READS }, () => this.#read())
  }

  async release(): Promise<void> {
    writeSync(this.#pipe, new Uint8Array(BusyPool.#READS))
    await Promise.all(this.#all)
    closeSync(this.#pipe)
  }

  #read(): Promise<void> {
    return new Promise((resolve) => {
      read(this.#pipe, new Uint8Array(1), 0, 1, null, () => {
        this.reads += 1
        resolve()
      })
    })
  }
}

async function temporaryRoot(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'berth-blobs-'))
}

test('an unusable root is named when the store is opened', async () => {
  const root = await temporaryRoot()
  writeFileSync(join(root, 'berth'), 'a file in the way')
  const failure = await caught(openFilesystemBlobStore({ root }))
  expect(failure).toBeInstanceOf(StorageUnavailable)
  expect(failure.message).toContain(join(root, 'berth'))
  await rm(root, { recursive: true })
})

test('a writer keeps the bytes of one upload apart from the next one’s', async () => {
  const root = await temporaryRoot()
  const store = await openFilesystemBlobStore({ root })
  const [one, two] = [newUploadId(), newUploadId()]
  await write(store, one, 0, [patternedBytes(5, 1)])
  await write(store, two, 0, [patternedBytes(6, 2)])
  expect(new Uint8Array(await readFile(join(root, uploadPath(one))))).toEqual(patternedBytes(5, 1))
  expect(new Uint8Array(await readFile(join(root, uploadPath(two))))).toEqual(patternedBytes(6, 2))
  await rm(root, { recursive: true })
})
