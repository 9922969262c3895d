/** Uploads that nobody continues, and bytes that no upload knows. */
import { afterAll, beforeAll, expect, setSystemTime, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Bench, describeOnDatabases, describeOnPostgres, failureOf } from '../../test/registry-bench.ts'
import { bodyOf } from '../../test/sample-content.ts'
import { command } from '../metadata/database.ts'
import { newUploadId, type UploadId } from '../oci/upload-id.ts'
import { uploadPath } from '../storage/layout.ts'
import { HeldUpload } from './held-upload.ts'
import { discardOrphanedUploads, expireIdleUploads, listExpiredUploads } from './upload-expiry.ts'
import { expireUploadsCommand, type UploadSession } from './uploads.commands.ts'
import { appendToUpload, beginUpload, getUploadProgress } from './uploads.ts'

const DAY = 86_400_000

describeOnDatabases('uploads that nobody continues', (open) => {
  let bench: Bench
  beforeAll(async () => {
    bench = await open({ policy: { uploadExpiry: 7 * DAY } })
  })
  afterAll(() => bench.close())

  async function begin(...ago: number[]): Promise<UploadSession> {
    const repository = bench.newRepository()
    const session = await beginUpload(bench.registry, { repository, principal: 'ann', algorithm: 'sha256' })
    await appendToUpload(bench.registry, session, { body: bodyOf(new Uint8Array(5)), range: null })
    for (const milliseconds of ago) await bench.database.write(touchAgo, { id: session.id, milliseconds })
    return session
  }

  function hasFile(id: UploadId): boolean {
    return existsSync(join(bench.root, uploadPath(id)))
  }

  test('are forgotten with their bytes once they are older than the policy allows, and no sooner', async () => {
    const [old, older, young, fresh] = [
      await begin(7 * DAY + 60_000),
      await begin(30 * DAY),
      await begin(7 * DAY - 60_000),
      await begin(),
    ]
    expect(await expireIdleUploads(bench.registry)).toBe(2)
    for (const { id, ...session } of [old, older]) {
      const gone = getUploadProgress(bench.registry, { id, ...session })
      expect(await failureOf(gone)).toHaveProperty('code', 'BLOB_UPLOAD_UNKNOWN')
      expect(hasFile(id)).toBe(false)
    }
    for (const session of [young, fresh]) {
      expect(await getUploadProgress(bench.registry, session)).toBe(5)
      expect(hasFile(session.id)).toBe(true)
    }
    expect(await expireIdleUploads(bench.registry)).toBe(0)
  })

  test('are named before they are forgotten, the longest idle first', async () => {
    const [old, older, young] = [await begin(8 * DAY), await begin(9 * DAY), await begin(6 * DAY)]
    const named = await listExpiredUploads(bench.registry)
    expect(named.map(({ id }) => id)).toEqual([older.id, old.id])
    expect(named[0]).toMatchObject({ repository: older.repository, receivedBytes: 5 })
    expect(await getUploadProgress(bench.registry, old)).toBe(5)
    expect(await expireIdleUploads(bench.registry)).toBe(2)
    expect(await getUploadProgress(bench.registry, young)).toBe(5)
  })

  test('are kept as long as somebody holds them, and when somebody has come back meanwhile', async () => {
    const held = await begin()
    const holder = await HeldUpload.claim(bench.registry, held)
    await bench.database.write(touchAgo, { id: held.id, milliseconds: 30 * DAY })
    expect(await expireIdleUploads(bench.registry)).toBe(0)
    await holder.release()
    expect(await expireIdleUploads(bench.registry)).toBe(0)
    expect(await getUploadProgress(bench.registry, held)).toBe(5)
  })

  test('are forgotten however many there are', async () => {
    const repository = bench.newRepository()
    const uploads = await Promise.all(
      Array.from({ length: 230 }, () =>
        beginUpload(bench.registry, { repository, principal: 'ann', algorithm: 'sha256' }),
      ),
    )
    await bench.database.write(touchAllAgo, { ids: uploads.map(({ id }) => id), milliseconds: 8 * DAY })
    expect(await expireIdleUploads(bench.registry)).toBe(230)
  })

  test('are forgotten a few at a time, with every name that their bytes may have', async () => {
    const copying = await begin(9 * DAY)
    const copy = newUploadId()
    await bench.database.write(moveTo, { id: copying.id, file: copy, copiedFrom: copying.id })
    const others = [await begin(8 * DAY), await begin(8 * DAY)]
    const few = { idleFor: 7 * DAY, limit: 2, reviewAfter: 1000 }
    const first = await bench.database.write(expireUploadsCommand, few)
    expect(first).toHaveLength(2)
    expect(first[0]?.toSorted()).toEqual([copying.id, copy].toSorted())
    const second = await bench.database.write(expireUploadsCommand, few)
    expect([...first.slice(1), ...second].flat().toSorted()).toEqual(others.map(({ id }) => id).toSorted())
    expect(await discardOrphanedUploads(bench.registry)).toBe(3)
  })

  test('are forgotten with their bytes while these are copied', async () => {
    const copying = await begin(9 * DAY)
    const copy = newUploadId()
    await bench.registry.blobs.copy(copying.id, copy, 5)
    await bench.database.write(moveTo, { id: copying.id, file: copy, copiedFrom: copying.id })
    expect(await expireIdleUploads(bench.registry)).toBe(1)
    for (const id of [copying.id, copy]) expect(hasFile(id)).toBe(false)
  })

  test('lose bytes that no upload needs, and no others', async () => {
    const known = await begin()
    const moved = await begin()
    const copying = await begin()
    const [copy, halfCopy, orphan] = [newUploadId(), newUploadId(), newUploadId()]
    await bench.registry.blobs.copy(moved.id, copy, 5)
    await bench.database.write(moveTo, { id: moved.id, file: copy, copiedFrom: null })
    await bench.registry.blobs.copy(copying.id, halfCopy, 3)
    await bench.database.write(moveTo, { id: copying.id, file: halfCopy, copiedFrom: copying.id })
    const writer = await bench.registry.blobs.append(orphan, 0)
    await writer.write(new Uint8Array(9))
    await writer.close()
    expect(await discardOrphanedUploads(bench.registry)).toBe(2)
    for (const id of [orphan, moved.id]) expect(hasFile(id)).toBe(false)
    for (const id of [known.id, copy, copying.id, halfCopy]) expect(hasFile(id)).toBe(true)
    expect(await discardOrphanedUploads(bench.registry)).toBe(0)
  })
})

