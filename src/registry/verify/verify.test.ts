/** Damage to blobs on a real disk: it is found, named with every image, set aside, and healed by the next push. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { describeOnDatabases, failureOf } from '../../../test/registry-bench.ts'
import { LAYER, newBlob, newImage, newIndex, pushBlob, pushManifest } from '../../../test/sample-content.ts'
import { VerifyBench } from '../../../test/verify-bench.ts'
import { findDamage } from '../../metadata/damage.ts'
import { command } from '../../metadata/database.ts'
import { type Digest, digestOf } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { newUploadId } from '../../oci/upload-id.ts'
import { quarantineFolder, quarantinePath, uploadPath } from '../../storage/layout.ts'
import { getBlob, mountBlob } from '../blobs.ts'
import { deleteManifest } from '../manifests.ts'
import { BlobHashing } from './hashing.ts'
import { BEGIN } from './look.ts'
import { type VerifyCursor, verifyPage } from './verify.ts'

setDefaultTimeout(30_000)

/** As where a registry took over a file that was cut off, and somebody else put the whole one in its place. */
const missize = command('test.missize', (tx, { digest }: { digest: Digest }) =>
  tx.run('UPDATE blobs SET size = 5 WHERE digest = $1', [digest]),
)

describeOnDatabases('verification', (open) => {
  let verify: VerifyBench
  beforeAll(async () => {
    verify = await VerifyBench.open(open)
  })
  afterAll(() => verify.close())

  const newRepository = (): RepositoryName => verify.first.newRepository()
  const damageOf = (digest: Digest) => findDamage(verify.bench.database, digest)

  async function refusalOf(repository: RepositoryName, digest: Digest): Promise<RegistryError> {
    const error = await failureOf(getBlob(verify.bench.registry, repository, digest))
    if (error instanceof RegistryError) return error
    throw error
  }

  test('of a registry in which all is well finds nothing, and changes nothing', async () => {
    const repository = newRepository()
    await verify.push(repository, 'v1')
    await verify.push(repository, 'v2')
    const quick = await verify.verify()
    expect(quick.kinds()).toEqual([])
    expect(quick.checked.blobs).toBeGreaterThanOrEqual(4)
    expect(quick.checked.links).toBeGreaterThanOrEqual(8)
    const deep = await verify.verify({ deep: true, repair: true })
    expect(deep.kinds()).toEqual([])
    expect(deep.checked.hashedBytes).toBeGreaterThanOrEqual(2000)
    expect(existsSync(verify.path(quarantineFolder))).toBe(false)
  })

  test('finds a flipped bit only where it hashes, and changes nothing unless it is told to', async () => {
    const { layers } = await verify.push(newRepository(), 'v1')
    const digest = layers[0]?.digest as Digest
    verify.flip(digest, 500)
    expect((await verify.verify({ repair: true })).kinds()).toEqual([])
    const before = readFileSync(verify.dataOf(digest))
    const deep = await verify.verify({ deep: true })
    expect(deep.kinds()).toEqual(['blob has wrong bytes'])
    expect(deep.findings[0]).toMatchObject({ digest, severity: 'damage', repair: null, isMended: false })
    expect(deep.findings[0]?.message).toContain(digestOf(before))
    expect(readFileSync(verify.dataOf(digest))).toEqual(before)
    expect(await damageOf(digest)).toBeNull()
    await verify.verify({ deep: true, repair: true })
    await pushBlob(verify.bench.registry, newRepository(), layers[0])
    expect((await verify.verify({ deep: true })).kinds()).toEqual([])
  })

  test('names every image of every repository that a damaged layer breaks, through indexes too', async () => {
    const shared = newBlob(LAYER, 5000)
    const [one, other] = [newRepository(), newRepository()]
    const { image: tagged } = await verify.push(one, 'v1', [shared])
    await pushManifest(verify.bench.registry, one, tagged, 'latest')
    const { image: child, config } = await verify.push(other, 'child-only', [shared])
    await pushManifest(verify.bench.registry, other, newIndex([child]), 'multi')
    const loose = newImage({ config, layers: [shared] })
    await pushManifest(verify.bench.registry, other, loose)
    const deleted = newImage({ config, layers: [shared], fields: { annotations: { a: 'b' } } })
    await pushManifest(verify.bench.registry, other, deleted, 'gone')
    await deleteManifest(verify.bench.registry, { repository: other, digest: deleted.digest, by: 'ann' })
    truncateSync(verify.dataOf(shared.digest), 4999)
    const [found] = (await verify.verify()).of('blob has wrong size')
    expect(found).toMatchObject({ digest: shared.digest, moreImages: 0 })
    const named = found?.images.toSorted((a, b) => (a.manifest < b.manifest ? -1 : 1))
    const expected = [
      { repository: one, manifest: tagged.digest, tags: ['latest', 'v1'], inTrash: false },
      { repository: other, manifest: child.digest, tags: ['child-only', 'multi'], inTrash: false },
      { repository: other, manifest: loose.digest, tags: [], inTrash: false },
      { repository: other, manifest: deleted.digest, tags: [], inTrash: true },
    ].toSorted((a, b) => (a.manifest < b.manifest ? -1 : 1))
    expect(named as unknown).toEqual(expected)
    await pushBlob(verify.bench.registry, one, shared)
    expect((await verify.verify({ deep: true })).kinds()).toEqual([])
  })

  test('sets damaged bytes aside; then the blob counts as missing, and its next push heals it', async () => {
    const [repository, second] = [newRepository(), newRepository()]
    const { image, layers } = await verify.push(repository, 'v1')
    const layer = layers[0] ?? newBlob()
    verify.flip(layer.digest)
    const bad = readFileSync(verify.dataOf(layer.digest))
    const [found] = (await verify.verify({ deep: true, repair: true })).of('blob has wrong bytes')
    expect(found).toMatchObject({ isMended: false, repair: expect.stringContaining('quarantine') })
    expect(readFileSync(verify.path(quarantinePath(layer.digest)))).toEqual(bad)
    expect(await damageOf(layer.digest)).toMatchObject({ why: 'hash', size: 1000 })

    const refusal = await refusalOf(repository, layer.digest)
    expect(refusal.code).toBe('BLOB_UNKNOWN')
    expect(refusal.message).toContain('found to be damaged')
    const { registry } = verify.bench
    const mount = { repository: second, digest: layer.digest, from: repository, by: 'ann' }
    expect(await mountBlob(registry, { ...mount, scope: { kind: 'everything' } })).toBe(false)
    const again = await failureOf(pushManifest(registry, repository, image, 'v2'))
    expect(again).toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN' })
    expect((await verify.verify()).kinds()).toEqual(['blob missing'])

    await pushBlob(registry, repository, layer)
    expect((await getBlob(registry, repository, layer.digest)).size).toBe(1000)
    await pushManifest(registry, repository, image, 'v2')
    expect(await damageOf(layer.digest)).toBeNull()
    const after = await verify.verify({ deep: true })
    expect(after.kinds()).toEqual([])
    expect(after.of('bytes in quarantine').map(({ digest }) => digest)).toContain(layer.digest)
  })

  test('tells of a missing file, and of a damaged blob after the next start too', async () => {
    const repository = newRepository()
    const { image, layers } = await verify.push(repository, 'v1')
    const layer = layers[0] ?? newBlob()
    rmSync(verify.dataOf(layer.digest))
    expect((await verify.verify({ repair: true })).kinds()).toEqual(['blob missing'])
    expect(await damageOf(layer.digest)).toMatchObject({ why: 'missing' })
    await verify.restart()
    const [found] = (await verify.verify()).of('image incomplete')
    expect(found).toMatchObject({ digest: layer.digest, repository, images: [{ manifest: image.digest }] })
    const refusal = await refusalOf(repository, layer.digest)
    expect(refusal.message).toBe(
      `The blob ${layer.digest} was stored, but its file is missing. Push it again to repair it.`,
    )
    await pushBlob(verify.bench.registry, repository, layer)
    expect((await verify.verify({ deep: true })).kinds()).toEqual([])
  })

  test('puts back bytes that were set aside and are whole', async () => {
    const repository = newRepository()
    const { layers } = await verify.push(repository, 'v1')
    const digest = layers[0]?.digest as Digest
    const { blobs } = verify.bench.registry
    const bytes = (await blobs.identify(digest)) ?? { size: 0, identity: '' }
    await blobs.quarantine(digest, bytes)
    const [found] = (await verify.verify({ repair: true })).of('blob missing')
    expect(found).toMatchObject({ digest, isMended: true })
    expect((await getBlob(verify.bench.registry, repository, digest)).size).toBe(1000)
    expect(await damageOf(digest)).toBeNull()
  })

  test('puts back what was condemned and is needed', async () => {
    const repository = newRepository()
    const { layers } = await verify.push(repository, 'v1')
    const digest = layers[0]?.digest as Digest
    await verify.bench.registry.blobs.condemn(digest, 1)
    expect((await verify.verify()).kinds()).toEqual(['blob set aside by mistake', 'blob missing'])
    expect((await verify.verify({ repair: true })).of('blob set aside by mistake')).toMatchObject([
      { digest, isMended: true },
    ])
    expect((await verify.verify({ deep: true })).kinds()).toEqual([])
  })

  test('a file that somebody put back is believed once it was hashed', async () => {
    const repository = newRepository()
    const { layers } = await verify.push(repository, 'v1')
    const layer = layers[0] ?? newBlob()
    rmSync(verify.dataOf(layer.digest))
    await verify.verify({ repair: true })
    writeFileSync(verify.dataOf(layer.digest), layer.bytes)
    expect((await getBlob(verify.bench.registry, repository, layer.digest)).size).toBe(1000)
    await verify.verify({ deep: true, repair: true })
    expect(await damageOf(layer.digest)).toBeNull()
  })

  test('does not take whole bytes away of which the database has another size', async () => {
    const repository = newRepository()
    const { layers } = await verify.push(repository, 'v1')
    const layer = layers[0] ?? newBlob()
    await verify.bench.database.write(missize, { digest: layer.digest })
    const found = await verify.verify({ repair: true })
    expect(found.kinds()).toContain('blob has another size than recorded')
    expect(await verify.bench.registry.blobs.stat(layer.digest)).toBe(1000)
    await pushBlob(verify.bench.registry, repository, layer)
    expect((await verify.verify({ deep: true })).kinds()).toEqual([])
  })

  test.each(['condemned', 'upload files', 'quarantine'] as const)(
    'that is to stop does so behind each file of the %s, and goes on there',
    async (step) => {
      const { registry } = verify.bench
      for (let made = 0; made < 3; made++) {
        const blob = await pushBlob(registry, newRepository(), newBlob(LAYER, 100))
        await registry.blobs.condemn(blob.digest, 1)
        mkdirSync(verify.path(quarantineFolder), { recursive: true })
        writeFileSync(verify.path(quarantinePath(blob.digest)), 'damaged')
        writeFileSync(verify.path(uploadPath(newUploadId())), 'left behind')
      }
      const place = { registry, hashing: new BlobHashing(registry.blobs) }
      const options = { deep: false, repair: false, bytesPerSecond: 1e9, signal: AbortSignal.abort() }
      const passed: string[] = []
      let cursor: VerifyCursor | null = { ...BEGIN, run: 'test', step }
      while (cursor?.step === step) {
        cursor = (await verifyPage(place, options, cursor)).next
        if (cursor?.step === step) passed.push(cursor.after)
      }
      expect(passed.length).toBeGreaterThanOrEqual(3)
      expect(new Set(passed).size).toBe(passed.length)
      await verify.verify({ repair: true })
    },
  )

  describe('of what cannot be read', () => {
    test('says so, and touches nothing', async () => {
      const { layers } = await verify.push(newRepository(), 'v1')
      const layer = layers[0] ?? newBlob()
      rmSync(verify.dataOf(layer.digest))
      // A folder in the place of the file: a look at it is an error, and no absence.
      mkdirSync(verify.dataOf(layer.digest))
      const found = await verify.verify({ deep: true, repair: true })
      expect(found.kinds()).toEqual(['unreadable'])
      expect(await damageOf(layer.digest)).toBeNull()
      expect(readdirSync(verify.path(quarantineFolder))).not.toContain(layer.digest)
      rmSync(verify.dataOf(layer.digest), { recursive: true })
      await pushBlob(verify.bench.registry, newRepository(), layer)
    })
  })

  test('hashes sha512 as what it is', async () => {
    const repository = newRepository()
    const bytes = new Uint8Array(1234).fill(7)
    const layer = { mediaType: LAYER, bytes, digest: digestOf(bytes, 'sha512') }
    await verify.push(repository, 'v1', [layer])
    expect((await verify.verify({ deep: true })).kinds()).toEqual([])
    verify.flip(layer.digest, 1233)
    expect((await verify.verify({ deep: true, repair: true })).kinds()).toEqual(['blob has wrong bytes'])
    await pushBlob(verify.bench.registry, repository, layer)
    expect((await verify.verify({ deep: true })).kinds()).toEqual([])
  })
})
