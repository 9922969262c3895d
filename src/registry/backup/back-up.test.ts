/** What is copied is the moment of the facts, whatever becomes of the blobs meanwhile. */
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bench, failureOf, openOnSqlite } from '../../../test/registry-bench.ts'
import { newBlob, pushBlob } from '../../../test/sample-content.ts'
import { sqliteSnapshots } from '../../metadata/sqlite/snapshot.ts'
import type { Digest } from '../../oci/digest.ts'
import { openBackupFolder } from '../../storage/filesystem/backup-folder.ts'
import { openBlobSource } from '../../storage/filesystem/blob-source.ts'
import { holdCondemned } from '../../storage/filesystem/condemned-hold.ts'
import { databasePath } from '../../storage/layout.ts'
import { claimIdentity } from '../identity.ts'
import { type BackUpOptions, backUpRegistry } from './back-up.ts'
import type { BlobSource } from './copy-blobs.ts'
import { listPoints } from './points.ts'
import { checkBlobs } from './restore-blobs.ts'

setDefaultTimeout(30_000)

const REGISTRY = 'the registry'
let bench: Bench
let place: string
let digests: Digest[]
beforeEach(async () => {
  bench = await openOnSqlite()
  place = mkdtempSync(join(tmpdir(), 'back-up-test-'))
  await claimIdentity(bench.database, REGISTRY)
  digests = []
  for (let made = 0; made < 6; made++) {
    const blob = newBlob()
    await pushBlob(bench.registry, bench.newRepository(), blob)
    digests.push(blob.digest)
  }
})
afterEach(async () => {
  await bench.close()
  rmSync(place, { recursive: true })
})

async function optionsFor(blobs: BlobSource): Promise<BackUpOptions> {
  return {
    folder: await openBackupFolder(join(place, 'backup')),
    blobs,
    registry: REGISTRY,
    source: { folder: bench.root, database: 'sqlite' },
    takeSnapshot: sqliteSnapshots(join(bench.root, databasePath)),
    program: '1.2.3',
    pause: () => Promise.resolve(),
    keep: null,
    isDeep: false,
    onProgress: () => {},
    signal: new AbortController().signal,
  }
}

describe('a backup', () => {
  test('has the blobs that collection takes away while it is made', async () => {
    const real = await openBlobSource(bench.root)
    const { blobs } = bench.registry
    await using _hold = await holdCondemned(bench.root)
    let opened = 0
    const options = await optionsFor({
      async open(digest) {
        if (opened++ === 0) {
          for (const each of digests) expect(await blobs.condemn(each, 1)).toBe(true)
          for await (const ripe of blobs.listCondemned(Date.now() + 3_600_000))
            await blobs.unlinkCondemned(ripe)
        }
        return await real.open(digest)
      },
    })
    const { point } = await backUpRegistry(options)
    expect(point).toMatchObject({ blobs: 6, lacking: 0, registry: REGISTRY })
    expect(await checkBlobs(options.folder, point, () => {})).toMatchObject({ lacking: 0 })
  })

  test('leaves no point where the storage fails, and what it has copied is not copied again', async () => {
    const real = await openBlobSource(bench.root)
    let opened = 0
    const failing = await optionsFor({
      open(digest) {
        if (++opened > 3) throw new Error('the disk is away')
        return real.open(digest)
      },
    })
    expect((await failureOf(backUpRegistry(failing))).message).toBe('the disk is away')
    expect(await listPoints(failing.folder)).toEqual([])
    const { copied, point } = await backUpRegistry(await optionsFor(real))
    expect(point.blobs).toBe(6)
    expect(copied.blobs).toBe(3)
  })

  test('that lacks something never makes the last whole one go', async () => {
    const real = await openBlobSource(bench.root)
    const first = await backUpRegistry(await optionsFor(real))
    const lost = newBlob()
    await pushBlob(bench.registry, bench.newRepository(), lost)
    await bench.registry.blobs.condemn(lost.digest, 1)
    for await (const found of bench.registry.blobs.listCondemned())
      await bench.registry.blobs.unlinkCondemned(found)
    for (let run = 0; run < 3; run++) {
      const { point } = await backUpRegistry({ ...(await optionsFor(real)), keep: 1 })
      expect(point.lacks).toEqual([{ digest: lost.digest, why: 'missing' }])
    }
    const names = (await listPoints((await optionsFor(real)).folder)).map(({ name }) => name)
    expect(names).toHaveLength(2)
    expect(names).toContain(first.point.name)
  })
})
