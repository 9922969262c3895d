/** Two who write one upload: the second goes on where the first has let go, and nothing of the first slips in afterwards. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Bench, describeOnDatabases, describeOnPostgres, failureOf } from '../../test/registry-bench.ts'
import { bodyOf, newBlob } from '../../test/sample-content.ts'
import { until } from '../../test/until.ts'
import { UploadBench } from '../../test/upload-bench.ts'
import { WriterUnavailable } from '../metadata/database.ts'
import { OCTET_STREAM } from '../oci/media-type.ts'
import { newUploadId, type UploadId } from '../oci/upload-id.ts'
import { HeldUpload, UploadOutOfStep } from './held-upload.ts'
import { claimUploadCommand, releaseUploadCommand, releaseUploadsOfCommand } from './uploads.commands.ts'
import { asOther, endingBody, holdAs, UnreliableDatabase } from './uploads.fixtures.ts'
import { appendToUpload, beginUpload, cancelUpload, getUploadProgress } from './uploads.ts'

const TAKEOVER_LIMIT = 2000

describeOnDatabases('an upload that two want to write', (open) => {
  let bench: Bench
  let uploads: UploadBench
  beforeAll(async () => {
    uploads = await UploadBench.open(open)
    bench = uploads.registryBench
  })
  afterAll(() => bench.close())

  test.concurrent('goes over from a first one that hangs, within two seconds, with what had arrived', async () => {
    const blob = newBlob(OCTET_STREAM, 1000)
    const session = await uploads.begin()
    const hanging = hangingBody(blob.bytes.slice(0, 300))
    const first = failureOf(appendToUpload(bench.registry, session, { body: hanging.body, range: null }))
    await hanging.taken
    const asked = performance.now()
    const received = appendToUpload(bench.registry, session, nothing)
    expect(await first).toMatchObject({ code: 'RANGE_INVALID', received: 300 })
    expect(await received).toBe(300)
    expect(performance.now() - asked).toBeLessThan(TAKEOVER_LIMIT)
    await uploads.append(session, blob.bytes.slice(300))
    await uploads.requireFinished(session, blob)
  })

  test.concurrent('goes over to another process, which hashes its bytes once more', async () => {
    const blob = newBlob(OCTET_STREAM, 1000)
    const session = await uploads.begin()
    const hanging = hangingBody(blob.bytes.slice(0, 300))
    const first = failureOf(appendToUpload(bench.registry, session, { body: hanging.body, range: null }))
    await hanging.taken
    const other = asOther(bench.registry)
    const second = uploads.append(session, blob.bytes.slice(300), other)
    expect(await first).toBeInstanceOf(UploadOutOfStep)
    expect(await second).toBe(1000)
    await uploads.requireFinished(session, blob, other)
  })

  test.concurrent('tells the second where the first one stopped, when its chunk does not go on there', async () => {
    const session = await uploads.begin()
    const hanging = hangingBody(new Uint8Array(300))
    const first = failureOf(appendToUpload(bench.registry, session, { body: hanging.body, range: null }))
    await hanging.taken
    const second = appendToUpload(bench.registry, session, {
      body: bodyOf(new Uint8Array(100)),
      range: { offset: 0, length: 100 },
    })
    for (const error of await Promise.all([failureOf(second), first])) {
      expect(error).toMatchObject({ code: 'RANGE_INVALID', received: 300 })
    }
  })

  test.concurrent('ends for the first one when it is cancelled, and leaves no bytes', async () => {
    const session = await uploads.begin()
    const hanging = hangingBody(new Uint8Array(300))
    const first = failureOf(appendToUpload(bench.registry, session, { body: hanging.body, range: null }))
    await hanging.taken
    await cancelUpload(bench.registry, session)
    expect(await first).toHaveProperty('code', 'BLOB_UPLOAD_UNKNOWN')
    expect(await failureOf(getUploadProgress(bench.registry, session))).toHaveProperty(
      'code',
      'BLOB_UPLOAD_UNKNOWN',
    )
    expect(await Array.fromAsync(uploads.blobs.listUploads())).not.toContain(session.id)
  })

  test.concurrent('ends for the first one when it is cancelled although its body has come to its end', async () => {
    const session = await uploads.begin()
    const { body, end, taken } = endingBody(new Uint8Array(300))
    const first = failureOf(appendToUpload(bench.registry, session, { body, range: null }))
    await taken
    await cancelUpload(bench.registry, session)
    end()
    expect(await first).toHaveProperty('code', 'BLOB_UPLOAD_UNKNOWN')
  })

  test.concurrent('stays with a holder that does not let go: after two seconds the second is told the truth', async () => {
    const session = await uploads.begin()
    await uploads.append(session, new Uint8Array(70))
    await holdAs(bench, session, 'elsewhere/1', 60_000)
    const start = performance.now()
    const error = await failureOf(uploads.append(session, new Uint8Array(1)))
    expect(error).toMatchObject({ code: 'RANGE_INVALID', received: 70 })
    expect(performance.now() - start).toBeGreaterThan(1900)
    expect(await getUploadProgress(bench.registry, session)).toBe(70)
  })

  test.concurrent('is free at once when the process that held it is known to be dead', async () => {
    const session = await uploads.begin()
    await uploads.append(session, new Uint8Array(70))
    await holdAs(bench, session, 'dead-3/1', 60_000)
    await bench.database.write(releaseUploadsOfCommand, { process: 'dead' })
    await bench.database.write(releaseUploadsOfCommand, { process: 'dead-3' })
    const start = performance.now()
    expect(await uploads.append(session, new Uint8Array(1))).toBe(71)
    expect(performance.now() - start).toBeLessThan(1000)
  })

  test.concurrent('is not freed with a process of a similar name', async () => {
    const session = await uploads.begin()
    await holdAs(bench, session, '10/1', 60_000)
    expect(await bench.database.write(releaseUploadsOfCommand, { process: '1' })).toBe(0)
    await bench.database.write(releaseUploadsOfCommand, { process: '10' })
  })

  test.concurrent('is held as long as its bytes are read again: the lease is renewed', async () => {
    const blob = newBlob(OCTET_STREAM, 500)
    const session = await uploads.begin()
    await uploads.append(session, blob.bytes.slice(0, 200))
    const other = asOther(bench.registry)
    await uploads.append(session, blob.bytes.slice(200), other)
    const { opened, reached } = uploads.blobs.gateReadOf(session.id)
    const finishing = uploads.requireFinished(session, blob, other)
    await reached
    const before = await leaseOf(bench, session.id)
    await until('the lease is renewed', async () => (await leaseOf(bench, session.id)) > before)
    opened()
    await finishing
  })

  test.concurrent('can be released twice, and after its end', async () => {
    const session = await uploads.begin()
    const held = await HeldUpload.claim(bench.registry, session)
    await held.append(bodyOf(new Uint8Array(5)))
    await held.release()
    await held.release()
    const again = await HeldUpload.claim(bench.registry, session)
    expect(again.received).toBe(5)
    await again.discard()
    await again.release()
  })

  test.concurrent('is released at the second attempt where the first one failed', async () => {
    const session = await uploads.begin()
    const database = new UnreliableDatabase(bench.database)
    database.fail(releaseUploadCommand, 'not-run')
    const failed = uploads.append(session, new Uint8Array(5), { ...bench.registry, database })
    expect(await failureOf(failed)).toBeInstanceOf(WriterUnavailable)
    const start = performance.now()
    expect(await uploads.append(session, new Uint8Array(2))).toBe(7)
    expect(performance.now() - start).toBeLessThan(1000)
  })

  test.concurrent.each([
    ['the answer to its claim was lost', claimUploadCommand, ['answer-lost']],
    ['letting go failed again and again', releaseUploadCommand, ['not-run', 'not-run', 'not-run']],
  ] as const)('is free for the next one soon where %s', async (_, command, failures) => {
    const session = await uploads.begin()
    await uploads.append(session, new Uint8Array(5))
    const database = new UnreliableDatabase(bench.database)
    database.fail(command, ...failures)
    const failed = uploads.append(session, new Uint8Array(1), { ...bench.registry, database })
    expect(await failureOf(failed)).toBeInstanceOf(WriterUnavailable)
    expect(await uploads.append(session, new Uint8Array(2))).toBeGreaterThan(6)
  })

  test.concurrent('looks for others once at a time, however slowly the database answers', async () => {
    const session = await uploads.begin()
    const slow = new UnreliableDatabase(bench.database)
    const { opened, reached } = slow.gateReads()
    const held = await HeldUpload.claim({ ...bench.registry, database: slow }, session)
    await reached
    // This one asks for two seconds, in which the first one's clock ticks four times.
    expect(await failureOf(uploads.append(session, new Uint8Array(1)))).toBeInstanceOf(UploadOutOfStep)
    expect(slow.waitingReads).toBe(1)
    opened()
    await held.release()
  })
})

describeOnPostgres('an upload that two processes claim', (open) => {
  let bench: Bench
  let beside: Bench
  beforeAll(async () => {
    bench = await open()
    beside = await bench.beside()
  })
  afterAll(() => bench.close())

  test('at the same moment is had by one', async () => {
    const repository = bench.newRepository()
    for (let round = 0; round < 25; round++) {
      const session = await beginUpload(bench.registry, {
        repository,
        principal: 'ann',
        algorithm: 'sha256',
      })
      const claims = Array.from({ length: 6 }, (_, index) =>
        (index % 2 === 0 ? bench : beside).database.write(claimUploadCommand, {
          ...session,
          writer: `${round}/${index}`,
          lease: 60_000,
          copy: newUploadId(),
          closing: null,
          reviewAfter: 1000,
        }),
      )
      const kinds = (await Promise.all(claims)).map(({ kind }) => kind)
      expect(kinds.toSorted()).toEqual(['claimed', 'held', 'held', 'held', 'held', 'held'])
    }
  })
})

const nothing = { body: null, range: null }

/** A body that gives these bytes and then never ends; `taken` resolves when they have been written. */
function hangingBody(bytes: Uint8Array) {
  const { body, taken } = endingBody(bytes)
  return { body, taken }
}

async function leaseOf(bench: Bench, id: UploadId): Promise<number> {
  const [row] = await bench.rows('SELECT writer_lease_until FROM uploads WHERE id = $1', [id])
  return Number(row?.['writer_lease_until'])
}
