/** Two that delete the same blob at once, and a manifest's file that somebody may be about to write: nothing is left behind. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { collectAll, knownOf } from '../../../test/collection-bench.ts'
import { type Bench, describeOnDatabases } from '../../../test/registry-bench.ts'
import { reviewsOf } from '../../../test/registry-facts.ts'
import { newBlob, newImage, pushBlob, pushManifest, type Sample } from '../../../test/sample-content.ts'
import { command } from '../../metadata/database.ts'
import type { Digest } from '../../oci/digest.ts'
import { markPayloadAdded } from '../tree/marks.ts'
import {
  endDeletionCommand,
  findLeavingBlobs,
  reviewBytesCommand,
  takeStraysCommand,
} from './deletion.commands.ts'
import { deleteBlobs } from './deletion.ts'

const beginDeletion = command('test.begin-deletion', async (tx, digest: Digest) => {
  await tx.run('DELETE FROM repository_blobs WHERE digest = $1', [digest])
  await tx.run(`UPDATE blobs SET state = 'deleting' WHERE digest = $1`, [digest])
})
const revive = command('test.revive', async (tx, digest: Digest) => {
  await tx.run(`UPDATE blobs SET state = 'live', epoch = epoch + 1 WHERE digest = $1`, [digest])
})
const forget = command('test.forget', async (tx, digest: Digest) => {
  await tx.run('DELETE FROM repository_blobs WHERE digest = $1', [digest])
  await tx.run('DELETE FROM blobs WHERE digest = $1', [digest])
})
const markPayload = command('test.mark-payload', (tx, digest: Digest) => markPayloadAdded(tx, digest))

describeOnDatabases('a blob that is being deleted', (open) => {
  let bench: Bench
  let blob: Sample
  beforeAll(async () => {
    bench = await open()
  })
  afterAll(() => bench.close())
  beforeEach(async () => {
    blob = await pushBlob(bench.registry, bench.newRepository(), newBlob())
    await bench.tree.flush(bench.database)
    await bench.database.write(beginDeletion, blob.digest)
  })

  test('is gone for whoever comes second, and nothing is put back', async () => {
    const gone = await findLeavingBlobs(bench.database, [blob.digest])
    expect(await bench.database.write(endDeletionCommand, { gone, putOff: [], failed: [] })).toEqual([])
    expect(await bench.database.write(endDeletionCommand, { gone, putOff: [], failed: [] })).toEqual([])
  })

  test('needs its bytes where somebody has brought it back to life', async () => {
    const gone = await findLeavingBlobs(bench.database, [blob.digest])
    await bench.database.write(revive, blob.digest)
    expect(await bench.database.write(endDeletionCommand, { gone, putOff: [], failed: [] })).toEqual([
      blob.digest,
    ])
  })

  test('waits for who may be about to write its file, for it was a manifest', async () => {
    await bench.database.write(markPayload, blob.digest)
    expect(await findLeavingBlobs(bench.database, [blob.digest])).toMatchObject([{ isMarked: true }])
    await bench.tree.flush(bench.database)
    expect(await findLeavingBlobs(bench.database, [blob.digest])).toMatchObject([{ isMarked: false }])
  })

  test('and that nobody knows any more stays where a manifest refers to it, though no repository links it', async () => {
    const repository = bench.newRepository()
    await pushBlob(bench.registry, repository, blob)
    await pushManifest(bench.registry, repository, newImage({ config: blob }))
    await bench.database.write(forget, blob.digest)
    const found = [{ digest: blob.digest, size: blob.bytes.length }]
    expect(await bench.database.write(takeStraysCommand, { found })).toBe(0)
    const nobodys = [{ digest: newBlob().digest, size: 1 }]
    expect(await bench.database.write(takeStraysCommand, { found: nobodys })).toBe(1)
  })

  test('by two who have both found it a stray leaves nothing behind', async () => {
    const stray = newBlob()
    const found = [{ digest: stray.digest, size: stray.bytes.length }]
    await bench.database.write(reviewBytesCommand, { digest: stray.digest })
    await bench.database.write(takeStraysCommand, { found })
    await deleteBlobs(bench.registry, [stray.digest])
    expect(await knownOf(bench, [stray.digest])).toEqual([])
    // The slower one comes with what it saw before.
    await bench.database.write(takeStraysCommand, { found })
    await collectAll(bench)
    expect(await knownOf(bench, [stray.digest])).toEqual([])
  })

  test('is looked at again where somebody has put its bytes back while they were taken away', async () => {
    const gone = await findLeavingBlobs(bench.database, [blob.digest])
    await bench.database.write(reviewBytesCommand, { digest: blob.digest })
    await bench.database.write(endDeletionCommand, { gone, putOff: [], failed: [] })
    expect(await reviewsOf(bench, blob.digest)).toEqual(['blob: bytes put back'])
  })
})
