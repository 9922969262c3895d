/** While somebody copies blobs, nothing that was condemned since may be unlinked, and it can be read where it lies. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mountObstacles, SmallDisk } from '../../../test/small-disk.ts'
import { describeUnless } from '../../../test/tools/describe-with.ts'
import { digestOf } from '../../oci/digest.ts'
import { committed, patternedBytes } from '../blob-store.fixtures.ts'
import type { BlobStore } from '../blob-store.ts'
import { holdsFolder } from '../layout.ts'
import { openBlobSource } from './blob-source.ts'
import { openFilesystemBlobStore } from './blob-store.ts'
import { findHold, holdCondemned } from './condemned-hold.ts'

const HOUR = 3_600_000
const bytes = patternedBytes(1000)
const digest = digestOf(bytes)
let root: string
let store: BlobStore
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'condemned-hold-'))
  store = await openFilesystemBlobStore({ root })
  await committed(store, bytes)
})
afterEach(() => rmSync(root, { recursive: true }))

/** The file of the only one who holds them back. */
function holdFile(): string {
  const [name = ''] = readdirSync(join(root, holdsFolder))
  return join(root, holdsFolder, name)
}

/** What collection would unlink. */
async function ripe(): Promise<string[]> {
  const found = await Array.fromAsync(store.listCondemned(Date.now() + HOUR))
  return found.map((each) => each.digest)
}

async function read(): Promise<Uint8Array | null> {
  const chunks = await (await openBlobSource(root)).open(digest)
  return chunks === null ? null : Buffer.concat(await Array.fromAsync(chunks))
}

test('what is condemned while it is held is not ripe, and is when the hold has ended', async () => {
  const hold = await holdCondemned(root)
  await store.condemn(digest, 1)
  expect(await ripe()).toEqual([])
  await hold[Symbol.asyncDispose]()
  expect(await ripe()).toEqual([digest])
})

test('of two who copy at once the one that ends first leaves the other its hold', async () => {
  await using _one = await holdCondemned(root)
  const other = await holdCondemned(root)
  await store.condemn(digest, 1)
  await other[Symbol.asyncDispose]()
  expect(await ripe()).toEqual([])
})

test('what had been condemned long before is ripe all the same', async () => {
  await store.condemn(digest, 1)
  await using _hold = await holdCondemned(root)
  writeFileSync(holdFile(), `${Date.now() + HOUR}\n`)
  expect(await ripe()).toEqual([digest])
})

test('whoever counts condemned bytes finds them while they are held', async () => {
  await using _hold = await holdCondemned(root)
  await store.condemn(digest, 1)
  expect(await Array.fromAsync(store.listCondemned())).toHaveLength(1)
})

test('a hold that nobody touches any more is of somebody who died', async () => {
  await holdCondemned(root)
  await store.condemn(digest, 1)
  expect(await findHold(root)).not.toBeNull()
  const longAgo = new Date(Date.now() - HOUR)
  utimesSync(holdFile(), longAgo, longAgo)
  expect(await findHold(root)).toBeNull()
  expect(await ripe()).toEqual([digest])
})

test('a blob is read from its place, from where condemned ones lie, or is nowhere', async () => {
  expect(await read()).toEqual(Buffer.from(bytes))
  await store.condemn(digest, 7)
  expect(await store.stat(digest)).toBeNull()
  expect(await read()).toEqual(Buffer.from(bytes))
  for await (const found of store.listCondemned()) await store.unlinkCondemned(found)
  expect(await read()).toBeNull()
})

describeUnless('on a disk that takes nothing any more', mountObstacles(), () => {
  test('nothing need be held back, and blobs can be copied', async () => {
    using disk = new SmallDisk(1)
    disk.makeReadOnly()
    const hold = await holdCondemned(disk.path)
    expect(await findHold(disk.path)).toBeNull()
    await hold[Symbol.asyncDispose]()
  })
})