describeOnPostgres('the age of an upload', (open) => {
  let bench: Bench
  beforeAll(async () => {
    bench = await open({ policy: { uploadExpiry: 7 * DAY } })
  })
  afterAll(() => bench.close())

  test('is told by the database: a process whose clock runs ahead forgets nothing', async () => {
    const repository = bench.newRepository()
    const session = await beginUpload(bench.registry, { repository, principal: 'ann', algorithm: 'sha256' })
    setSystemTime(Date.now() + 30 * DAY)
    try {
      expect(await expireIdleUploads(bench.registry)).toBe(0)
    } finally {
      setSystemTime()
    }
    expect(await getUploadProgress(bench.registry, session)).toBe(0)
  })
})

/** As if nobody had touched the upload for so long. */
const touchAgo = command(
  'test.touch',
  (tx, input: { readonly id: UploadId; readonly milliseconds: number }) =>
    tx.run('UPDATE uploads SET touched_at = $2 WHERE id = $1', [input.id, tx.now - input.milliseconds]),
)

const touchAllAgo = command(
  'test.touch-all',
  async (tx, input: { readonly ids: readonly UploadId[]; readonly milliseconds: number }) => {
    for (const id of input.ids) await touchAgo.run(tx, { id, milliseconds: input.milliseconds })
  },
)

/** As in the midst of a takeover, or after it: the bytes lie under another name. */
const moveTo = command(
  'test.move',
  (tx, input: { readonly id: UploadId; readonly file: UploadId; readonly copiedFrom: UploadId | null }) =>
    tx.run('UPDATE uploads SET file = $2, copied_from = $3 WHERE id = $1', [
      input.id,
      input.file,
      input.copiedFrom,
    ]),
)
