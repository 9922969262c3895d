/**
 * What another registry did to the tree while Berth did not run: seen at once by whoever asks, and taken over by
 * the comparison. The other registry is played here by changing its files; the real one is in test/peer.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { putBlob, putLink } from '../../../test/old-volume.ts'
import { type Bench, describeOnDatabases, failureOf, THIS_BOOT } from '../../../test/registry-bench.ts'
import { blobFacts, historyOf, marksOf, tagsOf, trashOf } from '../../../test/registry-facts.ts'
import {
  newBlob,
  newImage,
  newIndex,
  pushBlob,
  pushManifest,
  type Sample,
} from '../../../test/sample-content.ts'
import { command } from '../../metadata/database.ts'
import type { Digest } from '../../oci/digest.ts'
import { parseReference } from '../../oci/reference.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { parseTag } from '../../oci/tag.ts'
import {
  blobDataPath,
  layerLinkPath,
  repositoryFolder,
  revisionLinkPath,
  tagFolder,
  tagLinkPath,
} from '../../storage/layout.ts'
import { getBlob } from '../blobs.ts'
import { getManifest, getManifestFacts } from '../manifests.ts'
import { listRepositories } from '../repositories.ts'
import { listRepositoryTags } from '../tags.ts'
import { LinkTree } from './link-tree.ts'

const ALL = { after: '', limit: 1000 }

/** As if the database had been asked for this, and the process had died before the tree showed it. */
const markOnly = command(
  'test.mark-only',
  async (tx, input: { readonly tag: string; readonly values: readonly (string | null)[] }) => {
    for (const value of input.values) {
      await tx.run(
        `INSERT INTO tree_dirty (kind, repository_id, key, value, marked_at)
         SELECT 'tag', repository_id, name, $2, 0 FROM tags WHERE name = $1`,
        [input.tag, value],
      )
    }
  },
)

