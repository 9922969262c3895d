/** Links that another registry's crash has torn: nobody touches them until what they link is pushed. */
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
import { readFileSync, writeFileSync } from 'node:fs'
import type { OldImage } from '../../../test/old-volume.ts'
import { linksOf, OldVolumeBench } from '../../../test/old-volume-bench.ts'
import { type Bench, describeOnDatabases } from '../../../test/registry-bench.ts'
import { marksOf } from '../../../test/registry-facts.ts'
import { newImage, newIndex, pushBlob, pushManifest, type Sample } from '../../../test/sample-content.ts'
import { OCI_MANIFEST } from '../../oci/media-type.ts'
import { layerLinkPath } from '../../storage/layout.ts'
import { mountBlob } from '../blobs.ts'

setDefaultTimeout(30_000)

describeOnDatabases('a volume with links that a crash has torn', (open) => {
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
  })
  afterEach(() => volume.close())

  /** All of an image's links, empty and torn by turns. */
  function tear(torn: OldImage): void {
    linksOf(torn).forEach((path, at) => {
      writeFileSync(volume.path(path), at % 2 === 0 ? '' : 'sha256:12')
    })
  }

  function isSound(path: string): boolean {
    const digest = path.match(/sha256\/([0-9a-f]{64})\/link$/)?.[1]
    return readFileSync(volume.path(path), 'latin1') === `sha256:${digest}`
  }

  function manifestOf(of: OldImage): Sample {
    return volume.contentOf(of.digest, OCI_MANIFEST)
  }

  for (const when of ['at the first start', 'after the database has known them for long']) {
    describe(when, () => {
      beforeEach(async () => {
        if (when !== 'at the first start') {
          await volume.pass()
          volume.bench = await volume.first.restarted()
        }
        tear(image)
        tear(other)
        await volume.pass()
      })

      test('an image that is pushed as its clients find it, with no blob sent, has sound links, and others stay as they are', async () => {
        await pushManifest(volume.bench.registry, image.repository, manifestOf(image), 'again')
        expect(linksOf(image).filter((path) => !isSound(path))).toEqual([])
        const [shared] = image.layers
        const untouched = linksOf(other).filter(
          (path) => !path.includes(String(shared).slice('sha256:'.length)),
        )
        expect(untouched.filter(isSound)).toEqual([])
      })

      test('so has one that is new and uses what was there', async () => {
        const [, layer] = image.layers.map((digest) => volume.contentOf(digest))
        const config = await pushBlob(volume.bench.registry, image.repository)
        const manifest = newImage({ config, layers: [layer as Sample] })
        await pushManifest(volume.bench.registry, image.repository, manifest, 'new')
        expect(linksOf(image).filter(isSound)).toEqual([
          layerLinkPath(image.repository, (layer as Sample).digest),
        ])
      })

      test('so have the images of an index, with their layers', async () => {
        const index = newIndex([manifestOf(image), manifestOf(other)])
        await pushManifest(volume.bench.registry, image.repository, index, 'index')
        expect([...linksOf(image), ...linksOf(other)].filter((path) => !isSound(path))).toEqual([])
      })

      test('so has a blob that is uploaded or mounted, and no other', async () => {
        const { repository } = image
        const [, uploaded, mounted] = image.layers.map((digest) => volume.contentOf(digest)) as [
          Sample,
          Sample,
          Sample,
        ]
        const source = volume.images[9] as OldImage
        await pushBlob(volume.bench.registry, source.repository, mounted)
        await pushBlob(volume.bench.registry, repository, uploaded)
        await mountBlob(volume.bench.registry, {
          repository,
          digest: mounted.digest,
          from: source.repository,
          scope: { kind: 'everything' },
          by: 'tester',
        })
        expect(linksOf(image).filter(isSound).sort()).toEqual(
          [uploaded, mounted].map(({ digest }) => layerLinkPath(repository, digest)).sort(),
        )
      })
    })
  }

  test('what is sound is pushed again without a mark', async () => {
    await volume.pass()
    await pushManifest(volume.bench.registry, image.repository, manifestOf(image), image.tag)
    for (const layer of image.layers)
      await pushBlob(volume.bench.registry, image.repository, volume.contentOf(layer))
    expect(await marksOf(volume.bench, image.repository)).toEqual([])
  })
})
