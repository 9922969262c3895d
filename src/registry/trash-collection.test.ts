/** The trash and collection together: what lies in it is kept, however long; what left it goes, bytes and all. */
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { collectForLong, knownOf } from '../../test/collection-bench.ts'
import { type Bench, describeOnDatabases } from '../../test/registry-bench.ts'
import { fileOf } from '../../test/registry-facts.ts'
import { newImage, pushBlob, pushManifest, type Sample } from '../../test/sample-content.ts'
import type { TrashId } from '../metadata/trash.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { getBlob } from './blobs.ts'
import { deleteManifest } from './manifests.ts'
import { deleteRepository } from './repositories.ts'
import { emptyTrash, listTrash, restoreTrash } from './trash.ts'

// Beside other tests, PostgreSQL takes its time.
setDefaultTimeout(60_000)

describeOnDatabases('collection beside the trash', (open) => {
  let bench: Bench
  let repository: RepositoryName
  let layer: Sample
  let image: Sample
  beforeAll(async () => {
    bench = await open()
  })
  afterAll(() => bench.close())
  beforeEach(async () => {
    repository = bench.newRepository()
    layer = await pushBlob(bench.registry, repository)
    image = newImage({ config: layer })
    await pushManifest(bench.registry, repository, image, 'v1')
  })

  async function removeImage(): Promise<TrashId> {
    await deleteManifest(bench.registry, { repository, digest: image.digest, by: 'ann' })
    const { entries } = await listTrash(bench.registry, { repository, before: null, limit: 1 })
    const [newest] = entries
    if (newest === undefined) throw new Error('the trash is empty')
    return newest.id
  }

  const removeRepository = () => deleteRepository(bench.registry, { repository, by: 'ann' })

  test.each([
    ['image', removeImage],
    ['repository', removeRepository],
  ] as const)('keeps all that a deleted %s needs, and it comes back whole', async (_, remove) => {
    const trash = await remove()
    await collectForLong(bench)
    expect(await knownOf(bench, [layer.digest])).toEqual([layer.digest])
    expect(await restoreTrash(bench.registry, trash, 'bob')).toMatchObject({ isWhole: true, tags: 1 })
    expect((await getBlob(bench.registry, repository, layer.digest)).size).toBe(layer.bytes.length)
    await collectForLong(bench)
    expect((await getBlob(bench.registry, repository, layer.digest)).size).toBe(layer.bytes.length)
  })

  test.each([
    ['image', removeImage],
    ['repository', removeRepository],
  ] as const)('takes all that an emptied %s needed, the files of its manifests too', async (_, remove) => {
    await emptyTrash(bench.registry, { id: await remove() }, 'bob')
    await collectForLong(bench)
    expect(await knownOf(bench, [layer.digest, image.digest])).toEqual([])
    for (const { digest } of [layer, image]) expect(existsSync(fileOf(bench, digest))).toBe(false)
  })

  test('takes nothing of an emptied image that another repository uses', async () => {
    const other = bench.newRepository()
    await pushBlob(bench.registry, other, layer)
    await pushManifest(bench.registry, other, image, 'v1')
    await emptyTrash(bench.registry, { id: await removeRepository() }, 'bob')
    await collectForLong(bench)
    for (const { digest } of [layer, image]) expect(existsSync(fileOf(bench, digest))).toBe(true)
    expect((await getBlob(bench.registry, other, layer.digest)).size).toBe(layer.bytes.length)
  })
})
