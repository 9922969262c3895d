/** Uploads that nobody continues, and bytes that no upload knows. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Bench, describeOnDatabases, failureOf } from '../../test/registry-bench.ts'
import { bodyOf } from '../../test/sample-content.ts'
import { command } from '../metadata/database.ts'
import { newUploadId, type UploadId } from '../oci/upload-id.ts'
import { uploadPath } from '../storage/layout.ts'
import { HeldUpload } from './held-upload.ts'
import { discardOrphanedUploads, expireIdleUploads } from './upload-expiry.ts'
import { expireUploadCommand, type UploadSession } from './uploads.commands.ts'
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
    expect(await expireIdleUploads(bench.registry, Date.now())).toBe(2)
    for (const { id, ...session } of [old, older]) {
      const gone = getUploadProgress(bench.registry, { id, ...session })
      expect(await failureOf(gone)).toHaveProperty('code', 'BLOB_UPLOAD_UNKNOWN')
      expect(hasFile(id)).toBe(false)
    }
    for (const session of [young, fresh]) {
      expect(await getUploadProgress(bench.registry, session)).toBe(5)
      expect(hasFile(session.id)).toBe(true)
    }
    expect(await expireIdleUploads(bench.registry, Date.now())).toBe(0)
  })

  test('are kept as long as somebody holds them, and when somebody has come back meanwhile', async () => {
    const held = await begin()
    const holder = await HeldUpload.claim(bench.registry, held)
    await bench.database.write(touchAgo, { id: held.id, milliseconds: 30 * DAY })
    expect(await expireIdleUploads(bench.registry, Date.now())).toBe(0)
    expect(await bench.database.write(expireUploadCommand, { id: held.id, idleFor: 7 * DAY })).toBe(false)
    await holder.release()
    expect(await bench.database.write(expireUploadCommand, { id: held.id, idleFor: 7 * DAY })).toBe(false)
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
    expect(await expireIdleUploads(bench.registry, Date.now())).toBe(230)
  })

  test('lose bytes that no upload knows, and no others', async () => {
    const known = await begin()
    const moved = await begin()
    const copy = newUploadId()
    await bench.registry.blobs.copy(moved.id, copy, 5)
    await bench.database.write(moveTo, { id: moved.id, file: copy })
    const orphan = newUploadId()
    const writer = await bench.registry.blobs.append(orphan, 0)
    await writer.write(new Uint8Array(9))
    await writer.close()
    expect(await discardOrphanedUploads(bench.registry)).toBe(1)
    expect(hasFile(orphan)).toBe(false)
    for (const id of [known.id, copy]) expect(hasFile(id)).toBe(true)
    expect(await discardOrphanedUploads(bench.registry)).toBe(0)
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

/** As after a takeover: the bytes lie under another name. */
const moveTo = command('test.move', (tx, input: { readonly id: UploadId; readonly file: UploadId }) =>
  tx.run('UPDATE uploads SET file = $2 WHERE id = $1', [input.id, input.file]),
)
