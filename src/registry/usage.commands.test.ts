/**
 * The counters say what a count of all rows says, whatever was pushed, deleted, mounted, unlinked and lost, in whatever
 * order, and by several processes at once.
 */
import { expect, setDefaultTimeout, test } from 'bun:test'
import { randomFrom } from '../../test/random.ts'
import { countedUsage, recountedUsage } from '../../test/recounted-usage.ts'
import {
  type Bench,
  type BenchOptions,
  describeOnDatabases,
  describeOnPostgres,
} from '../../test/registry-bench.ts'
import {
  CONFIG,
  newBlob,
  newImage,
  newIndex,
  pushBlob,
  pushManifest,
  type Sample,
} from '../../test/sample-content.ts'
import { forgetLostBlob } from '../metadata/blobs.ts'
import { command } from '../metadata/database.ts'
import type { TrashId } from '../metadata/trash.ts'
import { noteBlobUsage } from '../metadata/usage-changes.ts'
import { RegistryError } from '../oci/errors.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { parseTag } from '../oci/tag.ts'
import { mountBlob, unlinkBlob } from './blobs.ts'
import { COLLECT_BEGIN, collectPage } from './gc/collect.ts'
import { reviewBlobsCommand } from './gc/reviews.commands.ts'
import { deleteManifest } from './manifests.ts'
import type { Registry } from './registry.ts'
import { deleteRepository } from './repositories.ts'
import { deleteTag } from './tags.ts'
import { emptyTrash, listTrash, restoreTrash } from './trash.ts'
import { TrashBusy, TrashUnknown } from './trash-errors.ts'
import { countUsageCommand } from './usage.commands.ts'

setDefaultTimeout(60_000)

const loseBlob = command('test.lose-blob', async (tx, digest: Sample['digest']) => {
  const epoch = await tx.one('SELECT epoch FROM blobs WHERE digest = $1', [digest], (row) =>
    Number(row['epoch']),
  )
  await forgetLostBlob(tx, digest, epoch ?? 0)
  await noteBlobUsage(tx, [{ repository: 0, digest }])
})

const losePayload = command('test.lose-payload', async (tx, digest: Sample['digest']) => {
  await tx.run('DELETE FROM manifest_payloads WHERE digest = $1', [digest])
  await noteBlobUsage(tx, [{ repository: 0, digest }])
})

/** Images may refer to blobs that are not there, for then the bytes come later; and nothing is spared from collection. */
const SPARSE: BenchOptions = {
  storage: 'memory',
  policy: {
    collection: { grace: 0, lease: 0, condemnedFor: 0, unlinkAfter: 0 },
    manifests: { allowMissingBlobs: true, indexPlatforms: 'none', foreignUrls: null, classes: null },
  },
}

/** What a random history is made of: few things, so that they meet. */
interface Stock {
  readonly repositories: readonly RepositoryName[]
  readonly blobs: readonly Sample[]
  readonly manifests: readonly Sample[]
}

function stockOf(bench: Bench): Stock {
  const blobs = Array.from({ length: 6 }, (_, at) => newBlob(CONFIG, 100 + at))
  const images = blobs.map((config, at) => newImage({ config, layers: blobs.slice(at % 3, at) }))
  // Bytes that are a manifest and a blob at once.
  const oddly = newImage({ config: blobs[0] as Sample, layers: [images[1] as Sample] })
  const indexes = [newIndex(images.slice(0, 2)), newIndex(images.slice(1, 4))]
  return {
    repositories: [bench.newRepository(), bench.newRepository(), bench.newRepository()],
    blobs: [...blobs, images[1] as Sample],
    manifests: [...images, oddly, ...indexes],
  }
}

