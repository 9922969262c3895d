/** Of a folder that holds what nobody can read, nothing is garbage, until it is mended or taken away. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { OldVolumeBench } from '../../../test/old-volume-bench.ts'
import { type Bench, describeOnDatabases } from '../../../test/registry-bench.ts'
import { pushManifest, type Sample } from '../../../test/sample-content.ts'
import { OCI_MANIFEST } from '../../oci/media-type.ts'
import { parseTag } from '../../oci/tag.ts'
import {
  blobDataPath,
  repositoriesFolder,
  revisionLinkPath,
  tagFolder,
  tagLinkPath,
} from '../../storage/layout.ts'
import { findGarbage, GARBAGE_BEGIN, GarbageUnknown } from './garbage.ts'

setDefaultTimeout(30_000)

describeOnDatabases('garbage in a folder that a crash has damaged', (open) => {
  // While one is open, the database's server stays.
  let kept: Bench
  beforeAll(async () => {
    kept = await open()
  })
  afterAll(() => kept.close())

  let volume: OldVolumeBench
  let image: Sample
  beforeEach(async () => {
    volume = await OldVolumeBench.open(open)
    const bytes = new Uint8Array(readFileSync(volume.path(blobDataPath(volume.image.digest))))
    image = { digest: volume.image.digest, mediaType: OCI_MANIFEST, bytes }
  })
  afterEach(() => volume.close())

  /** Why nothing can be told; null where it can. */
  async function findReason(deleteUntagged: boolean): Promise<string | null> {
    const { database, registry } = volume.bench
    const start = registry.tree?.start ?? null
    const place = { read: database, files: volume.first.files, start, knownUntil: null }
    try {
      await findGarbage(place, { deleteUntagged }, GARBAGE_BEGIN)
      return null
    } catch (error) {
      if (error instanceof GarbageUnknown) return error.message
      throw error
    }
  }

  async function startAgain(): Promise<void> {
    volume.bench = await volume.first.restarted()
    await volume.pass()
  }

  test('is told where nothing is damaged', async () => {
    await volume.pass()
    expect([await findReason(false), await findReason(true)]).toEqual([null, null])
  })

  test.each([
    ['damaged', (path: string) => writeFileSync(path, 'xx')],
    ['empty', (path: string) => writeFileSync(path, '')],
    ['missing', (path: string) => rmSync(path)],
  ])('is not where a manifest is %s, until that is pushed again', async (_, damage) => {
    damage(volume.path(blobDataPath(image.digest)))
    await volume.pass()
    const reason = `The manifest ${image.digest} of ${volume.image.repository} is damaged or gone`
    expect(await findReason(false)).toStartWith(reason)
    await startAgain()
    expect(await findReason(true)).toStartWith(reason)
    await pushManifest(volume.bench.registry, volume.image.repository, image)
    expect(await findReason(false)).toBeNull()
  })

  test('or until it is taken away', async () => {
    writeFileSync(volume.path(blobDataPath(image.digest)), 'xx')
    await volume.pass()
    rmSync(volume.path(dirname(revisionLinkPath(volume.image.repository, image.digest))), { recursive: true })
    await startAgain()
    expect(await findReason(true)).toBeNull()
  })

  test('is not where a tag says nothing and untagged manifests would go', async () => {
    const { repository, tag } = volume.image
    writeFileSync(volume.path(tagLinkPath(repository, parseTag(tag))), '')
    await volume.pass()
    expect(await findReason(false)).toBeNull()
    expect(await findReason(true)).toStartWith(`The tag ${tag} of ${repository} is damaged`)
    await pushManifest(volume.bench.registry, repository, image, tag)
    expect(await findReason(true)).toBeNull()
  })

  test('nor when its folder is gone', async () => {
    const { repository, tag } = volume.image
    writeFileSync(volume.path(tagLinkPath(repository, parseTag(tag))), '')
    await volume.pass()
    rmSync(volume.path(tagFolder(repository, parseTag(tag))), { recursive: true })
    await startAgain()
    expect(await findReason(true)).toBeNull()
  })

  test('is not where a repository has a name that leads to nothing here', async () => {
    const nameless = `${repositoriesFolder}/Example.com`
    mkdirSync(volume.path(`${nameless}/team/app/_manifests`), { recursive: true })
    mkdirSync(volume.path(`${repositoriesFolder}/lost+found/deep`), { recursive: true })
    writeFileSync(volume.path(`${repositoriesFolder}/.DS_Store`), 'x')
    await volume.pass()
    expect(await findReason(false)).toStartWith(`The folder ${nameless} holds images under a name`)
    rmSync(volume.path(nameless), { recursive: true })
    await startAgain()
    expect(await findReason(false)).toBeNull()
  })
})