describeOnDatabases('a tree that another registry has changed', (open) => {
  let first: Bench
  let bench: Bench
  let repository: RepositoryName
  let layer: Sample
  let config: Sample
  let image: Sample
  let other: Sample
  let tag: string
  let tags = 0
  beforeAll(async () => {
    first = await open()
  })
  afterAll(() => first.close())
  beforeEach(async () => {
    repository = first.newRepository()
    layer = await pushBlob(first.registry, repository, newBlob())
    config = await pushBlob(first.registry, repository, newBlob())
    image = newImage({ config, layers: [layer] })
    other = newIndex([])
    tag = `v${++tags}`
    await pushManifest(first.registry, repository, image, tag)
    await pushManifest(first.registry, repository, other, 'other')
    await first.tree.flush(first.database)
    bench = await first.restarted()
  })

  function path(of: string): string {
    return join(first.root, of)
  }

  async function digestOfTag(name: string): Promise<string | null> {
    const reference = parseReference(name)
    return await getManifestFacts(bench.registry, repository, reference).then(
      ({ digest }) => digest,
      () => null,
    )
  }

  async function tagNames(): Promise<readonly string[]> {
    return (await listRepositoryTags(bench.registry, repository, ALL)).items
  }

  async function hasBlob(digest: Digest): Promise<boolean> {
    return await getBlob(bench.registry, repository, digest).then(
      () => true,
      () => false,
    )
  }

  /** What holds for whoever asks before the comparison, and after it from the database alone. */
  async function soonAndLater(holds: () => Promise<void>): Promise<void> {
    expect(await bench.registry.tree?.find(repository)).not.toBeNull()
    await holds()
    await bench.registry.tree?.check(repository)
    expect(await bench.registry.tree?.find(repository)).toBeNull()
    await holds()
  }

  function putManifest(manifest: Sample): void {
    putBlob(first.root, new TextDecoder().decode(manifest.bytes))
    putLink(first.root, revisionLinkPath(repository, manifest.digest), manifest.digest)
  }

  function putTag(name: string, digest: Digest): void {
    putLink(first.root, tagLinkPath(repository, parseTag(name)), digest)
  }

  test('and has not is left as it is', async () => {
    const [before, history] = [await tagsOf(bench, repository), await historyOf(bench, repository)]
    await soonAndLater(async () => expect(await tagNames()).toEqual(['other', tag]))
    expect(await tagsOf(bench, repository)).toEqual(before)
    expect(await historyOf(bench, repository)).toEqual(history)
    expect(await marksOf(bench, repository)).toEqual([])
  })

  test('a tag moved to what is here', async () => {
    putTag(tag, other.digest)
    await soonAndLater(async () => expect(await digestOfTag(tag)).toBe(other.digest))
    const history = (await historyOf(bench, repository)).filter((each) => each.tag === tag)
    expect(history.map(({ digest, by, isOpen }) => ({ digest, by, isOpen }))).toEqual([
      { digest: image.digest, by: 'tester', isOpen: false },
      { digest: other.digest, by: 'another registry', isOpen: true },
    ])
  })

  test('a new image under a moved tag and a new one', async () => {
    const pushed = newIndex([])
    putManifest(pushed)
    putTag(tag, pushed.digest)
    putTag('new', pushed.digest)
    await soonAndLater(async () => {
      expect(await tagNames()).toEqual(['new', 'other', tag])
      for (const name of [tag, 'new']) expect(await digestOfTag(name)).toBe(pushed.digest)
      const { bytes } = await getManifest(bench.registry, repository, parseReference(pushed.digest))
      expect(new Uint8Array(bytes)).toEqual(pushed.bytes)
    })
  })

  test('a tag was deleted: it lies in the trash', async () => {
    rmSync(path(tagFolder(repository, parseTag(tag))), { recursive: true })
    await soonAndLater(async () => {
      expect(await digestOfTag(tag)).toBeNull()
      expect(await tagNames()).toEqual(['other'])
    })
    expect(await trashOf(bench, repository)).toEqual([
      { what: 'tag', by: 'another registry', manifests: [], tags: { [tag]: image.digest } },
    ])
    expect(await digestOfTag(image.digest)).toBe(image.digest)
  })

  test('a manifest was deleted with its tags, and its blobs collected', async () => {
    rmSync(path(tagFolder(repository, parseTag(tag))), { recursive: true })
    rmSync(path(revisionLinkPath(repository, image.digest)))
    for (const each of [image, layer, config]) rmSync(path(blobDataPath(each.digest)))
    await soonAndLater(async () => {
      expect(await digestOfTag(tag)).toBeNull()
      expect(await digestOfTag(image.digest)).toBeNull()
      expect(await hasBlob(layer.digest)).toBe(false)
    })
    expect(await blobFacts(bench, layer.digest)).toBeNull()
    const taken = (await trashOf(bench, repository)).flatMap(({ manifests }) => manifests)
    expect(taken).toEqual([image.digest])
    // Pushing it again makes everything whole.
    const refused = await failureOf(pushManifest(bench.registry, repository, image, tag))
    expect(refused.message).toContain('is not in this repository')
    for (const each of [layer, config]) await pushBlob(bench.registry, repository, each)
    await pushManifest(bench.registry, repository, image, tag)
    expect(await digestOfTag(tag)).toBe(image.digest)
    expect(await hasBlob(layer.digest)).toBe(true)
  })

  test('a link to a blob came, and one went', async () => {
    const { digest } = putBlob(first.root, `new in ${repository}`)
    putLink(first.root, layerLinkPath(repository, digest), digest)
    rmSync(path(layerLinkPath(repository, layer.digest)))
    await soonAndLater(async () => {
      expect(await hasBlob(digest)).toBe(true)
      expect(await hasBlob(layer.digest)).toBe(false)
    })
  })

  test('the whole repository is gone: nothing of it is listed', async () => {
    rmSync(path(repositoryFolder(repository)), { recursive: true })
    await soonAndLater(async () => expect(await digestOfTag(tag)).toBeNull())
    const { items } = await listRepositories(bench.registry, { kind: 'everything' }, ALL)
    expect(items).not.toContain(repository)
    const taken = (await trashOf(bench, repository)).flatMap(({ manifests }) => manifests as string[])
    expect(taken.toSorted()).toEqual([image.digest, other.digest].toSorted())
  })

  describe('where something tells nothing, the database stays', () => {
    test.each([
      ['', 'empty'],
      ['sha256:', 'torn'],
      [`sha256:${'0'.repeat(64)}`, 'of a manifest that is not here'],
    ])('a link that is %j: %s', async (text) => {
      const link = path(tagLinkPath(repository, parseTag(tag)))
      writeFileSync(link, text)
      await bench.registry.tree?.check(repository)
      expect(await digestOfTag(tag)).toBe(image.digest)
      await first.tree.flush(first.database)
      expect(await Bun.file(link).text()).toBe(image.digest)
    })

    test("a manifest's bytes that are lost are put back while its blobs are there", async () => {
      rmSync(path(blobDataPath(image.digest)))
      await soonAndLater(async () => expect(await digestOfTag(tag)).toBe(image.digest))
      expect(new Uint8Array(await Bun.file(path(blobDataPath(image.digest))).bytes())).toEqual(image.bytes)
    })

    test('and without its blobs the manifest is gone', async () => {
      for (const each of [image, layer]) rmSync(path(blobDataPath(each.digest)))
      await bench.registry.tree?.check(repository)
      expect(await digestOfTag(tag)).toBeNull()
      expect(await digestOfTag('other')).toBe(other.digest)
    })

    test('a marked path is Berth’s own: the link may be older than the database', async () => {
      await first.database.write(markOnly, { tag, values: [other.digest, image.digest] })
      putTag(tag, other.digest)
      await soonAndLater(async () => {
        expect(await digestOfTag(tag)).toBe(image.digest)
        expect(await tagNames()).toEqual(['other', tag])
      })
      await first.tree.flush(first.database)
    })
  })

  describe('after a crash', () => {
    function replay(): Promise<unknown> {
      return new LinkTree(first.files, THIS_BOOT).replay(first.database)
    }

    test.each([
      ['an older value', 'other'],
      ['none yet', null],
      ['a torn file', 'sha256:12'],
      ['an empty file', ''],
    ])('a marked link with %s shows the database again', async (_, held) => {
      await first.database.write(markOnly, { tag, values: [null, other.digest, image.digest] })
      if (held === null) rmSync(path(tagFolder(repository, parseTag(tag))), { recursive: true })
      else putLink(first.root, tagLinkPath(repository, parseTag(tag)), held === 'other' ? other.digest : held)
      await replay()
      expect(await Bun.file(path(tagLinkPath(repository, parseTag(tag)))).text()).toBe(image.digest)
      expect(await marksOf(bench, repository)).toEqual([])
    })

    test('a marked link that holds what Berth never wrote there is the tree’s', async () => {
      const pushed = newIndex([])
      putManifest(pushed)
      putTag(tag, pushed.digest)
      await first.database.write(markOnly, { tag, values: [other.digest, image.digest] })
      await replay()
      expect(await marksOf(bench, repository)).toEqual([])
      await soonAndLater(async () => expect(await digestOfTag(tag)).toBe(pushed.digest))
    })

    test('so is one that is gone although it had been there before the first mark', async () => {
      rmSync(path(tagFolder(repository, parseTag(tag))), { recursive: true })
      await first.database.write(markOnly, { tag, values: [other.digest, image.digest] })
      await replay()
      await soonAndLater(async () => expect(await digestOfTag(tag)).toBeNull())
    })

    test('and one whose image was collected by a registry that knew nothing of it', async () => {
      await first.database.write(markOnly, { tag, values: [other.digest, image.digest] })
      putTag(tag, other.digest)
      rmSync(path(revisionLinkPath(repository, image.digest)))
      for (const each of [image, layer, config]) rmSync(path(blobDataPath(each.digest)))
      await replay()
      await soonAndLater(async () => expect(await digestOfTag(tag)).toBe(other.digest))
    })
  })
})