/** One step of a history. Throws RegistryError where it cannot be done. */
async function step(bench: Bench, stock: Stock, random: () => number): Promise<void> {
  const { registry } = bench
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)] as Item
  const repository = pick(stock.repositories)
  const { digest } = pick(stock.blobs)
  const steps = [
    () => pushBlob(registry, repository, pick(stock.blobs)),
    () => pushManifest(registry, repository, pick(stock.manifests), pick(['a', 'b'])),
    () => pushManifest(registry, repository, pick(stock.manifests)),
    () => deleteManifest(registry, { repository, digest: pick(stock.manifests).digest, by: 'ann' }),
    () => deleteTag(registry, { repository, tag: parseTag(pick(['a', 'b'])), by: 'ann' }),
    () => mountBlob(registry, { repository, digest, from: null, scope: { kind: 'everything' }, by: 'ann' }),
    () => unlinkBlob(registry, { repository, digest, by: 'ann' }),
    () => registry.database.write(loseBlob, digest),
    () => registry.database.write(losePayload, pick(stock.manifests).digest),
    () => deleteRepository(registry, { repository, by: 'ann' }),
    () => collect(bench),
    () => withSomeTrash(registry, pick, (id) => restoreTrash(registry, id, 'ann')),
    () => withSomeTrash(registry, pick, (id) => emptyTrash(registry, { id }, 'ann')),
  ]
  await pick(steps)()
}

/** One look of collection at all that it has been asked to look at: a few of them take a blob all the way. */
async function collect({ registry, tree, database }: Bench): Promise<void> {
  await tree.flush(database)
  await collectPage(registry, COLLECT_BEGIN, { signal: AbortSignal.timeout(30_000) })
}

/** Does something with one of the newest deletions, if there is one. */
async function withSomeTrash(
  registry: Registry,
  pick: <Item>(items: readonly Item[]) => Item,
  work: (id: TrashId) => Promise<unknown>,
): Promise<void> {
  const { entries } = await listTrash(registry, { repository: null, before: null, limit: 5 })
  if (entries.length > 0) await work(pick(entries).id)
}

async function tryStep(bench: Bench, stock: Stock, random: () => number): Promise<void> {
  await step(bench, stock, random).catch((error) => {
    const isRefusal = [RegistryError, TrashBusy, TrashUnknown].some((kind) => error instanceof kind)
    if (!isRefusal) throw error
  })
}

async function countAll({ database }: Registry): Promise<void> {
  while ((await database.write(countUsageCommand, null)) > 0);
}

