/** Blobs are hashed in as many pieces as it takes, no faster than allowed, and never as a mixture of two files. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { digestOf } from '../../oci/digest.ts'
import { committed, patternedBytes } from '../../storage/blob-store.fixtures.ts'
import type { BlobStore } from '../../storage/blob-store.ts'
import { openFilesystemBlobStore } from '../../storage/filesystem/blob-store.ts'
import { BlobHashing, type HashingLimits, Pace } from './hashing.ts'

const MIB = 1024 * 1024

let root: string
let blobs: BlobStore
let hashing: BlobHashing
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'berth-hashing-'))
  blobs = await openFilesystemBlobStore({ root })
  hashing = new BlobHashing(blobs)
})
afterEach(() => rmSync(root, { recursive: true }))

/** So little time that each call reads one piece. */
function onePiece(): HashingLimits {
  return { pace: new Pace(1e12), until: 0, signal: new AbortController().signal }
}

test('a blob of many pieces is hashed a piece at a time, for each who asks', async () => {
  const bytes = patternedBytes(MIB)
  const digest = await committed(blobs, bytes)
  let calls = 0
  for (let found = null; found === null; calls++) {
    found = await hashing.goOn('one', digest, onePiece())
    const other = await hashing.goOn('other', digest, onePiece())
    if (found !== null) expect([found, other]).toMatchObject([{ kind: 'hashed', digest }, { digest }])
  }
  expect(calls).toBe(4)
})

test('bytes that are pushed while they are hashed are hashed from their beginning', async () => {
  const bytes = patternedBytes(MIB, 1)
  const digest = digestOf(bytes)
  await committed(blobs, patternedBytes(MIB, 2), digest)
  expect(await hashing.goOn('one', digest, onePiece())).toBeNull()
  await committed(blobs, bytes)
  let found = null
  while (found === null) found = await hashing.goOn('one', digest, onePiece())
  expect(found).toMatchObject({ kind: 'hashed', digest })
})

test('what is not there is said to be nothing', async () => {
  expect(await hashing.goOn('one', digestOf(patternedBytes(5)), onePiece())).toEqual({ kind: 'nothing' })
})

test('the memory of what is under way does not grow with those who ask', async () => {
  const digest = await committed(blobs, patternedBytes(MIB))
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
