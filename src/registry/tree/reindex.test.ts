/** A database that is built anew forgets what the link tree tells, and nothing that hangs on what lies in the trash. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Bench, describeOnDatabases } from '../../../test/registry-bench.ts'
import { blobFacts, edgesOf, reviewsOf } from '../../../test/registry-facts.ts'
import { CONFIG, newBlob, newImage, pushBlob, pushManifest } from '../../../test/sample-content.ts'
import { getBlob, unlinkBlob } from '../blobs.ts'
import { deleteManifest } from '../manifests.ts'
import { deleteRepository } from '../repositories.ts'
import { restoreTrash } from '../trash.ts'
import { forgetTreeFactsCommand } from './reindex.commands.ts'
import { goThroughTree } from './tree-pass.ts'

describeOnDatabases('a database that is built anew', (open) => {
  let bench: Bench
  beforeAll(async () => {
    bench = await open()
  })
  afterAll(() => bench.close())

  async function reindex(): Promise<Bench> {
    await bench.database.write(forgetTreeFactsCommand, null)
    const restarted = await bench.restarted()
    const { tree } = restarted.registry
    if (tree === null) throw new Error('a bench that was restarted has a tree')
    const signal = AbortSignal.timeout(60_000)
    await goThroughTree(tree, { process: 'test', signal, onProgress: () => {}, onError: () => {} })
    return restarted
  }

  test('gives a deleted repository back whole', async () => {
    const repository = bench.newRepository()
    const config = await pushBlob(bench.registry, repository, newBlob(CONFIG))
    await pushManifest(bench.registry, repository, newImage({ config }), 'v1')
    const trash = await deleteRepository(bench.registry, { repository, by: 'ann' })
    const { registry } = await reindex()
    expect(await restoreTrash(registry, trash, 'bob')).toMatchObject({ manifests: 1, tags: 1, isWhole: true })
    expect((await getBlob(registry, repository, config.digest)).size).toBe(config.bytes.length)
  })

  test('is asked to look at what no link tells of any more', async () => {
    const repository = bench.newRepository()
    const blob = await pushBlob(bench.registry, repository)
    await unlinkBlob(bench.registry, { repository, digest: blob.digest, by: 'ann' })
    await bench.database.write(forgetTreeFactsCommand, null)
    expect(await blobFacts(bench, blob.digest)).toBeNull()
    expect(await reviewsOf(bench, blob.digest)).toHaveLength(1)
  })

  test('keeps no edges of a manifest that lies in the trash of another repository only', async () => {
    const [own, other] = [bench.newRepository(), bench.newRepository()]
    const config = newBlob(CONFIG)
    const image = newImage({ config })
    for (const repository of [own, other]) {
      await pushBlob(bench.registry, repository, config)
      await pushManifest(bench.registry, repository, image)
    }
    await deleteManifest(bench.registry, { repository: other, digest: image.digest, by: 'ann' })
    await bench.database.write(forgetTreeFactsCommand, null)
    expect(await edgesOf(bench, own, image.digest)).toEqual({ children: [], blobs: [] })
    expect(await edgesOf(bench, other, image.digest)).toEqual({ children: [], blobs: [config.digest] })
  })
})