describeOnDatabases('the counters', (open) => {
  test('say after every step of a random history what a count of all rows says', async () => {
    const bench = await open(SPARSE)
    const kinds = new Set<string | undefined>()
    for (const seed of [1, 2, 3]) {
      const random = randomFrom(seed)
      const stock = stockOf(bench)
      for (let at = 0; at < 80; at++) {
        await tryStep(bench, stock, random)
        await countAll(bench.registry)
        const [counted, recounted] = [await countedUsage(bench.rows), await recountedUsage(bench.rows)]
        expect([seed, at, counted]).toEqual([seed, at, recounted])
        for (const line of counted) kinds.add(line.split(' ')[1])
      }
    }
    expect([...kinds].toSorted()).toEqual(['leaving', 'live', 'reclaimable', 'trash', 'unique'])
    await bench.close()
  })

  test('need not be asked after every step', async () => {
    const bench = await open(SPARSE)
    const random = randomFrom(4)
    const stock = stockOf(bench)
    for (let at = 0; at < 300; at++) await tryStep(bench, stock, random)
    await countAll(bench.registry)
    expect(await countedUsage(bench.rows)).toEqual(await recountedUsage(bench.rows))
    await bench.close()
  })

  test('count a manifest again whose lost bytes are pushed once more', async () => {
    const bench = await open(SPARSE)
    const repository = bench.newRepository()
    const image = newImage()
    await pushManifest(bench.registry, repository, image, '1.0')
    await bench.database.write(losePayload, image.digest)
    await countAll(bench.registry)
    expect(await countedUsage(bench.rows)).toEqual([])
    await pushManifest(bench.registry, repository, image, '1.0')
    await countAll(bench.registry)
    const counted = await countedUsage(bench.rows)
    expect(counted).toEqual(await recountedUsage(bench.rows))
    expect(counted).toContain(`0 live ${image.bytes.length} 1`)
    await bench.close()
  })

  test('count what is being deleted though no repository links it any more', async () => {
    const bench = await open(SPARSE)
    const repository = bench.newRepository()
    const { digest } = await pushBlob(bench.registry, repository)
    await unlinkBlob(bench.registry, { repository, digest, by: 'ann' })
    await countAll(bench.registry)
    const review = { digests: [digest], grace: 0, condemnedFor: 0, isHurried: true }
    for (const state of ['condemned', 'deleting']) {
      await bench.database.write(reviewBlobsCommand, review)
      const [row] = await bench.rows('SELECT state FROM blobs')
      expect(row?.['state']).toBe(state)
      await countAll(bench.registry)
      expect(await countedUsage(bench.rows)).toEqual(await recountedUsage(bench.rows))
    }
    await bench.close()
  })

  test('count no blob any more of which a restoration finds that its bytes are gone', async () => {
    const bench = await open(SPARSE)
    const { registry } = bench
    const repository = bench.newRepository()
    const layer = await pushBlob(registry, repository)
    const image = newImage({ layers: [layer] })
    await pushManifest(registry, repository, image, '1.0')
    await deleteManifest(registry, { repository, digest: image.digest, by: 'ann' })
    await registry.blobs.condemn(layer.digest, 1)
    for await (const found of registry.blobs.listCondemned()) await registry.blobs.unlinkCondemned(found)
    await withSomeTrash(
      registry,
      ([first]) => first as never,
      (id) => restoreTrash(registry, id, 'ann'),
    )
    await countAll(registry)
    expect(await bench.rows('SELECT digest FROM blobs')).toEqual([])
    expect(await countedUsage(bench.rows)).toEqual(await recountedUsage(bench.rows))
    await bench.close()
  })

  test('count an image of more layers than one step takes', async () => {
    const bench = await open(SPARSE)
    const repository = bench.newRepository()
    const layers = Array.from({ length: 700 }, () => newBlob())
    for (const layer of layers.slice(0, 3)) await pushBlob(bench.registry, repository, layer)
    await pushManifest(bench.registry, repository, newImage({ layers }), 'large')
    await countAll(bench.registry)
    const counted = await countedUsage(bench.rows)
    expect(counted).toEqual(await recountedUsage(bench.rows))
    expect(counted.join()).toContain('live')
    await bench.close()
  })
})

describeOnPostgres('the counters of several processes', (open) => {
  test('are waited for by no push or deletion, and what is committed meanwhile is counted later', async () => {
    const bench = await open(SPARSE)
    const { registry } = await bench.beside()
    const repository = bench.newRepository()
    const layer = await pushBlob(registry, repository)
    const image = newImage({ layers: [layer] })
    await pushManifest(registry, repository, image, '1.0')
    const [counted, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const countSlowly = command('test.count-slowly', async (tx, _: null) => {
      await countUsageCommand.run(tx, null)
      counted.resolve()
      await released.promise
    })
    const counting = bench.database.write(countSlowly, null)
    await counted.promise
    await pushManifest(registry, repository, newImage({ layers: [layer] }), '2.0')
    await deleteManifest(registry, { repository, digest: image.digest, by: 'ann' })
    await unlinkBlob(registry, { repository, digest: layer.digest, by: 'ann' })
    released.resolve()
    await counting
    await countAll(registry)
    expect(await countedUsage(bench.rows)).toEqual(await recountedUsage(bench.rows))
    await bench.close()
  })

  test('say what a count of all rows says, though all push, delete and count at once', async () => {
    const bench = await open(SPARSE)
    const [first, second] = [bench, await bench.beside()]
    const stock = stockOf(bench)
    const busy = [first, second, first, second].map(async (one, who) => {
      const random = randomFrom(100 + who)
      for (let at = 0; at < 120; at++) {
        await tryStep(one, stock, random)
        if (at % 7 === who) await one.database.write(countUsageCommand, null)
      }
    })
    await Promise.all(busy)
    await countAll(first.registry)
    expect(await countedUsage(bench.rows)).toEqual(await recountedUsage(bench.rows))
    await bench.close()
  })
})
