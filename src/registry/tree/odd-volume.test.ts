/** What lies in an old volume and should not, or cannot be read: it is survived, told, and left as it is. */
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
import { lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DelegatingTreeStore } from '../../../test/delegating-stores.ts'
import { type OldImage, putLink } from '../../../test/old-volume.ts'
import { OldVolumeBench } from '../../../test/old-volume-bench.ts'
import { type Bench, describeOnDatabases, failureOf } from '../../../test/registry-bench.ts'
import { blobFacts, treeOf } from '../../../test/registry-facts.ts'
import { newIndex, pushManifest } from '../../../test/sample-content.ts'
import { type Digest, digestOf } from '../../oci/digest.ts'
import { parseRepositoryName } from '../../oci/repository-name.ts'
import { parseTag } from '../../oci/tag.ts'
import { StorageUnavailable } from '../../storage/blob-store.ts'
import {
  blobDataPath,
  blobsFolder,
  layerLinkPath,
  layersFolder,
  registryFolder,
  repositoriesFolder,
  repositoryFolder,
  revisionLinkPath,
  revisionsFolder,
  tagFolder,
  tagIndexLinkPath,
  tagLinkPath,
  tagsFolder,
} from '../../storage/layout.ts'
import type { TreeStore } from '../../storage/tree-store.ts'
import { getBlob } from '../blobs.ts'
import { lookAtBlobsOnce } from './blob-folders.ts'
import { describeFinding, type FindingKind, type Findings } from './findings.ts'
import { findTreeState, goThroughTree } from './tree-pass.ts'
import { UncheckedTree } from './unchecked-tree.ts'

setDefaultTimeout(30_000)

/** A disk with one folder on which it fails. */
class UnreadableFolder extends DelegatingTreeStore {
  readonly #folder: string

  constructor(real: TreeStore, folder: string) {
    super(real)
    this.#folder = folder
  }

