/** Manifests, links, strays and uploads on a real disk: what is damaged is told and written again, the rest is left alone. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { collectForLong } from '../../../test/collection-bench.ts'
import { describeOnDatabases } from '../../../test/registry-bench.ts'
import {
  bodyOf,
  newBlob,
  newImage,
  newIndex,
  pushBlob,
  pushManifest,
  type Sample,
} from '../../../test/sample-content.ts'
import { VerifyBench } from '../../../test/verify-bench.ts'
import { command } from '../../metadata/database.ts'
import { type Digest, digestOf } from '../../oci/digest.ts'
import { parseReference } from '../../oci/reference.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { parseTag } from '../../oci/tag.ts'
import { newUploadId } from '../../oci/upload-id.ts'
import {
  blobDataPath,
  layerLinkPath,
  revisionLinkPath,
  tagFolder,
  tagIndexLinkPath,
  tagLinkPath,
  tagsFolder,
  uploadPath,
} from '../../storage/layout.ts'
import { unlinkBlob } from '../blobs.ts'
import { getManifest } from '../manifests.ts'
import { appendToUpload, beginUpload, cancelUpload } from '../uploads.ts'

setDefaultTimeout(30_000)

/** What a page of the database that rots would do. */
const rotPayload = command(
  'test.rot',
  (tx, { digest, bytes }: { digest: Digest; bytes: Uint8Array | null }) =>
    bytes === null
      ? tx.run('DELETE FROM manifest_payloads WHERE digest = $1', [digest])
      : tx.run('UPDATE manifest_payloads SET bytes = $2 WHERE digest = $1', [digest, bytes]),
)

const miscount = command('test.miscount', (tx, { digest }: { digest: Digest }) =>
  tx.run('UPDATE usage_places SET size = size + 1 WHERE digest = $1', [digest]),
)

const V1 = parseTag('v1')

