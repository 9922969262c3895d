/** A volume that another registry filled: served at once from its files, and taken over as a whole, whatever else lies there. */

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
import { mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DelegatingTreeStore } from '../../../test/delegating-stores.ts'
import { makeOldVolume, type OldImage, putBlob, putLink } from '../../../test/old-volume.ts'
import { type Bench, describeOnDatabases, failureOf } from '../../../test/registry-bench.ts'
import { blobFacts, edgesOf, historyOf, tagsOf, treeOf } from '../../../test/registry-facts.ts'
import { newIndex, pushImage, pushManifest } from '../../../test/sample-content.ts'
import { command } from '../../metadata/database.ts'
import { type Digest, digestOf } from '../../oci/digest.ts'
import { DOCKER_SCHEMA_1 } from '../../oci/media-type.ts'
import { parseReference } from '../../oci/reference.ts'
import { byFolders, parseRepositoryName, type RepositoryName } from '../../oci/repository-name.ts'
import { parseTag } from '../../oci/tag.ts'
import { StorageUnavailable } from '../../storage/blob-store.ts'
import {
  blobDataPath,
  layerLinkPath,
  repositoriesFolder,
  repositoryFolder,
  revisionLinkPath,
  tagIndexLinkPath,
  tagLinkPath,
  tagsFolder,
} from '../../storage/layout.ts'
import type { TreeStore } from '../../storage/tree-store.ts'
import { getBlob, mountBlob } from '../blobs.ts'
import { getManifest, getManifestFacts } from '../manifests.ts'
import { listReferrers } from '../referrers.ts'
import { listRepositories } from '../repositories.ts'
import { deleteTag, listRepositoryTags } from '../tags.ts'
import { beginUpload } from '../uploads.ts'
import { describeFinding } from './findings.ts'
import { claimPassCommand, noteFindingsCommand } from './tree.commands.ts'
import { findTreeState, goThroughTree, type PassResult } from './tree-pass.ts'
import { UncheckedTree } from './unchecked-tree.ts'

const ALL = { after: '', limit: 1000 }
const scope = { kind: 'everything' } as const

const unadopt = command('test.unadopt', async (tx, input: { readonly name: string }) => {
  await tx.run('UPDATE repositories SET adopted_at = NULL WHERE name = $1', [input.name])
})

// Each test has a database of its own, for each begins before anything is known.
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

