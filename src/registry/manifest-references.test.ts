/** What a manifest refers to: what must be there when it is pushed, what may come later, and what that keeps alive. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Bench, describeOnDatabases, failureOf } from '../../test/registry-bench.ts'
import { blobFacts, edgesOf, eventsOf, tagsOf } from '../../test/registry-facts.ts'
import {
  CONFIG,
  descriptorOf,
  LAYER,
  manifestOf,
  newBlob,
  newImage,
  newIndex,
  newReferrer,
  pushBlob,
  pushImage,
  pushManifest,
  type Sample,
  sample,
} from '../../test/sample-content.ts'
import { command, type Transaction } from '../metadata/database.ts'
import { optionalInteger } from '../metadata/row.ts'
import { RegistryError } from '../oci/errors.ts'
import { parseManifest } from '../oci/manifest.ts'
import { OCI_INDEX, OCI_MANIFEST, parseMediaType } from '../oci/media-type.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { mountBlob } from './blobs.ts'
import { type PutManifestFacts, putManifestCommand } from './manifests.commands.ts'

const FOREIGN = parseMediaType('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip')

describeOnDatabases('what a manifest refers to', (open) => {
  let bench: Bench
  let repository: RepositoryName
  beforeAll(async () => {
    bench = await open({ storage: 'memory' })
    repository = bench.newRepository()
  })
  afterAll(() => bench.close())

  test('must be in the repository: one problem for each blob that is not', async () => {
    const own = bench.newRepository()
    const here = await pushBlob(bench.registry, own)
    const [one, two] = [newBlob(CONFIG), newBlob()]
    const image = newImage({ config: one, layers: [here, two, two] })
    const error = await failureOf(pushManifest(bench.registry, own, image, 'v1'))
    expect(error).toBeInstanceOf(RegistryError)
    expect(error).toHaveProperty('code', 'MANIFEST_BLOB_UNKNOWN')
    const { problems } = error as RegistryError
    expect(problems.map(({ code, detail }) => [code, detail])).toEqual(
      [one.digest, two.digest]
        .toSorted()
        .map((digest) => ['MANIFEST_BLOB_UNKNOWN', { digest }] as const as never),
    )
    for (const { message, detail } of problems) {
      expect(message).toContain((detail as { digest: string }).digest)
    }
    expect(await eventsOf(bench, own)).toEqual([])
  })

  test('is named up to a hundred times where it is missing, and the rest is counted', async () => {
    const own = bench.newRepository()
    const layers = Array.from({ length: 150 }, () => newBlob())
    const config = await pushBlob(bench.registry, own)
    async function problems(count: number) {
      const image = newImage({ config, layers: layers.slice(0, count) })
      return ((await failureOf(pushManifest(bench.registry, own, image, 'v1'))) as RegistryError).problems
    }
    expect(await problems(100)).toHaveLength(100)
    expect((await problems(100)).at(-1)?.detail).toHaveProperty('digest')
    const many = await problems(150)
    expect(many).toHaveLength(100)
    expect(many.at(-1)).toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN', detail: { more: 51 } })
    expect(many.at(-1)?.message).toContain('51 more')
  })

  test('is written down with few statements, however much it is', async () => {
    const own = bench.newRepository()
    const layers = await Promise.all(Array.from({ length: 123 }, () => pushBlob(bench.registry, own)))
    const image = newImage({ config: layers[0] as Sample, layers })
    await pushManifest(bench.registry, own, image, 'v1')
    expect((await edgesOf(bench, own, image.digest)).blobs).toEqual(
      layers.map(({ digest }) => String(digest)).toSorted(),
    )
    const children = Array.from({ length: 5678 }, (_, index) => sample(OCI_MANIFEST, `child ${index}`))
    const index = newIndex(children)
    expect(await statementsOfPush(bench, own, index)).toBeLessThan(200)
    expect((await edgesOf(bench, own, index.digest)).children).toEqual(
      children.map(({ digest }) => String(digest)).toSorted(),
    )
  })

  test('is no longer unreferenced, from the first manifest on', async () => {
    const [own, other] = [bench.newRepository(), bench.newRepository()]
    const blob = await pushBlob(bench.registry, own)
    const since = await unreferencedSince(bench, blob)
    expect(since).toBeGreaterThan(0)
    await pushBlob(bench.registry, own, blob)
    const from = { from: own, scope: { kind: 'everything' as const }, by: 'ann' }
    await mountBlob(bench.registry, { repository: other, digest: blob.digest, ...from })
    expect(await unreferencedSince(bench, blob)).toBeGreaterThanOrEqual(since ?? 0)
    await pushManifest(bench.registry, own, newImage({ config: blob }), 'v1')
    expect(await unreferencedSince(bench, blob)).toBeNull()
    await pushBlob(bench.registry, own, blob)
    expect(await unreferencedSince(bench, blob)).toBeNull()
  })

  test('is not here because another repository has it', async () => {
    const [own, other] = [bench.newRepository(), bench.newRepository()]
    const config = await pushBlob(bench.registry, other)
    expect(await failureOf(pushManifest(bench.registry, own, newImage({ config }), 'v1'))).toHaveProperty(
      'code',
      'MANIFEST_BLOB_UNKNOWN',
    )
  })

  test('may be missing where the operator allows it, and is kept once it comes', async () => {
    const manifests = { ...bench.registry.policy.manifests, allowMissingBlobs: true }
    const registry = { ...bench.registry, policy: { ...bench.registry.policy, manifests } }
    const [config, layer] = [newBlob(CONFIG), newBlob()]
    const image = newImage({ config, layers: [layer] })
    await pushManifest(registry, repository, image, 'sparse')
    expect(await edgesOf(bench, repository, image.digest)).toEqual({
      children: [],
      blobs: [config.digest, layer.digest].toSorted(),
    })
  })

  test('may lie elsewhere when it is a foreign layer', async () => {
    const config = await pushBlob(bench.registry, repository)
    const [byType, byAddress, here] = [newBlob(FOREIGN), newBlob(LAYER), newBlob(FOREIGN)]
    await pushBlob(bench.registry, repository, here)
    const image = newImage({
      config,
      fields: {
        layers: [
          descriptorOf(byType),
          { ...descriptorOf(byAddress), urls: ['https://example.com/layer'] },
          descriptorOf(here),
        ],
      },
    })
    const before = await blobFacts(bench, here.digest)
    await pushManifest(bench.registry, repository, image, 'foreign')
    expect((await edgesOf(bench, repository, image.digest)).blobs).toEqual(
      [config, byType, byAddress, here].map(({ digest }) => digest).toSorted(),
    )
    expect((await blobFacts(bench, here.digest))?.epoch).toBe((before?.epoch ?? 0) + 1)
  })

  test('may be missing when it is the child of an index', async () => {
    const child = await pushImage(bench.registry, repository)
    const missing = newImage()
    const index = newIndex([child, missing])
    await pushManifest(bench.registry, repository, index, 'index')
    expect(await edgesOf(bench, repository, index.digest)).toEqual({
      children: [child.digest, missing.digest].toSorted(),
      blobs: [],
    })
  })

  test('is kept as a blob when an index lists a layer', async () => {
    const layer = await pushBlob(bench.registry, repository, newBlob(LAYER))
    const child = await pushImage(bench.registry, repository)
    const index = newIndex([layer, child])
    const before = await blobFacts(bench, layer.digest)
    await pushManifest(bench.registry, repository, index, 'cache')
    expect(await edgesOf(bench, repository, index.digest)).toEqual({
      children: [layer.digest, child.digest].toSorted(),
      blobs: [layer.digest],
    })
    expect((await blobFacts(bench, layer.digest))?.epoch).toBe((before?.epoch ?? 0) + 1)
  })

  test('a subject may arrive after its referrer', async () => {
    const config = await pushBlob(bench.registry, repository)
    const subject = newImage({ config })
    const referrer = newReferrer(subject, config)
    expect(await pushManifest(bench.registry, repository, referrer)).toMatchObject({
      subject: subject.digest,
    })
    await pushManifest(bench.registry, repository, subject)
  })

  test('is not the embedded data, nor what is described by a type that nobody knows', async () => {
    const config = await pushBlob(bench.registry, repository)
    const index = manifestOf(OCI_INDEX, {
      manifests: [{ ...descriptorOf(newImage()), data: 'e30=', platform: { architecture: 'vax' } }],
      annotations: { note: 'kept' },
    })
    await pushManifest(bench.registry, repository, index, 'odd')
    const artifact = newImage({ config, fields: { artifactType: 'application/x-odd' } })
    expect(await pushManifest(bench.registry, repository, artifact)).toHaveProperty('digest', artifact.digest)
  })

  test('is left alone by collection: each blob has a higher epoch and a longer lease', async () => {
    const own = bench.newRepository()
    const blobs = await Promise.all([1, 2, 3].map(() => pushBlob(bench.registry, own)))
    const [config = newBlob(), ...layers] = blobs
    const image = newImage({ config, layers })
    const before = await Promise.all(blobs.map(({ digest }) => blobFacts(bench, digest)))
    const start = Date.now()
    await pushManifest(bench.registry, own, image, 'v1')
    for (const [index, { digest }] of blobs.entries()) {
      const after = await blobFacts(bench, digest)
      expect(after?.epoch).toBe((before[index]?.epoch ?? 0) + 1)
      expect(after?.leaseUntil).toBeGreaterThanOrEqual(start + bench.registry.policy.collection.lease - 1)
    }
    await pushManifest(bench.registry, own, image, 'v1')
    expect((await blobFacts(bench, config.digest))?.epoch).toBe((before[0]?.epoch ?? 0) + 2)
  })

  test('comes back to life when it was condemned, and is not there any more when it is being deleted', async () => {
    const own = bench.newRepository()
    const config = await pushBlob(bench.registry, own)
    await setBlobState(bench, config.digest, 'condemned')
    await pushManifest(bench.registry, own, newImage({ config }), 'v1')
    expect(await blobFacts(bench, config.digest)).toHaveProperty('state', 'live')
    await setBlobState(bench, config.digest, 'deleting')
    const error = await failureOf(pushManifest(bench.registry, own, newImage({ config }), 'v2'))
    expect(error).toHaveProperty('code', 'MANIFEST_BLOB_UNKNOWN')
    expect(await tagsOf(bench, own)).not.toHaveProperty('v2')
  })
})

/** How many statements the command of this push makes. */
async function statementsOfPush(bench: Bench, repository: RepositoryName, { digest, bytes }: Sample) {
  let count = 0
  const counted = command('test.count', async (tx, input: PutManifestFacts) => {
    const counting: Transaction = {
      now: tx.now,
      boot: tx.boot,
      marks: tx.marks,
      one(sql, values, decode) {
        count++
        return tx.one(sql, values, decode)
      },
      all(sql, values, decode) {
        count++
        return tx.all(sql, values, decode)
      },
      run(sql, values) {
        count++
        return tx.run(sql, values)
      },
    }
    return await putManifestCommand.run(counting, input)
  })
  await bench.database.write(counted, {
    repository,
    digest,
    bytes,
    manifest: parseManifest(bytes, null),
    tags: [],
    allowMissingBlobs: false,
    lostBlobs: [],
    requiredChildren: [],
    mayOverwrite: true,
    by: 'tester',
    lease: 1000,
    deleteUntaggedAfter: null,
    lost: [],
  })
  return count
}

async function unreferencedSince(bench: Bench, { digest }: Sample): Promise<number | null> {
  const [row] = await bench.rows('SELECT unreferenced_since FROM blobs WHERE digest = $1', [digest])
  return optionalInteger(row ?? {}, 'unreferenced_since')
}

async function setBlobState(bench: Bench, digest: string, state: string): Promise<void> {
  const set = command('test.set-state', (tx, input: { digest: string; state: string }) =>
    tx.run('UPDATE blobs SET state = $2 WHERE digest = $1', [input.digest, input.state]),
  )
  await bench.database.write(set, { digest, state })
}