  override async list(path: string): Promise<string[]> {
    if (path === this.#folder) throw new StorageUnavailable('The disk reported an error.')
    return await super.list(path)
  }
}

describeOnDatabases('a volume in which not everything is as it should be', (open) => {
  // While one is open, the database's server stays.
  let kept: Bench
  beforeAll(async () => {
    kept = await open()
  })
  afterAll(() => kept.close())

  let volume: OldVolumeBench
  beforeEach(async () => {
    volume = await OldVolumeBench.open(open)
  })
  afterEach(() => volume.close())

  describe('survives, reports and leaves alone', () => {
    const foreign: [string, string | null, string][] = [
      ['an empty tag link', '', 'empty link'],
      ['a torn tag link', 'sha256:12', 'torn link'],
    ]
    test.each(foreign)('%s', async (_, text, kind) => {
      const link = tagLinkPath(volume.image.repository, parseTag('torn'))
      putLink(volume.first.root, link, text ?? '')
      expect(await volume.tagNames(volume.image.repository)).toEqual(['v0', 'v1', 'v2'])
      const { findings } = await volume.pass()
      expect(findings).toEqual([{ kind, count: 1, places: [link] } as never])
      expect(await volume.tagNames(volume.image.repository)).toEqual(['v0', 'v1', 'v2'])
      expect(readFileSync(volume.path(link), 'utf8')).toBe(text ?? '')
    })

    test('an empty link of a manifest whose bytes are there: the place tells its digest', async () => {
      const link = revisionLinkPath(volume.image.repository, volume.image.digest)
      writeFileSync(volume.path(link), '')
      await volume.expectImage(volume.image)
      const { findings } = await volume.pass()
      expect(findings.map(({ kind }) => kind)).toEqual(['empty link'])
      await volume.expectImage(volume.image)
      expect(readFileSync(volume.path(link), 'utf8')).toBe('')
    })

    test('manifests whose bytes are missing, emptied or changed, and the tags that name them', async () => {
      const [gone, emptied, changed] = volume.images.slice(0, 3) as [OldImage, OldImage, OldImage]
      rmSync(volume.path(blobDataPath(gone.digest)))
      writeFileSync(volume.path(blobDataPath(emptied.digest)), '')
      writeFileSync(volume.path(blobDataPath(changed.digest)), '{"schemaVersion": 2}')
      const { findings } = await volume.pass()
      expect(findings.map(({ kind, count }) => `${count} ${kind}`).sort()).toEqual([
        '1 unreadable manifest',
        '5 missing manifest',
      ])
      expect(await volume.tagNames(gone.repository)).toEqual([])
      await volume.expectImage(volume.image)
    })

    test('layers that were collected', async () => {
      const [, layer] = volume.image.layers as [Digest, Digest]
      rmSync(volume.path(blobDataPath(layer)))
      expect((await failureOf(getBlob(volume.bench.registry, volume.image.repository, layer))).name).toBe(
        'RegistryError',
      )
      const { findings } = await volume.pass()
      expect(findings.map(({ kind }) => kind)).toEqual(['missing blob'])
      expect(await blobFacts(volume.bench, layer)).toBeNull()
      expect((await failureOf(getBlob(volume.bench.registry, volume.image.repository, layer))).name).toBe(
        'RegistryError',
      )
    })

    test('what is not the registry’s: files beside the data and in it, temporary files, uploads, names', async () => {
      for (const folder of [
        'certs',
        'lost+found',
        `${repositoriesFolder}/lost+found`,
        `${repositoriesFolder}/Upper.Case/app/_manifests`,
      ]) {
        mkdirSync(volume.path(folder), { recursive: true })
      }
      putLink(volume.first.root, 'certs/domain.key', 'secret')
      putLink(volume.first.root, `${tagsFolder(volume.image.repository)}/.DS_Store`, 'x')
      putLink(
        volume.first.root,
        `${revisionLinkPath(volume.image.repository, volume.image.digest)}.0d8f.tmp`,
        'x',
      )
      putLink(volume.first.root, `${repositoryFolder(volume.image.repository)}/_uploads/0d8f/startedat`, 'x')
      const before = await treeOf(volume.first.files, volume.image.repository)
      const { findings, errors } = await volume.pass()
      expect(errors).toBe(0)
      expect(findings.map(describeFinding).sort()).toEqual([
        `found files and folders that are not a registry's, and left them as they are (3): certs, lost+found, ${tagsFolder(volume.image.repository)}/.DS_Store`,
        `found folders whose names no client can ask for, and left them as they are (2): ${repositoriesFolder}/Upper.Case, ${repositoriesFolder}/lost+found`,
        `found temporary files of another registry, and left them as they are (1): ${revisionLinkPath(volume.image.repository, volume.image.digest)}.0d8f.tmp`,
        `found uploads that another registry has begun, and left them as they are (1): ${repositoryFolder(volume.image.repository)}/_uploads/0d8f`,
      ])
      expect(await treeOf(volume.first.files, volume.image.repository)).toEqual(before)
    })
  })

  describe('finds, survives and leaves alone what does not belong', () => {
    const digest = digestOf(new TextEncoder().encode('of nobody'))
    /** Every folder of the tree and above it, with what a folder is called there that does not belong. */
    function foldersOf({ repository, digest: manifest, layers: [layer] }: OldImage): [string, FindingKind][] {
      const tag = parseTag('v1')
      const foreign = [
        '.',
        'docker',
        'docker/registry',
        registryFolder,
        blobsFolder,
        `${blobsFolder}/sha256`,
        dirname(dirname(blobDataPath(manifest))),
        dirname(blobDataPath(manifest)),
        dirname(blobDataPath(digest)),
        dirname(tagsFolder(repository)),
        revisionsFolder(repository),
        `${revisionsFolder(repository)}/sha256`,
        dirname(revisionLinkPath(repository, manifest)),
        layersFolder(repository),
        `${layersFolder(repository)}/sha256`,
        dirname(layerLinkPath(repository, layer as Digest)),
        tagsFolder(repository),
        tagFolder(repository, tag),
        dirname(tagLinkPath(repository, tag)),
        `${tagFolder(repository, tag)}/index`,
        `${tagFolder(repository, tag)}/index/sha256`,
        dirname(tagIndexLinkPath(repository, tag, manifest)),
      ]
      return [
        ...foreign.map((folder): [string, FindingKind] => [folder, 'foreign file']),
        [repositoriesFolder, 'impossible name'],
        [repositoryFolder(repository), 'impossible name'],
        [`${repositoryFolder(repository)}/_uploads`, 'upload in progress'],
      ]
    }

    test('in each folder: a file, a folder, a symbolic link that leads nowhere, a temporary file', async () => {
      const expected: Record<string, FindingKind> = {}
      for (const [folder, kindOfFolder] of foldersOf(volume.image)) {
        const at = (name: string) => (folder === '.' ? name : `${folder}/${name}`)
        mkdirSync(volume.path(at('lost+found')), { recursive: true })
        writeFileSync(volume.path(at('.DS_Store')), 'x')
        symlinkSync('/nowhere', volume.path(at('gone')))
        writeFileSync(volume.path(at('link.0d8f.tmp')), 'x')
        expected[at('lost+found')] = kindOfFolder
        expected[at('.DS_Store')] = 'foreign file'
        expected[at('gone')] = 'dangling link'
        expected[at('link.0d8f.tmp')] = 'temporary file'
      }
      expect((await volume.pass()).errors).toBe(0)
      await lookAtBlobsOnce(volume.tree, AbortSignal.timeout(60_000))
      expect(placesOf(volume.tree.findings)).toEqual(expected)
      for (const place of Object.keys(expected)) expect(lstatSync(volume.path(place)).size).toBeGreaterThan(0)
      for (const each of volume.images) await volume.expectImage(each)
      expect(await volume.names()).toHaveLength(4)
      expect(await volume.tagNames(volume.image.repository)).toEqual(['v0', 'v1', 'v2'])
    })

    test('files and symbolic links that bear the names of folders and links', async () => {
      const { repository } = volume.image
      const name = (hex: string) => hex.slice('sha256:'.length)
      const revision = `${revisionsFolder(repository)}/sha256/${name(digest)}`
      const layer = dirname(layerLinkPath(repository, digest))
      const blob = dirname(blobDataPath(digest))
      mkdirSync(dirname(volume.path(blob)), { recursive: true })
      for (const place of [
        `${tagsFolder(repository)}/file`,
        `${repositoriesFolder}/readme`,
        revision,
        blob,
      ]) {
        writeFileSync(volume.path(place), 'x')
      }
      mkdirSync(volume.path(layer))
      symlinkSync('nowhere', volume.path(`${layer}/link`))
      mkdirSync(volume.path(`${tagFolder(repository, parseTag('empty'))}/index`), { recursive: true })
      await volume.pass()
      await lookAtBlobsOnce(volume.tree, AbortSignal.timeout(60_000))
      expect(placesOf(volume.tree.findings)).toEqual({
        [`${tagsFolder(repository)}/file`]: 'foreign file',
        [`${repositoriesFolder}/readme`]: 'foreign file',
        [revision]: 'foreign file',
        [blob]: 'foreign file',
        [`${layer}/link`]: 'dangling link',
        [tagFolder(repository, parseTag('empty'))]: 'empty tag',
      })
      expect(await volume.tagNames(repository)).toEqual(['v0', 'v1', 'v2'])
    })

    test('symbolic links that lead back: they are not followed, others are', async () => {
      const { repository } = volume.image
      const link = (place: string, to: string) => {
        mkdirSync(dirname(volume.path(place)), { recursive: true })
        symlinkSync(to, volume.path(place))
        return place
      }
      const repositories = new Set(volume.images.map((each) => each.repository as string))
      const places = [
        link(`${repositoriesFolder}/loop`, '../repositories'),
        link(`${repositoriesFolder}/beside/root`, volume.path('.')),
        link(`${repositoryFolder(repository)}/itself`, '.'),
      ]
      const nowhere = link(`${repositoriesFolder}/round`, 'round')
      link(`${repositoriesFolder}/one/other`, '../two')
      link(`${repositoriesFolder}/two/back`, '../one')
      link(`${repositoriesFolder}/again`, volume.path(repositoryFolder(repository)))
      expect((await volume.pass()).errors).toBe(0)
      expect(placesOf(volume.tree.findings)).toEqual({
        ...Object.fromEntries([
          ...places.map((place) => [place, 'link back']),
          [`${repositoriesFolder}/again/itself`, 'link back'],
          [`${repositoriesFolder}/one/other/back`, 'link back'],
          [`${repositoriesFolder}/two/back/other`, 'link back'],
        ]),
        [nowhere]: 'dangling link',
      })
      expect((await volume.names()).toSorted()).toEqual([...repositories, 'again'].toSorted())
      await volume.expectImage({ ...volume.image, repository: parseRepositoryName('again') })
    })

    test('of blobs once: a later start does not look through their folders again', async () => {
      const beside = `${blobDataPath(volume.image.digest)}.0d8f.tmp`
      const look = async (signal: AbortSignal) => {
        await lookAtBlobsOnce(volume.tree, signal)
        return placesOf(volume.tree.findings)
      }
      writeFileSync(volume.path(beside), 'x')
      expect(await look(AbortSignal.abort())).toEqual({})
      expect(await look(AbortSignal.timeout(60_000))).toEqual({ [beside]: 'temporary file' })
      volume.bench = await volume.first.restarted()
      expect(await look(AbortSignal.timeout(60_000))).toEqual({})
    })

    test('what a write meets before the pass comes to its repository', async () => {
      const beside = `${tagLinkPath(volume.image.repository, parseTag('v1'))}.0d8f.tmp`
      writeFileSync(volume.path(beside), 'x')
      await pushManifest(volume.bench.registry, volume.image.repository, newIndex([]), 'new')
      expect(placesOf(volume.tree.findings)).toEqual({ [beside]: 'temporary file' })
      await volume.pass()
      expect(placesOf(volume.tree.findings)).toEqual({ [beside]: 'temporary file' })
    })
  })

  test('a repository that cannot be read is in error: the others go on, and the next start asks again', async () => {
    const data = volume.path(blobDataPath(volume.image.digest))
    rmSync(data)
    mkdirSync(data)
    const refused = await failureOf(
      pushManifest(volume.bench.registry, volume.image.repository, newIndex([]), 'new'),
    )
    expect(refused).toBeInstanceOf(StorageUnavailable)
    expect((await volume.pass()).errors).toBe(1)
    expect(await findTreeState(volume.bench.database, volume.bench.registry.tree?.start ?? '')).toBe(
      'partly known',
    )
    await volume.expectImage(volume.images[9] as OldImage)
    expect(await volume.tagNames(volume.image.repository)).toEqual(['v0', 'v1', 'v2'])
    rmSync(data, { recursive: true })
    volume.bench = await volume.first.restarted()
    expect((await volume.pass()).errors).toBe(0)
    expect(await volume.tagNames(volume.image.repository)).toEqual(['v0', 'v2'])
  })

  test('a folder that cannot be looked into keeps nobody from the others', async () => {
    const files = new UnreadableFolder(volume.first.files, repositoryFolder(volume.image.repository))
    const { database, start } = volume.bench.registry.tree as UncheckedTree
    const tree = new UncheckedTree({ database, files, start })
    const errors: string[] = []
    const result = await goThroughTree(tree, {
      process: 'test',
      signal: AbortSignal.timeout(60_000),
      onProgress: () => {},
      onError: (error) => errors.push(error.message),
    })
    expect(result).toMatchObject({ repositories: 3, errors: 1 })
    expect(errors).toEqual([
      expect.stringContaining(`${repositoryFolder(volume.image.repository)} cannot be read`),
    ])
    expect(tree.isChecked).toBe(false)
    await volume.expectImage(volume.images[9] as OldImage)
  })
})

function placesOf(findings: Findings): Record<string, FindingKind> {
  return Object.fromEntries(
    findings.list().flatMap(({ kind, places }) => places.map((place) => [place, kind])),
  )
}