describeOnDatabases('verification of the link tree', (open) => {
  let verify: VerifyBench
  beforeAll(async () => {
    verify = await VerifyBench.open(open)
  })
  afterAll(() => verify.close())

  async function pushed(): Promise<{ repository: RepositoryName; image: Sample; layer: Sample }> {
    const repository = verify.first.newRepository()
    const { image, layers } = await verify.push(repository, 'v1')
    return { repository, image, layer: layers[0] ?? newBlob() }
  }

  async function expectWell(): Promise<void> {
    expect((await verify.verify({ deep: true })).kinds()).toEqual([])
  }

  function bytesOf(repository: RepositoryName, digest: Digest): Promise<Uint8Array> {
    const manifest = getManifest(verify.bench.registry, repository, parseReference(digest))
    return manifest.then(({ bytes }) => bytes)
  }

  test.each([
    ['missing', 'manifest file missing', (path: string) => rmSync(path)],
    ['cut', 'manifest file differs', (path: string) => truncateSync(path, 10)],
    ['of other bytes', 'manifest file differs', (path: string) => scramble(path)],
  ] as const)('writes a manifest file that is %s again from the database', async (_, kind, damage) => {
    const { image } = await pushed()
    const path = verify.dataOf(image.digest)
    damage(path)
    const [found] = (await verify.verify({ deep: true })).of(kind)
    expect(found).toMatchObject({ digest: image.digest, repair: null })
    expect(found?.images).toMatchObject([{ manifest: image.digest, tags: ['v1'] }])
    const [repaired] = (await verify.verify({ deep: true, repair: true })).of(kind)
    expect(repaired?.isMended).toBe(true)
    expect(new Uint8Array(readFileSync(path))).toEqual(image.bytes)
    await expectWell()
  })

  test.each([
    ['wrong', 'manifest bytes damaged', new Uint8Array([123])],
    ['gone', 'manifest bytes missing', null],
  ] as const)(
    'takes bytes of a manifest that are %s in the database from its file',
    async (_, kind, bytes) => {
      const { repository, image } = await pushed()
      await verify.bench.database.write(rotPayload, { digest: image.digest, bytes })
      expect((await verify.verify()).of(kind)).toMatchObject([{ digest: image.digest, isMended: false }])
      expect((await verify.verify({ repair: true })).of(kind)).toMatchObject([{ isMended: true }])
      expect(await bytesOf(repository, image.digest)).toEqual(image.bytes)
      await expectWell()
    },
  )

  test('forgets a manifest’s bytes that are wrong on both sides, and the next push brings them back', async () => {
    const { repository, image } = await pushed()
    await verify.bench.database.write(rotPayload, { digest: image.digest, bytes: new Uint8Array([1]) })
    scramble(verify.dataOf(image.digest))
    const [found] = (await verify.verify({ repair: true })).of('manifest bytes damaged')
    expect(found).toMatchObject({ isMended: false, repair: expect.stringContaining('forgotten') })
    const refusal = await bytesOf(repository, image.digest).catch((error) => error)
    expect(refusal).toMatchObject({ code: 'MANIFEST_UNKNOWN' })
    await pushManifest(verify.bench.registry, repository, image)
    expect(await bytesOf(repository, image.digest)).toEqual(image.bytes)
    await verify.verify({ deep: true, repair: true })
    await expectWell()
  })

  test('tells that a manifest’s bytes are wrong in the database, and the next push mends them', async () => {
    const { repository, image } = await pushed()
    await verify.bench.database.write(rotPayload, { digest: image.digest, bytes: new Uint8Array([1]) })
    const [found] = (await verify.verify()).of('manifest bytes damaged')
    expect(found?.message).toContain('Push it again to repair it.')
    await pushManifest(verify.bench.registry, repository, image)
    expect(await bytesOf(repository, image.digest)).toEqual(image.bytes)
    await verify.bench.database.write(rotPayload, { digest: image.digest, bytes: new Uint8Array([1]) })
    await pushManifest(verify.bench.registry, repository, image, 'another')
    expect(await bytesOf(repository, image.digest)).toEqual(image.bytes)
    await expectWell()
  })

  test('writes missing and torn links again', async () => {
    const { repository, image, layer } = await pushed()
    const [revision, current] = [revisionLinkPath(repository, image.digest), tagLinkPath(repository, V1)]
    const [layerLink, index] = [
      layerLinkPath(repository, layer.digest),
      tagIndexLinkPath(repository, V1, image.digest),
    ]
    const before = [revision, current, layerLink, index].map((path) => readFileSync(verify.path(path)))
    rmSync(verify.path(revision))
    writeFileSync(verify.path(layerLink), '')
    rmSync(verify.path(index))
    const told = await verify.verify()
    expect(told.of('link missing').map(({ path }) => path)).toEqual([revision, index])
    expect(told.of('link torn').map(({ path }) => path)).toEqual([layerLink])
    expect(existsSync(verify.path(revision))).toBe(false)
    await verify.verify({ repair: true })
    await verify.flush()
    writeFileSync(verify.path(current), 'sha256:half')
    expect((await verify.verify({ repair: true })).of('link torn')).toMatchObject([
      { path: current, repository, tag: 'v1', isMended: true },
    ])
    const after = [revision, current, layerLink, index].map((path) => readFileSync(verify.path(path)))
    expect(after).toEqual(before)
    await expectWell()
  })

  test('leaves what another registry has written to the next start', async () => {
    const { repository, image } = await pushed()
    const { image: other } = await verify.push(repository, 'v2')
    const moved = verify.path(tagLinkPath(repository, V1))
    const added = tagLinkPath(repository, parseTag('added'))
    writeFileSync(moved, other.digest)
    mkdirSync(dirname(verify.path(added)), { recursive: true })
    writeFileSync(verify.path(added), image.digest)
    const found = await verify.verify({ repair: true })
    expect(found.kinds()).toEqual(['link differs'])
    expect(found.of('link unknown')).toMatchObject([{ path: added, tag: 'added' }])
    expect(readFileSync(moved, 'utf8')).toBe(other.digest)
    await verify.restart()
    await verify.verify({ repair: true })
    await expectWell()
  })

  test('does not call missing what a start has not gone through yet', async () => {
    const { repository, image } = await pushed()
    await verify.flush()
    rmSync(verify.path(revisionLinkPath(repository, image.digest)))
    const known = verify.bench
    verify.bench = await verify.first.restarted()
    const early = await verify.verify({ repair: true })
    expect(early.kinds()).toEqual(['tree not known'])
    expect(early.findings[0]).toMatchObject({ severity: 'unreadable' })
    verify.bench = known
    await verify.restart()
    await expectWell()
  })

  test('tells foreign files, and touches none', async () => {
    const { repository, image } = await pushed()
    const foreign = `${tagsFolder(repository)}/.DS_Store`
    writeFileSync(verify.path(foreign), 'x')
    mkdirSync(verify.path(`${tagFolder(repository, V1)}/kept`))
    const beside = `${dirname(dirname(blobDataPath(image.digest)))}/notes.txt`
    writeFileSync(verify.path(beside), 'x')
    const found = await verify.verify({ deep: true, repair: true })
    expect(found.of('foreign file').map(({ path }) => path)).toEqual([foreign, beside])
    expect(found.kinds()).toEqual([])
    for (const path of [foreign, beside]) expect(readFileSync(verify.path(path), 'utf8')).toBe('x')
  })

  test('tells bytes of a push under way from those left behind, which it hands to collection', async () => {
    const bytes = new TextEncoder().encode('bytes that nobody knows')
    const digest = digestOf(bytes)
    const path = verify.dataOf(digest)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
    expect((await verify.verify({ repair: true })).of('bytes being pushed')).toMatchObject([{ digest }])
    utimesSync(path, 0, 0)
    const [left] = (await verify.verify({ repair: true })).of('bytes left behind')
    expect(left).toMatchObject({ digest, repair: expect.stringContaining('collection') })
    expect((await verify.verify()).of('bytes waiting for collection')).toMatchObject([{ digest }])
    expect(existsSync(path)).toBe(true)
    await collectForLong(verify.bench)
    expect(existsSync(path)).toBe(false)
    expect((await verify.verify()).findings.filter((each) => each.digest === digest)).toEqual([])
  })

  test('tells an image that cannot be pulled whole, and an index that lacks a child as it may', async () => {
    const { repository, image, layer } = await pushed()
    const index = newIndex([image, newImage()])
    await pushManifest(verify.bench.registry, repository, index, 'multi')
    await unlinkBlob(verify.bench.registry, { repository, digest: layer.digest, by: 'ann' })
    const found = await verify.verify()
    expect(found.of('image incomplete')).toMatchObject([
      { digest: layer.digest, repository, images: [{ manifest: image.digest, tags: ['multi', 'v1'] }] },
    ])
    expect(found.of('index incomplete')).toMatchObject([{ severity: 'note', images: [{ tags: ['multi'] }] }])
    await pushBlob(verify.bench.registry, repository, layer)
    await expectWell()
  })

  test('tells what is counted wrong, and has it counted again', async () => {
    const { layer } = await pushed()
    await verify.verify()
    await verify.bench.database.write(miscount, { digest: layer.digest })
    expect((await verify.verify()).of('counter differs')).toMatchObject([{ digest: layer.digest }])
    expect((await verify.verify({ repair: true })).kinds()).toEqual(['counter differs'])
    await expectWell()
  })

  test('tells an upload of which the disk has lost some, and lets its client go on', async () => {
    const { registry } = verify.bench
    const repository = verify.first.newRepository()
    const session = await beginUpload(registry, { repository, principal: 'ann', algorithm: 'sha256' })
    await appendToUpload(registry, session, { body: bodyOf(new Uint8Array(1000)), range: null })
    expect((await verify.verify()).of('upload shorter than acknowledged')).toEqual([])
    truncateSync(verify.path(uploadPath(session.id)), 400)
    const found = await verify.verify({ repair: true })
    expect(found.of('upload shorter than acknowledged')).toMatchObject([
      { severity: 'note', path: uploadPath(session.id) },
    ])
    expect(existsSync(verify.path(uploadPath(session.id)))).toBe(true)
    await cancelUpload(registry, session)
  })

  test('removes bytes of uploads that nobody has, and no others', async () => {
    const file = newUploadId()
    writeFileSync(verify.path(uploadPath(file)), 'left by a process that died')
    expect((await verify.verify()).of('upload left behind')).toMatchObject([{ path: uploadPath(file) }])
    expect(existsSync(verify.path(uploadPath(file)))).toBe(true)
    expect((await verify.verify({ repair: true })).of('upload left behind')).toMatchObject([
      { isMended: true },
    ])
    expect(existsSync(verify.path(uploadPath(file)))).toBe(false)
  })
})

/** As many bytes as before, and others. */
function scramble(path: string): void {
  writeFileSync(path, new Uint8Array(readFileSync(path).length).fill(120))
}
