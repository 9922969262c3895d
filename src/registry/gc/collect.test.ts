/** Content that nothing needs goes, step by step, and nothing else does: on both databases. */
import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  setDefaultTimeout,
  setSystemTime,
  test,
} from 'bun:test'
import { existsSync } from 'node:fs'
import {
  collectAll,
  collectForLong,
  collectStep,
  DAY,
  HOUR,
  knownOf,
  letPass,
} from '../../../test/collection-bench.ts'
import {
  type Bench,
  describeOnDatabases,
  describeOnPostgres,
  failureOf,
} from '../../../test/registry-bench.ts'
import { blobFacts, fileOf, reviewsOf, treeOf } from '../../../test/registry-facts.ts'
import {
  newBlob,
  newImage,
  newIndex,
  newReferrer,
  pushBlob,
  pushManifest,
  type Sample,
} from '../../../test/sample-content.ts'
import { command } from '../../metadata/database.ts'
import type { Digest } from '../../oci/digest.ts'
import { getBlob, mountBlob, promiseBlob, unlinkBlob } from '../blobs.ts'
import { deleteManifest } from '../manifests.ts'
import { emptyTrash } from '../trash.ts'
import { collectOnce } from './collect.ts'
import { sweepCondemned } from './sweep.ts'

setDefaultTimeout(30_000)

const EVERYTHING = { kind: 'everything' } as const

