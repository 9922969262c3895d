/** After everything that the trash can go through, storage and metadata agree, and what is counted is what there is. */
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from 'bun:test'
import { countedUsage, recountedUsage } from '../../test/recounted-usage.ts'
import { type Bench, describeOnDatabases } from '../../test/registry-bench.ts'
import { tagsOf, treeOf } from '../../test/registry-facts.ts'
import { newImage, newIndex, newReferrer, pushBlob, pushManifest } from '../../test/sample-content.ts'
import { VerifyBench } from '../../test/verify-bench.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { deleteManifest } from './manifests.ts'
import { deleteRepository } from './repositories.ts'
import { emptyTrash, listTrash, restoreTrash } from './trash.ts'
import { forgetTreeFactsCommand } from './tree/reindex.commands.ts'
import { countUsageCommand } from './usage.commands.ts'

// Beside other tests, PostgreSQL takes its time.
setDefaultTimeout(60_000)

describeOnDatabases('after the trash', (open) => {
  // While one is open, the database's server stays.
  let kept: Bench
  let volume: VerifyBench
  let repository: RepositoryName
  let before: Awaited<ReturnType<typeof facts>>
  beforeAll(async () => {
    kept = await open({ storage: 'memory' })
  })
  afterAll(() => kept.close())
  beforeEach(async () => {
    volume = await VerifyBench.open(open)
    repository = volume.bench.newRepository()
    const other = volume.bench.newRepository()
    const shared = await volume.push(other, 'v1')
    for (const layer of shared.layers) await pushBlob(volume.bench.registry, repository, layer)
    const config = await pushBlob(volume.bench.registry, repository)
    const image = newImage({ config, layers: shared.layers })
    const index = newIndex([image])
    await pushManifest(volume.bench.registry, repository, image)
    await pushManifest(volume.bench.registry, repository, index, 'v1')
    await pushManifest(volume.bench.registry, repository, newReferrer(image, config))
    await volume.flush()
    before = await facts()
  })
  afterEach(() => volume.close())

  async function facts() {
    const { bench } = volume
    return { tags: await tagsOf(bench, repository), tree: await treeOf(bench.files, repository) }
  }

  async function expectAgreement(): Promise<void> {
    const { bench } = volume
    const verified = await volume.verify()
    expect(verified.kinds()).toEqual([])
    while ((await bench.database.write(countUsageCommand, null)) > 0);
    expect(await countedUsage(bench.rows)).toEqual(await recountedUsage(bench.rows))
  }

  async function newestId() {
    const { entries } = await listTrash(volume.bench.registry, { repository, before: null, limit: 1 })
    const [newest] = entries
    if (newest === undefined) throw new Error('the trash is empty')
    return newest.id
  }

  const remove = () => deleteRepository(volume.bench.registry, { repository, by: 'ann' })

  describe('of a repository', () => {
    test('that is deleted', async () => {
      await remove()
      await expectAgreement()
      await volume.restart()
      await expectAgreement()
    })

    test('that came back', async () => {
      await restoreTrash(volume.bench.registry, await remove(), 'bob')
      await expectAgreement()
      expect(await facts()).toEqual(before)
      await volume.restart()
      await expectAgreement()
      expect(await facts()).toEqual(before)
    })

    test('that is gone for good', async () => {
      await emptyTrash(volume.bench.registry, { id: await remove() }, 'bob')
      await expectAgreement()
      await volume.restart()
      await expectAgreement()
    })

    test('that came back after the database was built anew', async () => {
      const trash = await remove()
      await volume.flush()
      await volume.bench.database.write(forgetTreeFactsCommand, null)
      await volume.restart()
      expect(await restoreTrash(volume.bench.registry, trash, 'bob')).toMatchObject({
        isWhole: true,
        tags: 1,
      })
      await expectAgreement()
      expect(await facts()).toEqual(before)
    })
  })

  test('of an image that came back, and of one that went for good', async () => {
    const [{ digest }] = (await volume.bench.rows(
      `SELECT digest FROM tags WHERE name = 'v1' AND
      repository_id = (SELECT id FROM repositories WHERE name = $1)`,
      [repository],
    )) as [{ digest: never }]
    const removeIndex = () => deleteManifest(volume.bench.registry, { repository, digest, by: 'ann' })
    await removeIndex()
    await expectAgreement()
    await restoreTrash(volume.bench.registry, await newestId(), 'bob')
    await expectAgreement()
    expect(await facts()).toEqual(before)
    await removeIndex()
    await emptyTrash(volume.bench.registry, { all: true }, 'bob')
    await expectAgreement()
  })
})
