/** A volume that another registry filled: served at once from its files, and taken over as a whole. */
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
import { type OldImage, putBlob, putLink } from '../../../test/old-volume.ts'
import { OldVolumeBench } from '../../../test/old-volume-bench.ts'
import { type Bench, describeOnDatabases, failureOf } from '../../../test/registry-bench.ts'
import { edgesOf, historyOf, tagsOf, treeOf } from '../../../test/registry-facts.ts'
import { newIndex, pushImage, pushManifest } from '../../../test/sample-content.ts'
import { command } from '../../metadata/database.ts'
import { type Digest, digestOf } from '../../oci/digest.ts'
import { DOCKER_SCHEMA_1 } from '../../oci/media-type.ts'
import { parseReference } from '../../oci/reference.ts'
import { byFolders, parseRepositoryName, type RepositoryName } from '../../oci/repository-name.ts'
import { parseTag } from '../../oci/tag.ts'
import {
  blobDataPath,
  layerLinkPath,
  revisionLinkPath,
  tagIndexLinkPath,
  tagLinkPath,
} from '../../storage/layout.ts'
import type { TreeStore } from '../../storage/tree-store.ts'
import { getBlob, mountBlob } from '../blobs.ts'
import { getManifest, getManifestFacts } from '../manifests.ts'
import { listReferrers } from '../referrers.ts'
import { listRepositories } from '../repositories.ts'
import { deleteTag, listRepositoryTags } from '../tags.ts'
import { beginUpload } from '../uploads.ts'
import { claimPassCommand } from './tree.commands.ts'
import { findTreeState, goThroughTree, type PassProgress } from './tree-pass.ts'
import { UncheckedTree } from './unchecked-tree.ts'

const ALL = { after: '', limit: 1000 }
const scope = { kind: 'everything' } as const

const unadopt = command('test.unadopt', async (tx, input: { readonly name: string }) => {
  await tx.run('UPDATE repositories SET adopted_at = NULL WHERE name = $1', [input.name])
})

// Each test has a database of its own, for each begins before anything is known.
setDefaultTimeout(30_000)

/** A disk that takes its time over the manifests of a repository. */
class SlowRevisions extends DelegatingTreeStore {
  readonly #until: Promise<unknown>

  constructor(real: TreeStore, until: Promise<unknown>) {
    super(real)
    this.#until = until
  }

  override async list(path: string): Promise<string[]> {
    if (path.endsWith('/revisions')) await this.#until
    return await super.list(path)
  }
}