describeOnDatabases('collection', (open) => {
  let bench: Bench
  beforeAll(async () => {
    bench = await open()
  })
  afterAll(() => bench.close())

  async function stateOf({ digest }: Sample): Promise<string> {
    return (await blobFacts(bench, digest))?.state ?? 'gone'
  }

  /** What still has its file. */
  function present(...samples: readonly Sample[]): Sample[] {
    return samples.filter(({ digest }) => existsSync(fileOf(bench, digest)))
  }

  test('takes a blob that nothing refers to away, one step after another, each in its time', async () => {
    const repository = bench.newRepository()
    const blob = await pushBlob(bench.registry, repository)
    await bench.tree.flush(bench.database)
    await letPass(bench, DAY - HOUR)
    await collectAll(bench)
    expect(await stateOf(blob)).toBe('live')
    await letPass(bench, HOUR + 1000)
    await collectAll(bench)
    expect(await stateOf(blob)).toBe('condemned')
    expect((await getBlob(bench.registry, repository, blob.digest)).size).toBe(blob.bytes.length)
    await letPass(bench, 590_000)
    await collectAll(bench)
    expect(await stateOf(blob)).toBe('condemned')
    await letPass(bench, 20_000)
    expect((await collectStep(bench)).unlinked).toBe(1)
    expect(await stateOf(blob)).toBe('deleting')
    expect(await failureOf(getBlob(bench.registry, repository, blob.digest))).toHaveProperty(
      'code',
      'BLOB_UNKNOWN',
    )
    await letPass(bench, 2_000)
    await collectStep(bench)
    // The tree has not been synced since: it may still show the link.
    expect(await stateOf(blob)).toBe('deleting')
    await bench.tree.flush(bench.database)
    await letPass(bench, 2_000)
    expect(await collectStep(bench)).toMatchObject({ deleted: 1 })
    expect(await stateOf(blob)).toBe('gone')
    expect(present(blob)).toEqual([])
    expect(await treeOf(bench.files, repository)).toEqual({})
    expect(await reviewsOf(bench, blob.digest)).toEqual([])
  })

  test('frees the space of what it has deleted, after a while', async () => {
    const blob = await pushBlob(bench.registry, bench.newRepository())
    await collectForLong(bench)
    expect(await stateOf(blob)).toBe('gone')
    const listed = await Array.fromAsync(bench.registry.blobs.listCondemned())
    expect(listed.map(({ digest }) => digest)).toContain(blob.digest)
    expect(await sweepCondemned(bench.registry, { longerThan: 60_000, limit: 100 })).toMatchObject({
      unlinked: 0,
    })
    const sweep = await sweepCondemned(bench.registry, { longerThan: -60_000, limit: 1000 })
    expect(sweep.freedBytes).toBeGreaterThanOrEqual(blob.bytes.length)
    expect(await Array.fromAsync(bench.registry.blobs.listCondemned())).toEqual([])
  })

  test('tells when there will be something to do', async () => {
    await collectForLong(bench)
    await sweepCondemned(bench.registry, { longerThan: -60_000, limit: 1000 })
    const idle = await collectStep(bench)
    expect(idle).toMatchObject({ isIdle: true, nextDueAt: null, heldBy: null })
    await pushBlob(bench.registry, bench.newRepository())
    const { nextDueAt } = await collectStep(bench)
    expect(nextDueAt).toBeWithin(Date.now() + HOUR - 60_000, Date.now() + HOUR + 60_000)
  })

  test('keeps all that images use: configs, layers, children of indexes, what is about them, and manifests by digest', async () => {
    const repository = bench.newRepository()
    const [config, layer, own] = await Promise.all([1, 2, 3].map(() => pushBlob(bench.registry, repository)))
    if (config === undefined || layer === undefined || own === undefined)
      throw new Error('nothing was pushed')
    const image = newImage({ config, layers: [layer] })
    const index = newIndex([image])
    const signature = newReferrer(index, own)
    for (const manifest of [image, index, signature]) await pushManifest(bench.registry, repository, manifest)
    await collectForLong(bench)
    expect(await knownOf(bench, [config.digest, layer.digest, own.digest])).toHaveLength(3)
    expect(present(config, layer, own, image, index, signature)).toHaveLength(6)
    for (const { digest } of [config, layer, own]) await getBlob(bench.registry, repository, digest)
    expect(await reviewsOf(bench, config.digest)).toEqual([])
  })

  test('keeps a layer for as long as one of its images is there, in whichever repository', async () => {
    const [one, two] = [bench.newRepository(), bench.newRepository()]
    const shared = await pushBlob(bench.registry, one)
    await mountBlob(bench.registry, {
      repository: two,
      digest: shared.digest,
      from: one,
      scope: EVERYTHING,
      by: 'ann',
    })
    await pushManifest(bench.registry, two, newImage({ config: shared }), 'v1')
    await collectForLong(bench)
    expect(await stateOf(shared)).toBe('live')
    await getBlob(bench.registry, two, shared.digest)
    // The other repository does not use it: it has lost its link.
    expect(await failureOf(getBlob(bench.registry, one, shared.digest))).toHaveProperty(
      'code',
      'BLOB_UNKNOWN',
    )
  })

  test('keeps what a deleted image needs, which lies in the trash', async () => {
    const repository = bench.newRepository()
    const config = await pushBlob(bench.registry, repository)
    const image = newImage({ config })
    await pushManifest(bench.registry, repository, image, 'v1')
    await deleteManifest(bench.registry, { repository, digest: image.digest, by: 'ann' })
    await collectForLong(bench)
    expect(present(config, image)).toEqual([config, image])
    expect(await stateOf(config)).toBe('live')
  })

  test('keeps a blob of which a client has dropped the link, while an image uses it', async () => {
    const [one, two] = [bench.newRepository(), bench.newRepository()]
    const blob = newBlob()
    for (const repository of [one, two]) await pushBlob(bench.registry, repository, blob)
    await pushManifest(bench.registry, two, newImage({ config: blob }), 'v1')
    await unlinkBlob(bench.registry, { repository: one, digest: blob.digest, by: 'ann' })
    await collectForLong(bench)
    expect(await stateOf(blob)).toBe('live')
  })

  test('keeps what a client was told is there, although the trash that used it is emptied before the push', async () => {
    const [own, other] = [bench.newRepository(), bench.newRepository()]
    const config = newBlob()
    const image = newImage({ config })
    for (const repository of [own, other]) {
      await pushBlob(bench.registry, repository, config)
      await pushManifest(bench.registry, repository, image)
    }
    await bench.tree.flush(bench.database)
    await letPass(bench, 3 * DAY)
    await deleteManifest(bench.registry, { repository: own, digest: image.digest, by: 'ann' })
    await promiseBlob(bench.registry, own, config.digest)
    await emptyTrash(bench.registry, { repository: own }, 'ann')
    await collectAll(bench)
    await pushManifest(bench.registry, own, image)
  })

  test('drops a link that its repository does not use only after the grace', async () => {
    const [one, two] = [bench.newRepository(), bench.newRepository()]
    const blob = newBlob()
    for (const repository of [one, two]) await pushBlob(bench.registry, repository, blob)
    await pushManifest(bench.registry, two, newImage({ config: blob }), 'v1')
    await letPass(bench, DAY - HOUR)
    await collectAll(bench)
    await getBlob(bench.registry, one, blob.digest)
    // Whoever pushes it again begins anew.
    await pushBlob(bench.registry, one, blob)
    await letPass(bench, 2 * HOUR)
    await collectAll(bench)
    await getBlob(bench.registry, one, blob.digest)
    await letPass(bench, DAY)
    expect((await collectAll(bench)).unlinked).toBe(1)
    expect(await treeOf(bench.files, one)).toEqual({})
    await getBlob(bench.registry, two, blob.digest)
    expect(await reviewsOf(bench, blob.digest)).toEqual([])
  })

  describe('a condemned blob comes back to life', () => {
    let blob: Sample
    const repository = () => bench.newRepository()

    async function condemned(in_: ReturnType<typeof repository>): Promise<Sample> {
      blob = await pushBlob(bench.registry, in_)
      await bench.tree.flush(bench.database)
      await letPass(bench, DAY + 1000)
      await collectAll(bench)
      expect(await stateOf(blob)).toBe('condemned')
      return blob
    }

    async function requireKept(in_: ReturnType<typeof repository>): Promise<void> {
      expect(await stateOf(blob)).toBe('live')
      await letPass(bench, HOUR / 2)
      await collectAll(bench)
      await getBlob(bench.registry, in_, blob.digest)
    }

    test('by an image that uses it', async () => {
      const own = repository()
      await condemned(own)
      await pushManifest(bench.registry, own, newImage({ config: blob }), 'v1')
      await collectForLong(bench)
      await requireKept(own)
    })

    test('by being pushed again', async () => {
      const own = repository()
      await pushBlob(bench.registry, own, await condemned(own))
      await requireKept(own)
    })

    test('by a mount', async () => {
      const [own, other] = [repository(), repository()]
      await condemned(own)
      const mount = { repository: other, digest: blob.digest, from: own, scope: EVERYTHING, by: 'ann' }
      expect(await mountBlob(bench.registry, mount)).toBe(true)
      await requireKept(other)
    })

    test('by the question of somebody who may push whether it is there', async () => {
      const own = repository()
      await condemned(own)
      await promiseBlob(bench.registry, own, blob.digest)
      await requireKept(own)
    })
  })

  test('does nothing in read-only mode, and says so', async () => {
    const blob = await pushBlob(bench.registry, bench.newRepository())
    await letPass(bench, 2 * DAY)
    const policy = { ...bench.registry.policy, isReadOnly: true }
    const result = await collectOnce({ ...bench.registry, policy }, { signal: AbortSignal.timeout(10_000) })
    expect(result).toMatchObject({ isIdle: true, reviewed: 0 })
    expect(result.heldBy).toContain('read-only')
    expect(await stateOf(blob)).toBe('live')
  })

  test('does nothing before the tree has been gone through since the start, and says so', async () => {
    const blob = await pushBlob(bench.registry, bench.newRepository())
    await letPass(bench, 2 * DAY)
    const result = await collectStep(await bench.restarted())
    expect(result).toMatchObject({ isIdle: true, reviewed: 0 })
    expect(result.heldBy).toContain('gone through')
    expect(await stateOf(blob)).toBe('live')
  })

  test('goes on with many blobs, some at a time', async () => {
    const repository = bench.newRepository()
    const blobs = await Promise.all(Array.from({ length: 130 }, () => pushBlob(bench.registry, repository)))
    await collectForLong(bench)
    expect(
      await knownOf(
        bench,
        blobs.map(({ digest }) => digest),
      ),
    ).toEqual([])
    expect(present(...blobs)).toEqual([])
  })

  test('drops many links of one blob, some at a time', async () => {
    const blob = newBlob()
    const repositories = Array.from({ length: 130 }, () => bench.newRepository())
    for (const repository of repositories) await pushBlob(bench.registry, repository, blob)
    await collectForLong(bench)
    expect(await stateOf(blob)).toBe('gone')
    expect(present(blob)).toEqual([])
  })

  test('counts the grace of a blob that was made anew beside its manifest from when that goes', async () => {
    const repository = bench.newRepository()
    const config = await pushBlob(bench.registry, repository)
    const image = newImage({ config })
    await pushManifest(bench.registry, repository, image, 'v1')
    const forget = command('test.forget', (tx, digest: Digest) =>
      tx.run('DELETE FROM blobs WHERE digest = $1', [digest]),
    )
    await bench.database.write(forget, config.digest)
    await pushBlob(bench.registry, repository, config)
    await letPass(bench, 2 * DAY)
    await collectAll(bench)
    await letPass(bench, 2000)
    await collectAll(bench)
    await deleteManifest(bench.registry, { repository, digest: image.digest, by: 'ann' })
    await emptyTrash(bench.registry, { repository }, 'ann')
    await collectAll(bench)
    expect(await stateOf(config)).toBe('live')
  })
})

describeOnPostgres('collection on a machine whose clock is ahead of the database', (open) => {
  let bench: Bench
  beforeAll(async () => {
    bench = await open()
  })
  afterAll(() => bench.close())
  afterEach(() => {
    setSystemTime()
  })

  test('waits until something is due there, and does not ask all the time', async () => {
    await pushBlob(bench.registry, bench.newRepository())
    setSystemTime(Date.now() + 5 * HOUR)
    const { isIdle, reviewed, nextDueAt } = await collectStep(bench)
    expect({ isIdle, reviewed }).toEqual({ isIdle: true, reviewed: 0 })
    expect(nextDueAt).toBeWithin(Date.now() + HOUR - 60_000, Date.now() + HOUR + 60_000)
  })
})
