/** Links that somebody removes from the folder while Berth runs: what is pushed after that is there for another registry. */
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
import { existsSync, readFileSync, rmSync } from 'node:fs'
import type { OldImage } from '../../../test/old-volume.ts'
import { linksOf, OldVolumeBench } from '../../../test/old-volume-bench.ts'
import { type Bench, describeOnDatabases } from '../../../test/registry-bench.ts'
import { marksOf } from '../../../test/registry-facts.ts'
import { newImage, newIndex, pushBlob, pushManifest, type Sample } from '../../../test/sample-content.ts'
import { OCI_MANIFEST } from '../../oci/media-type.ts'
import { parseTag } from '../../oci/tag.ts'
import { layerLinkPath, repositoryFolder, tagFolder, tagLinkPath } from '../../storage/layout.ts'

setDefaultTimeout(30_000)

describeOnDatabases('a volume that Berth works on', (open) => {
  // While one is open, the database's server stays.
  let kept: Bench
  beforeAll(async () => {
    kept = await open()
  })
  afterAll(() => kept.close())

  let volume: OldVolumeBench
  let image: OldImage
  /** Another one of the repository. */
  let other: OldImage
  beforeEach(async () => {
    volume = await OldVolumeBench.open(open)
    image = volume.image
    other = volume.other
    await volume.pass()
  })
  afterEach(() => volume.close())

  function remove(path: string): void {
    rmSync(volume.path(path), { recursive: true })
  }

  function missing(paths: readonly string[]): string[] {
    return paths.filter((path) => !existsSync(volume.path(path)))
  }

  function push(manifest: Sample, tag: string): Promise<unknown> {
    return pushManifest(volume.bench.registry, image.repository, manifest, tag)
  }

  describe('and whose repository somebody removes', () => {
    beforeEach(() => remove(repositoryFolder(image.repository)))

    test('has the image again that is pushed again', async () => {
      await push(volume.contentOf(image.digest, OCI_MANIFEST), image.tag)
      expect(missing([...linksOf(image), tagLinkPath(image.repository, parseTag(image.tag))])).toEqual([])
      expect(missing(linksOf(other)).length).toBeGreaterThan(0)
    })

    test('has a new image with the layers that its client was told are there', async () => {
      const config = await pushBlob(volume.bench.registry, image.repository)
      const layers = image.layers.map((digest) => volume.contentOf(digest))
      await push(newImage({ config, layers }), 'new')
      expect(missing(image.layers.map((layer) => layerLinkPath(image.repository, layer)))).toEqual([])
    })

    test('has an index with its images', async () => {
      const images = [image, other].map(({ digest }) => volume.contentOf(digest, OCI_MANIFEST))
      await push(newIndex(images), 'index')
      expect(missing([...linksOf(image), ...linksOf(other)])).toEqual([])
    })

    test('keeps the image that was pushed again through the next start, for both registries', async () => {
      await push(volume.contentOf(image.digest, OCI_MANIFEST), image.tag)
      volume.bench = await volume.first.restarted()
      await volume.pass()
      await volume.expectImage(image)
      expect(await volume.tagNames(image.repository)).toEqual([image.tag])
    })
  })

  test('and one of whose tags somebody removes, has it again when it is pushed again', async () => {
    remove(tagFolder(image.repository, parseTag(image.tag)))
    await push(volume.contentOf(image.digest, OCI_MANIFEST), image.tag)
    const link = tagLinkPath(image.repository, parseTag(image.tag))
    expect(readFileSync(volume.path(link), 'latin1')).toBe(image.digest)
  })

  test('and that nobody has touched, gets no mark for what is pushed again', async () => {
    await push(volume.contentOf(image.digest, OCI_MANIFEST), image.tag)
    expect(await marksOf(volume.bench, image.repository)).toEqual([])
  })
})
