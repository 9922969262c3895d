/** Blobs are hashed in as many pieces as it takes, no faster than allowed, and never as a mixture of two files. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { type Bench, openOnSqlite } from '../../../test/registry-bench.ts'
import { type Digest, digestOf } from '../../oci/digest.ts'
import { newUploadId } from '../../oci/upload-id.ts'
import type { BlobStore } from '../../storage/blob-store.ts'
import { BlobHashing, type HashingLimits, Pace } from './hashing.ts'

const MIB = 1024 * 1024

let bench: Bench
let blobs: BlobStore
let hashing: BlobHashing
beforeEach(async () => {
  bench = await openOnSqlite()
  blobs = bench.registry.blobs
  hashing = new BlobHashing(blobs)
})
afterEach(() => bench.close())

/** Another seed gives other bytes. */
function bytesOf(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) + seed) % 251)
}

/** Stores bytes under their own digest or another one. */
async function committed(bytes: Uint8Array, digest = digestOf(bytes)): Promise<Digest> {
  const upload = newUploadId()
  const writer = await blobs.append(upload, 0)
  await writer.write(bytes.slice())
  await writer.close()
  await blobs.commit(upload, digest, bytes.length)
  return digest
}

/** So little time that each call reads one piece. */
function onePiece(): HashingLimits {
  return { pace: new Pace(1e12), until: 0, signal: new AbortController().signal }
}

test('a blob of many pieces is hashed a piece at a time, for each who asks', async () => {
  const bytes = bytesOf(MIB)
  const digest = await committed(bytes)
  let calls = 0
  for (let found = null; found === null; calls++) {
    found = await hashing.goOn('one', digest, onePiece())
    const other = await hashing.goOn('other', digest, onePiece())
    if (found !== null) expect([found, other]).toMatchObject([{ kind: 'hashed', digest }, { digest }])
  }
  expect(calls).toBe(4)
})

test('bytes that are pushed while they are hashed are hashed from their beginning', async () => {
  const bytes = bytesOf(MIB, 1)
  const digest = digestOf(bytes)
  await committed(bytesOf(MIB, 2), digest)
  expect(await hashing.goOn('one', digest, onePiece())).toBeNull()
  await committed(bytes)
  let found = null
  while (found === null) found = await hashing.goOn('one', digest, onePiece())
  expect(found).toMatchObject({ kind: 'hashed', digest })
})

test('what is not there is said to be nothing', async () => {
  expect(await hashing.goOn('one', digestOf(bytesOf(5)), onePiece())).toEqual({ kind: 'nothing' })
})

test('the memory of what is under way does not grow with those who ask', async () => {
  const digest = await committed(bytesOf(MIB))
  for (let run = 0; run < 10; run++) expect(await hashing.goOn(`run ${run}`, digest, onePiece())).toBeNull()
  // The newest goes on, the oldest begins again: the one needs three more pieces, the other four.
  for (const [run, left] of [
    ['run 9', 3],
    ['run 0', 4],
  ] as const) {
    for (let piece = 1; piece < left; piece++) expect(await hashing.goOn(run, digest, onePiece())).toBeNull()
    expect(await hashing.goOn(run, digest, onePiece())).toMatchObject({ digest })
  }
})

test('a pace makes those wait who spend more than it allows, until they want to stop', async () => {
  const pace = new Pace(10 * MIB)
  const { signal } = new AbortController()
  const began = performance.now()
  for (let spent = 0; spent < 4; spent++) await pace.spend(MIB, signal)
  expect(performance.now() - began).toBeGreaterThan(350)
  expect(pace.bytes).toBe(4 * MIB)
  await pace.spend(1000 * MIB, AbortSignal.abort())
})