describeOnDatabases('a volume that another registry filled', (open) => {
  // While one is open, the server of all stays.
  let kept: Bench
  beforeAll(async () => {
    kept = await open()
  })
  afterAll(() => kept.close())

  let first: Bench
  let bench: Bench
  let images: OldImage[]
  let image: OldImage
  beforeEach(async () => {
    first = await open()
    images = makeOldVolume(first.root, { repositories: 4, tags: 3 })
    image = images[4] as OldImage
    bench = await first.restarted()
  })
  afterEach(() => first.close())

  async function pass(on = bench): Promise<PassResult> {
    if (on.registry.tree === null) throw new Error('a bench that was restarted has a tree')
    const result = await goThroughTree(on.registry.tree, {
      process: 'test',
      signal: AbortSignal.timeout(60_000),
      onProgress: () => {},
      onError: () => {},
    })
    if (result === null) throw new Error('nobody else goes through this tree')
    return result
  }

  function path(of: string): string {
    return join(first.root, of)
  }

  async function names(): Promise<string[]> {
    return [...(await listRepositories(bench.registry, scope, ALL)).items]
  }

  async function tagNames(repository: RepositoryName): Promise<string[]> {
    return [...(await listRepositoryTags(bench.registry, repository, ALL)).items]
  }

  async function rowCounts(): Promise<Record<string, number>> {
    const tables = ['manifests', 'manifest_payloads', 'blobs', 'repository_blobs', 'tags', 'tag_history']
    const counts = tables.map(async (table) => {
      const [row] = await bench.rows(`SELECT count(*) AS count FROM ${table}`)
      return [table, Number(row?.['count'])] as const
    })
    return Object.fromEntries(await Promise.all(counts))
  }

  /** Everything that can be read of an image is as it was made. */
  async function expectImage({ repository, tag, digest, layers }: OldImage): Promise<void> {
    for (const reference of [tag, digest]) {
      const manifest = await getManifest(bench.registry, repository, parseReference(reference))
      expect(digestOf(manifest.bytes)).toBe(digest)
      expect(await getManifestFacts(bench.registry, repository, parseReference(reference))).toMatchObject({
        digest,
        size: manifest.bytes.length,
      })
    }
    for (const layer of layers) {
      const size = readFileSync(path(blobDataPath(layer))).length
      expect((await getBlob(bench.registry, repository, layer)).size).toBe(size)
    }
  }

  test('is served before anything was written', async () => {
    for (const each of images) await expectImage(each)
    expect(await names()).toEqual([...new Set(images.map(({ repository }) => repository))].sort(byFolders))
    expect(await tagNames(image.repository)).toEqual(['v0', 'v1', 'v2'])
    expect(Object.values(await rowCounts())).toEqual([0, 0, 0, 0, 0, 0])
  })

  test('is refused what it does not have', async () => {
    const other = images[9] as OldImage
    const [, , own] = other.layers
    const missing = [
      () => getManifest(bench.registry, image.repository, parseReference(other.digest)),
      () => getManifest(bench.registry, image.repository, parseReference('v9')),
      () => getBlob(bench.registry, image.repository, own as Digest),
      () => listRepositoryTags(bench.registry, parseRepositoryName('nobody'), ALL),
    ]
    for (const ask of missing) expect((await failureOf(ask())).name).toBe('RegistryError')
  })

  test('pages its catalog in order while the names are not known', async () => {
    const all = await names()
    const paged: string[] = []
    for (let after = ''; ; after = paged.at(-1) ?? '') {
      const { items, hasMore } = await listRepositories(bench.registry, scope, { after, limit: 3 })
      paged.push(...items)
      if (!hasMore) break
    }
    expect(paged).toEqual(all)
  })

  test('is known whole after one pass, file for file as it was', async () => {
    const before = await treeOf(first.files, image.repository)
    const { repositories, errors, findings } = await pass()
    expect({ repositories, errors, findings }).toEqual({ repositories: 4, errors: 0, findings: [] })
    expect(bench.registry.tree?.isChecked).toBe(true)
    for (const each of images) await expectImage(each)
    expect(await rowCounts()).toEqual({
      manifests: 12,
      manifest_payloads: 12,
      blobs: 12 * 3 + 1,
      repository_blobs: 12 * 3 + 4,
      tags: 12,
      tag_history: 12,
    })
    expect((await edgesOf(bench, image.repository, image.digest)).blobs).toHaveLength(4)
    expect(await treeOf(first.files, image.repository)).toEqual(before)
  })

  test('is told to be known only when the pass has ended', async () => {
    const start = bench.registry.tree?.start ?? ''
    expect(await findTreeState(bench.database, start)).toBe('unknown')
    await pass()
    expect(await findTreeState(bench.database, start)).toBe('known')
    expect(await findTreeState(bench.database, 'the next start')).toBe('unknown')
  })

  describe('takes over', () => {
    test('what a tag has named before, with its times', async () => {
      const [older, newer] = [images[3], images[5]].map((each) => each?.digest) as [Digest, Digest]
      const tag = parseTag('v1')
      for (const [digest, time] of [
        [older, 1_000],
        [newer, 2_000],
        [image.digest, 3_000],
      ] as const) {
        putLink(first.root, tagIndexLinkPath(image.repository, tag, digest), digest)
        utimesSync(path(tagIndexLinkPath(image.repository, tag, digest)), time, time)
      }
      utimesSync(path(tagLinkPath(image.repository, tag)), 3_000, 3_000)
      await pass()
      const history = (await historyOf(bench, image.repository)).filter((each) => each.tag === 'v1')
      expect(history.map(({ digest, isOpen }) => ({ digest, isOpen }))).toEqual([
        { digest: older, isOpen: false },
        { digest: newer, isOpen: false },
        { digest: image.digest, isOpen: true },
      ])
      const [row] = await bench.rows('SELECT from_at, until_at FROM tag_history WHERE digest = $1', [newer])
      expect([Number(row?.['from_at']), Number(row?.['until_at'])]).toEqual([2_000_000, 3_000_000])
    })

    test('sha512, indexes without their children, and what refers to a manifest', async () => {
      const { repository } = image
      const index = newIndex([{ ...newIndex([]), digest: digestOf(new Uint8Array([1, 2, 3])) }])
      const digest = digestOf(index.bytes, 'sha512')
      const referrer = putManifest(repository, { ...imageFields(), subject: descriptor(image.digest) })
      putFileAt(blobDataPath(digest), index.bytes)
      putLink(first.root, revisionLinkPath(repository, digest), digest)
      putLink(first.root, tagLinkPath(repository, parseTag('long')), digest)
      await pass()
      expect((await getManifestFacts(bench.registry, repository, parseReference('long'))).digest).toBe(digest)
      const subject = { repository, subject: image.digest, artifactType: null, after: null }
      const { referrers } = await listReferrers(bench.registry, subject)
      expect(referrers.map((each) => each.digest)).toEqual([referrer])
    })

    test('a manifest of schema version 1 as it lies there, with the layers that it names', async () => {
      const { repository, layers } = image
      const digest = putManifest(repository, {
        schemaVersion: 1,
        name: repository,
        fsLayers: layers.map((blobSum) => ({ blobSum })),
      })
      mkdirSync(path(revisionLinkPath(repository, digest).replace(/link$/, 'signatures/sha256')), {
        recursive: true,
      })
      const { findings } = await pass()
      expect(findings.map(({ kind }) => kind)).toEqual(['old signature'])
      expect(await getManifestFacts(bench.registry, repository, parseReference(digest))).toMatchObject({
        mediaType: DOCKER_SCHEMA_1,
      })
      expect((await edgesOf(bench, repository, digest)).blobs).toEqual([...layers].sort())
    })

    test('a repository that has blobs and nothing else, which is not listed', async () => {
      const name = parseRepositoryName('blobs/only')
      const { digest } = putBlob(first.root, 'of nobody')
      putLink(first.root, layerLinkPath(name, digest), digest)
      expect((await getBlob(bench.registry, name, digest)).size).toBe(9)
      await pass()
      expect((await getBlob(bench.registry, name, digest)).size).toBe(9)
      expect(await names()).not.toContain(name)
      const [row] = await bench.rows('SELECT reason FROM gc_reviews WHERE digest = $1', [digest])
      expect(row?.['reason']).toBe('found in the tree')
    })
  })

  describe('survives, reports and leaves alone', () => {
    const foreign: [string, string | null, string][] = [
      ['an empty tag link', '', 'empty link'],
      ['a torn tag link', 'sha256:12', 'torn link'],
    ]
    test.each(foreign)('%s', async (_, text, kind) => {
      const link = tagLinkPath(image.repository, parseTag('torn'))
      putLink(first.root, link, text ?? '')
      expect(await tagNames(image.repository)).toEqual(['v0', 'v1', 'v2'])
      const { findings } = await pass()
      expect(findings).toEqual([{ kind, count: 1, places: [link] } as never])
      expect(await tagNames(image.repository)).toEqual(['v0', 'v1', 'v2'])
      expect(readFileSync(path(link), 'utf8')).toBe(text ?? '')
    })

    test('an empty link of a manifest whose bytes are there: the place tells its digest', async () => {
      const link = revisionLinkPath(image.repository, image.digest)
      writeFileSync(path(link), '')
      await expectImage(image)
      const { findings } = await pass()
      expect(findings.map(({ kind }) => kind)).toEqual(['empty link'])
      await expectImage(image)
      expect(readFileSync(path(link), 'utf8')).toBe('')
    })

    test('manifests whose bytes are missing, emptied or changed, and the tags that name them', async () => {
      const [gone, emptied, changed] = images.slice(0, 3) as [OldImage, OldImage, OldImage]
      rmSync(path(blobDataPath(gone.digest)))
      writeFileSync(path(blobDataPath(emptied.digest)), '')
      writeFileSync(path(blobDataPath(changed.digest)), '{"schemaVersion": 2}')
      const { findings } = await pass()
      expect(findings.map(({ kind, count }) => `${count} ${kind}`).sort()).toEqual([
        '1 unreadable manifest',
        '5 missing manifest',
      ])
      expect(await tagNames(gone.repository)).toEqual([])
      await expectImage(image)
    })

    test('layers that were collected', async () => {
      const [, layer] = image.layers as [Digest, Digest]
      rmSync(path(blobDataPath(layer)))
      expect((await failureOf(getBlob(bench.registry, image.repository, layer))).name).toBe('RegistryError')
      const { findings } = await pass()
      expect(findings.map(({ kind }) => kind)).toEqual(['missing blob'])
      expect(await blobFacts(bench, layer)).toBeNull()
      expect((await failureOf(getBlob(bench.registry, image.repository, layer))).name).toBe('RegistryError')
    })

    test('what is not the registry’s: files beside the data and in it, temporary files, uploads, names', async () => {
      for (const folder of [
        'certs',
        'lost+found',
        `${repositoriesFolder}/lost+found`,
        `${repositoriesFolder}/Upper.Case/app/_manifests`,
      ]) {
        mkdirSync(path(folder), { recursive: true })
      }
      putLink(first.root, 'certs/domain.key', 'secret')
      putLink(first.root, `${tagsFolder(image.repository)}/.DS_Store`, 'x')
      putLink(first.root, `${revisionLinkPath(image.repository, image.digest)}.0d8f.tmp`, 'x')
      putLink(first.root, `${repositoryFolder(image.repository)}/_uploads/0d8f/startedat`, 'x')
      const before = await treeOf(first.files, image.repository)
      const { findings, errors } = await pass()
      expect(errors).toBe(0)
      expect(findings.map(describeFinding).sort()).toEqual([
        `found 1 temporary files of another registry, and left them as they are: ${revisionLinkPath(image.repository, image.digest)}.0d8f.tmp`,
        `found 1 uploads that another registry has begun, and left them as they are: ${repositoryFolder(image.repository)}/_uploads/0d8f`,
        `found 2 folders whose names no client can ask for, and left them as they are: ${repositoriesFolder}/Upper.Case, ${repositoriesFolder}/lost+found`,
        `found 3 files and folders that are not a registry's, and left them as they are: certs, lost+found, ${tagsFolder(image.repository)}/.DS_Store`,
      ])
      expect(await treeOf(first.files, image.repository)).toEqual(before)
    })
  })

  describe('a write adopts the repository whole first', () => {
    test('a push', async () => {
      await pushManifest(bench.registry, image.repository, newIndex([]), 'new')
      expect(Object.keys(await tagsOf(bench, image.repository))).toEqual(['new', 'v0', 'v1', 'v2'])
      expect(await tagNames(image.repository)).toEqual(['new', 'v0', 'v1', 'v2'])
      expect(Object.keys(await tagsOf(bench, (images[9] as OldImage).repository))).toEqual([])
    })

    test('a push that moves a tag, and the deletion of one', async () => {
      const index = newIndex([])
      await pushManifest(bench.registry, image.repository, index, 'v1')
      await deleteTag(bench.registry, { repository: image.repository, tag: parseTag('v2'), by: 'ann' })
      await pass()
      expect(await tagsOf(bench, image.repository)).toMatchObject({ v1: index.digest })
      expect(await tagNames(image.repository)).toEqual(['v0', 'v1'])
      expect(readFileSync(path(tagLinkPath(image.repository, parseTag('v1'))), 'utf8')).toBe(index.digest)
    })

    test('an upload that is only begun, and a mount, from both repositories', async () => {
      const { repository } = images[9] as OldImage
      await beginUpload(bench.registry, { repository, principal: 'ann', algorithm: 'sha256' })
      expect(Object.keys(await tagsOf(bench, repository))).toEqual(['v0', 'v1', 'v2'])
      const [, digest] = image.layers as [Digest, Digest]
      const mount = { repository, digest, from: image.repository, scope, by: 'ann' }
      expect(await mountBlob(bench.registry, mount)).toBe(true)
      expect(Object.keys(await tagsOf(bench, image.repository))).toEqual(['v0', 'v1', 'v2'])
      expect((await getBlob(bench.registry, repository, digest)).size).toBeGreaterThan(0)
    })

    test('many at once, while the pass is under way', async () => {
      const repositories = [...new Set(images.map(({ repository }) => repository))]
      const pushes = repositories.flatMap((repository) =>
        [1, 2].map(() => pushImage(bench.registry, repository)),
      )
      const [result, ...pushed] = await Promise.all([pass(), ...pushes])
      expect(result.errors).toBe(0)
      for (const each of images) await expectImage(each)
      expect(await rowCounts()).toMatchObject({ manifests: 12 + pushed.length, tags: 12 })
    })

    test('a new name is nobody’s, and is checked from its beginning', async () => {
      const repository = bench.newRepository()
      await pushImage(bench.registry, repository, 'v1')
      expect(await bench.registry.tree?.find(repository)).toBeNull()
    })
  })

  test('a repository that cannot be read is in error: the others go on, and the next start asks again', async () => {
    const data = path(blobDataPath(image.digest))
    rmSync(data)
    mkdirSync(data)
    const refused = await failureOf(pushManifest(bench.registry, image.repository, newIndex([]), 'new'))
    expect(refused).toBeInstanceOf(StorageUnavailable)
    expect((await pass()).errors).toBe(1)
    expect(await findTreeState(bench.database, bench.registry.tree?.start ?? '')).toBe('partly known')
    await expectImage(images[9] as OldImage)
    expect(await tagNames(image.repository)).toEqual(['v0', 'v1', 'v2'])
    rmSync(data, { recursive: true })
    bench = await first.restarted()
    expect((await pass()).errors).toBe(0)
    expect(await tagNames(image.repository)).toEqual(['v0', 'v2'])
  })

  test('a folder that cannot be looked into keeps nobody from the others', async () => {
    const files = new UnreadableFolder(first.files, repositoryFolder(image.repository))
    const { database, start } = bench.registry.tree as UncheckedTree
    const tree = new UncheckedTree({ database, files, start })
    const errors: string[] = []
    const result = await goThroughTree(tree, {
      process: 'test',
      signal: AbortSignal.timeout(60_000),
      onProgress: () => {},
      onError: (error) => errors.push(error.message),
    })
    expect(result).toMatchObject({ repositories: 3, errors: 1 })
    expect(errors).toEqual([expect.stringContaining(`${repositoryFolder(image.repository)} cannot be read`)])
    expect(tree.isChecked).toBe(false)
    await expectImage(images[9] as OldImage)
  })

  test('what is odd in it is told once, and again when it has changed', async () => {
    const isNew = (findings: string) => bench.database.write(noteFindingsCommand, { findings })
    expect([await isNew('one'), await isNew('one'), await isNew('two')]).toEqual([true, false, true])
  })

  test('a pass that is told to stop stops, and the next one goes on', async () => {
    const stopping = new AbortController()
    stopping.abort()
    const options = { process: 'test', signal: stopping.signal, onProgress: () => {}, onError: () => {} }
    expect(await goThroughTree(bench.registry.tree as UncheckedTree, options)).toBeNull()
    expect((await pass()).errors).toBe(0)
    await expectImage(image)
  })

  test('one process goes through it, and another takes over when that one is not heard of', async () => {
    const start = bench.registry.tree?.start ?? ''
    const claim = (process: string, lease: number) =>
      bench.database.write(claimPassCommand, { start, process, lease })
    expect(await claim('one', 60_000)).toBe(true)
    expect(await claim('other', 60_000)).toBe(false)
    expect(await claim('one', -1)).toBe(true)
    expect(await claim('other', 60_000)).toBe(true)
    expect(await claim('one', 60_000)).toBe(false)
    expect(
      await bench.database.write(claimPassCommand, { start: 'the next', process: 'one', lease: 1 }),
    ).toBe(true)
  })

  test('goes on from where an earlier start was stopped, and believes the tree for what changed since', async () => {
    await bench.registry.tree?.check(image.repository)
    // As if the last command had not come: it is not adopted, and some of it is there.
    await bench.database.write(unadopt, { name: image.repository })
    const [older] = images.filter(({ repository }) => repository === image.repository) as [OldImage]
    putLink(first.root, tagLinkPath(image.repository, parseTag('v1')), older.digest)
    rmSync(path(tagLinkPath(image.repository, parseTag('v2'))))
    bench = await first.restarted()
    await pass()
    expect(await tagsOf(bench, image.repository)).toEqual({ v0: older.digest, v1: older.digest })
  })

  function putFileAt(of: string, bytes: Uint8Array): void {
    mkdirSync(join(path(of), '..'), { recursive: true })
    writeFileSync(path(of), bytes)
  }

  function imageFields(): Record<string, unknown> {
    return { schemaVersion: 2, config: descriptor(image.layers[0] as Digest), layers: [] }
  }

  function putManifest(repository: RepositoryName, fields: Record<string, unknown>): Digest {
    const { digest } = putBlob(first.root, JSON.stringify(fields))
    putLink(first.root, revisionLinkPath(repository, digest), digest)
    return digest
  }

  function descriptor(digest: Digest): Record<string, unknown> {
    return { mediaType: 'application/octet-stream', digest, size: 1 }
  }
})