describeOnDatabases('a volume that another registry filled', (open) => {
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

  test('is served before anything was written', async () => {
    for (const each of volume.images) await volume.expectImage(each)
    expect(await volume.names()).toEqual(
      [...new Set(volume.images.map(({ repository }) => repository))].sort(byFolders),
    )
    expect(await volume.tagNames(volume.image.repository)).toEqual(['v0', 'v1', 'v2'])
    expect(Object.values(await volume.rowCounts())).toEqual([0, 0, 0, 0, 0, 0])
  })

  test('says that it goes on while one repository takes long', async () => {
    const told = Promise.withResolvers<void>()
    const files = new SlowRevisions(volume.first.files, told.promise)
    const { database, start } = volume.bench.registry.tree as UncheckedTree
    const progress: PassProgress[] = []
    await goThroughTree(new UncheckedTree({ database, files, start }), {
      process: 'test',
      signal: AbortSignal.timeout(60_000),
      onProgress(made) {
        progress.push(made)
        told.resolve()
      },
      onError: () => {},
    })
    expect(progress[0]?.done).toBe(0)
    expect(progress.at(-1)).toEqual({ done: 4, total: 4 })
  })

  test('is refused what it does not have', async () => {
    const other = volume.images[9] as OldImage
    const [, , own] = other.layers
    const missing = [
      () => getManifest(volume.bench.registry, volume.image.repository, parseReference(other.digest)),
      () => getManifest(volume.bench.registry, volume.image.repository, parseReference('v9')),
      () => getBlob(volume.bench.registry, volume.image.repository, own as Digest),
      () => listRepositoryTags(volume.bench.registry, parseRepositoryName('nobody'), ALL),
    ]
    for (const ask of missing) expect((await failureOf(ask())).name).toBe('RegistryError')
  })

  test('pages its catalog in order while the names are not known', async () => {
    const all = await volume.names()
    const paged: string[] = []
    for (let after = ''; ; after = paged.at(-1) ?? '') {
      const { items, hasMore } = await listRepositories(volume.bench.registry, scope, { after, limit: 3 })
      paged.push(...items)
      if (!hasMore) break
    }
    expect(paged).toEqual(all)
  })

  test('is known whole after one pass, file for file as it was', async () => {
    const before = await treeOf(volume.first.files, volume.image.repository)
    const { repositories, errors, findings } = await volume.pass()
    expect({ repositories, errors, findings }).toEqual({ repositories: 4, errors: 0, findings: [] })
    expect(volume.bench.registry.tree?.isChecked).toBe(true)
    for (const each of volume.images) await volume.expectImage(each)
    expect(await volume.rowCounts()).toEqual({
      manifests: 12,
      manifest_payloads: 12,
      blobs: 12 * 3 + 1,
      repository_blobs: 12 * 3 + 4,
      tags: 12,
      tag_history: 12,
    })
    expect((await edgesOf(volume.bench, volume.image.repository, volume.image.digest)).blobs).toHaveLength(4)
    expect(await treeOf(volume.first.files, volume.image.repository)).toEqual(before)
  })

  test('is told to be known only when the pass has ended', async () => {
    const start = volume.bench.registry.tree?.start ?? ''
    expect(await findTreeState(volume.bench.database, start)).toBe('unknown')
    await volume.pass()
    expect(await findTreeState(volume.bench.database, start)).toBe('known')
    expect(await findTreeState(volume.bench.database, 'the next start')).toBe('unknown')
  })

  describe('takes over', () => {
    test('what a tag has named before, with its times', async () => {
      const [older, newer] = [volume.images[3], volume.images[5]].map((each) => each?.digest) as [
        Digest,
        Digest,
      ]
      const tag = parseTag('v1')
      for (const [digest, time] of [
        [older, 1_000],
        [newer, 2_000],
        [volume.image.digest, 3_000],
      ] as const) {
        putLink(volume.first.root, tagIndexLinkPath(volume.image.repository, tag, digest), digest)
        utimesSync(volume.path(tagIndexLinkPath(volume.image.repository, tag, digest)), time, time)
      }
      utimesSync(volume.path(tagLinkPath(volume.image.repository, tag)), 3_000, 3_000)
      await volume.pass()
      const history = (await historyOf(volume.bench, volume.image.repository)).filter(
        (each) => each.tag === 'v1',
      )
      expect(history.map(({ digest, isOpen }) => ({ digest, isOpen }))).toEqual([
        { digest: older, isOpen: false },
        { digest: newer, isOpen: false },
        { digest: volume.image.digest, isOpen: true },
      ])
      const [row] = await volume.bench.rows('SELECT from_at, until_at FROM tag_history WHERE digest = $1', [
        newer,
      ])
      expect([Number(row?.['from_at']), Number(row?.['until_at'])]).toEqual([2_000_000, 3_000_000])
    })

    test('sha512, indexes without their children, and what refers to a manifest', async () => {
      const { repository } = volume.image
      const index = newIndex([{ ...newIndex([]), digest: digestOf(new Uint8Array([1, 2, 3])) }])
      const digest = digestOf(index.bytes, 'sha512')
      const referrer = putManifest(repository, { ...imageFields(), subject: descriptor(volume.image.digest) })
      putFileAt(blobDataPath(digest), index.bytes)
      putLink(volume.first.root, revisionLinkPath(repository, digest), digest)
      putLink(volume.first.root, tagLinkPath(repository, parseTag('long')), digest)
      await volume.pass()
      expect((await getManifestFacts(volume.bench.registry, repository, parseReference('long'))).digest).toBe(
        digest,
      )
      const subject = { repository, subject: volume.image.digest, artifactType: null, after: null }
      const { referrers } = await listReferrers(volume.bench.registry, subject)
      expect(referrers.map((each) => each.digest)).toEqual([referrer])
    })

    test('a manifest of schema version 1 as it lies there, with the layers that it names', async () => {
      const { repository, layers } = volume.image
      const digest = putManifest(repository, {
        schemaVersion: 1,
        name: repository,
        fsLayers: layers.map((blobSum) => ({ blobSum })),
      })
      mkdirSync(volume.path(revisionLinkPath(repository, digest).replace(/link$/, 'signatures/sha256')), {
        recursive: true,
      })
      const { findings } = await volume.pass()
      expect(findings.map(({ kind }) => kind)).toEqual(['old signature'])
      expect(await getManifestFacts(volume.bench.registry, repository, parseReference(digest))).toMatchObject(
        {
          mediaType: DOCKER_SCHEMA_1,
        },
      )
      expect((await edgesOf(volume.bench, repository, digest)).blobs).toEqual([...layers].sort())
    })

    test('a repository that has blobs and nothing else, which is not listed', async () => {
      const name = parseRepositoryName('blobs/only')
      const { digest } = putBlob(volume.first.root, 'of nobody')
      putLink(volume.first.root, layerLinkPath(name, digest), digest)
      expect((await getBlob(volume.bench.registry, name, digest)).size).toBe(9)
      await volume.pass()
      expect((await getBlob(volume.bench.registry, name, digest)).size).toBe(9)
      expect(await volume.names()).not.toContain(name)
      const [row] = await volume.bench.rows('SELECT reason FROM gc_reviews WHERE digest = $1', [digest])
      expect(row?.['reason']).toBe('found in the tree')
    })
  })

  describe('a write adopts the repository whole first', () => {
    test('a push', async () => {
      await pushManifest(volume.bench.registry, volume.image.repository, newIndex([]), 'new')
      expect(Object.keys(await tagsOf(volume.bench, volume.image.repository))).toEqual([
        'new',
        'v0',
        'v1',
        'v2',
      ])
      expect(await volume.tagNames(volume.image.repository)).toEqual(['new', 'v0', 'v1', 'v2'])
      expect(Object.keys(await tagsOf(volume.bench, (volume.images[9] as OldImage).repository))).toEqual([])
    })

    test('a push that moves a tag, and the deletion of one', async () => {
      const index = newIndex([])
      await pushManifest(volume.bench.registry, volume.image.repository, index, 'v1')
      await deleteTag(volume.bench.registry, {
        repository: volume.image.repository,
        tag: parseTag('v2'),
        by: 'ann',
      })
      await volume.pass()
      expect(await tagsOf(volume.bench, volume.image.repository)).toMatchObject({ v1: index.digest })
      expect(await volume.tagNames(volume.image.repository)).toEqual(['v0', 'v1'])
      expect(readFileSync(volume.path(tagLinkPath(volume.image.repository, parseTag('v1'))), 'utf8')).toBe(
        index.digest,
      )
    })

    test('an upload that is only begun, and a mount, from both repositories', async () => {
      const { repository } = volume.images[9] as OldImage
      await beginUpload(volume.bench.registry, { repository, principal: 'ann', algorithm: 'sha256' })
      expect(Object.keys(await tagsOf(volume.bench, repository))).toEqual(['v0', 'v1', 'v2'])
      const [, digest] = volume.image.layers as [Digest, Digest]
      const mount = { repository, digest, from: volume.image.repository, scope, by: 'ann' }
      expect(await mountBlob(volume.bench.registry, mount)).toBe(true)
      expect(Object.keys(await tagsOf(volume.bench, volume.image.repository))).toEqual(['v0', 'v1', 'v2'])
      expect((await getBlob(volume.bench.registry, repository, digest)).size).toBeGreaterThan(0)
    })

    test('many at once, while the pass is under way', async () => {
      const repositories = [...new Set(volume.images.map(({ repository }) => repository))]
      const pushes = repositories.flatMap((repository) =>
        [1, 2].map(() => pushImage(volume.bench.registry, repository)),
      )
      const [result, ...pushed] = await Promise.all([volume.pass(), ...pushes])
      expect(result.errors).toBe(0)
      for (const each of volume.images) await volume.expectImage(each)
      expect(await volume.rowCounts()).toMatchObject({ manifests: 12 + pushed.length, tags: 12 })
    })

    test('a new name is nobody’s, and is checked from its beginning', async () => {
      const repository = volume.bench.newRepository()
      await pushImage(volume.bench.registry, repository, 'v1')
      expect(await volume.bench.registry.tree?.find(repository)).toBeNull()
    })
  })

  test('a pass that is told to stop stops, and the next one goes on', async () => {
    const stopping = new AbortController()
    stopping.abort()
    const options = { process: 'test', signal: stopping.signal, onProgress: () => {}, onError: () => {} }
    expect(await goThroughTree(volume.bench.registry.tree as UncheckedTree, options)).toBeNull()
    expect((await volume.pass()).errors).toBe(0)
    await volume.expectImage(volume.image)
  })

  test('one process goes through it, and another takes over when that one is not heard of', async () => {
    const start = volume.bench.registry.tree?.start ?? ''
    const claim = (process: string, lease: number) =>
      volume.bench.database.write(claimPassCommand, { start, process, lease })
    expect(await claim('one', 60_000)).toBe(true)
    expect(await claim('other', 60_000)).toBe(false)
    expect(await claim('one', -1)).toBe(true)
    expect(await claim('other', 60_000)).toBe(true)
    expect(await claim('one', 60_000)).toBe(false)
    expect(
      await volume.bench.database.write(claimPassCommand, { start: 'the next', process: 'one', lease: 1 }),
    ).toBe(true)
  })

  test('goes on from where an earlier start was stopped, and believes the tree for what changed since', async () => {
    await volume.bench.registry.tree?.check(volume.image.repository)
    // As if the last command had not come: it is not adopted, and some of it is there.
    await volume.bench.database.write(unadopt, { name: volume.image.repository })
    const [older] = volume.images.filter(({ repository }) => repository === volume.image.repository) as [
      OldImage,
    ]
    putLink(volume.first.root, tagLinkPath(volume.image.repository, parseTag('v1')), older.digest)
    rmSync(volume.path(tagLinkPath(volume.image.repository, parseTag('v2'))))
    volume.bench = await volume.first.restarted()
    await volume.pass()
    expect(await tagsOf(volume.bench, volume.image.repository)).toEqual({
      v0: older.digest,
      v1: older.digest,
    })
  })

  function putFileAt(of: string, bytes: Uint8Array): void {
    mkdirSync(join(volume.path(of), '..'), { recursive: true })
    writeFileSync(volume.path(of), bytes)
  }

  function imageFields(): Record<string, unknown> {
    return { schemaVersion: 2, config: descriptor(volume.image.layers[0] as Digest), layers: [] }
  }

  function putManifest(repository: RepositoryName, fields: Record<string, unknown>): Digest {
    const { digest } = putBlob(volume.first.root, JSON.stringify(fields))
    putLink(volume.first.root, revisionLinkPath(repository, digest), digest)
    return digest
  }

  function descriptor(digest: Digest): Record<string, unknown> {
    return { mediaType: 'application/octet-stream', digest, size: 1 }
  }
})
