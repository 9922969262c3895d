/** What is garbage and what is not, told page by page, on both databases. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Bench, describeOnDatabases, failureOf } from '../../../test/registry-bench.ts'
import {
  newBlob,
  newImage,
  newIndex,
  newReferrer,
  pushBlob,
  pushManifest,
  type Sample,
} from '../../../test/sample-content.ts'
import type { Digest } from '../../oci/digest.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'
import { blobDataPath } from '../../storage/layout.ts'
import { deleteManifest } from '../manifests.ts'
import {
  findGarbage,
  GARBAGE_BEGIN,
  type GarbageCounts,
  type GarbageFinding,
  GarbageUnknown,
  PUSH_UNDER_WAY,
} from './garbage.ts'

// Hundreds of pushes to PostgreSQL, beside other tests.
setDefaultTimeout(30_000)

interface Found {
  readonly findings: readonly GarbageFinding[]
  readonly counts: GarbageCounts
  readonly pages: number
  of(kind: GarbageFinding['kind'], repository?: RepositoryName): Set<Digest>
}

interface LookOptions {
  readonly deleteUntagged?: boolean
  readonly knownUntil?: number | null
}

async function look(
  bench: Bench,
  { deleteUntagged = false, knownUntil = null }: LookOptions = {},
): Promise<Found> {
  const findings: GarbageFinding[] = []
  let pages = 0
  const place = { read: bench.database, files: bench.files, start: null, knownUntil }
  for (let cursor = GARBAGE_BEGIN; ; ) {
    // Whoever asks carries the place as JSON.
    const page = await findGarbage(place, { deleteUntagged }, JSON.parse(JSON.stringify(cursor)))
    findings.push(...page.findings)
    pages++
    if (page.next === null) break
    cursor = page.next
  }
  const counts = findings.find((finding) => finding.kind === 'counts')
  if (counts === undefined) throw new Error('nothing was counted')
  return {
    findings,
    counts,
    pages,
    of: (kind, repository) =>
      new Set(
        findings
          .filter((finding) => finding.kind === kind)
          .filter(
            (finding) =>
              repository === undefined || ('repository' in finding && finding.repository === repository),
          )
          .flatMap((finding) => ('digest' in finding ? [finding.digest] : [])),
      ),
  }
}

function digests(...samples: readonly Sample[]): Set<Digest> {
  return new Set(samples.map(({ digest }) => digest))
}

describeOnDatabases('garbage', (open) => {
  let bench: Bench
  let repository: RepositoryName
  beforeAll(async () => {
    bench = await open()
  })
  afterAll(() => bench.close())

  async function pushLayers(count: number): Promise<Sample[]> {
    return await Promise.all(Array.from({ length: count }, () => pushBlob(bench.registry, repository)))
  }

  describe('is, in a registry with a bit of everything,', () => {
    let all: Record<
      | 'tagged'
      | 'loose'
      | 'config'
      | 'layer'
      | 'child'
      | 'grandchild'
      | 'inner'
      | 'outer'
      | 'signature'
      | 'looseSignature'
      | 'orphan',
      Sample
    >
    let plain: Found
    let strict: Found
    beforeAll(async () => {
      repository = bench.newRepository()
      const config = await pushBlob(bench.registry, repository)
      const [layer, looseLayer, orphan] = (await pushLayers(3)) as [Sample, Sample, Sample]
      const tagged = newImage({ config, layers: [layer] })
      await pushManifest(bench.registry, repository, tagged, 'v1')
      const loose = newImage({ config, layers: [layer, looseLayer] })
      await pushManifest(bench.registry, repository, loose)
      const [child, grandchild] = [
        newImage({ config }),
        newImage({ config, fields: { annotations: { a: 'b' } } }),
      ]
      const inner = newIndex([grandchild])
      const outer = newIndex([child, inner])
      for (const manifest of [child, grandchild, inner])
        await pushManifest(bench.registry, repository, manifest)
      await pushManifest(bench.registry, repository, outer, 'multi')
      const signature = newReferrer(grandchild, config)
      const looseSignature = newReferrer(loose, config)
      for (const manifest of [signature, looseSignature])
        await pushManifest(bench.registry, repository, manifest)
      all = {
        tagged,
        loose,
        config,
        layer: looseLayer,
        child,
        grandchild,
        inner,
        outer,
        signature,
        looseSignature,
        orphan,
      }
      plain = await look(bench)
      strict = await look(bench, { deleteUntagged: true })
    })

    test('what no manifest refers to', () => {
      expect(plain.of('garbage blob')).toEqual(digests(all.orphan))
      expect(plain.counts).toMatchObject({ kept: 11, blobs: 1, manifests: 0, inTrash: 0 })
    })

    test('not a manifest without a tag, unless that is wished for', () => {
      expect(plain.of('garbage manifest')).toEqual(new Set())
      expect(strict.of('garbage manifest')).toEqual(digests(all.loose, all.looseSignature))
    })

    test('never what a tagged index lists, however deep, nor what is about that', () => {
      expect(strict.of('kept manifest', repository)).toEqual(
        digests(all.tagged, all.child, all.grandchild, all.inner, all.outer, all.signature),
      )
    })

    test('what only a garbage manifest refers to, and that manifest itself', () => {
      expect(strict.of('garbage blob')).toEqual(digests(all.orphan, all.layer, all.loose, all.looseSignature))
      expect(strict.counts).toMatchObject({ kept: 8, blobs: 4, manifests: 2, inTrash: 0 })
    })

    test('told repository by repository, its children among what an index keeps', () => {
      expect(plain.findings[0]).toEqual({ kind: 'repository', repository })
      const at = plain.findings.findIndex(
        (each) => each.kind === 'kept manifest' && each.digest === all.inner.digest,
      )
      expect(plain.findings[at + 1]).toEqual({ kind: 'kept blob', repository, digest: all.grandchild.digest })
    })
  })

  test('is not what another repository keeps', async () => {
    const config = newBlob()
    const image = newImage({ config })
    const [one, two] = [bench.newRepository(), bench.newRepository()]
    for (const each of [one, two]) await pushBlob(bench.registry, each, config)
    await pushManifest(bench.registry, one, image, 'v1')
    await pushManifest(bench.registry, two, image)
    const found = await look(bench, { deleteUntagged: true })
    expect(found.of('garbage manifest', two)).toEqual(digests(image))
    expect(found.of('garbage blob').has(image.digest)).toBe(false)
    expect(found.of('garbage blob').has(config.digest)).toBe(false)
  })

  test('is not what lies in the trash, which is counted', async () => {
    repository = bench.newRepository()
    const [layer] = (await pushLayers(1)) as [Sample]
    const config = await pushBlob(bench.registry, repository)
    const image = newImage({ config, layers: [layer] })
    await pushManifest(bench.registry, repository, image, 'v1')
    const before = await look(bench)
    await deleteManifest(bench.registry, { repository, digest: image.digest, by: 'ann' })
    const after = await look(bench)
    expect(after.of('garbage blob')).toEqual(before.of('garbage blob'))
    expect(after.counts.inTrash - before.counts.inTrash).toBe(3)
    expect(before.counts.kept - after.counts.kept).toBe(3)
  })

  test('is not a manifest without a tag that another repository has in its trash', async () => {
    const config = newBlob()
    const image = newImage({ config })
    const [one, two] = [bench.newRepository(), bench.newRepository()]
    for (const each of [one, two]) {
      await pushBlob(bench.registry, each, config)
      await pushManifest(bench.registry, each, image)
    }
    await deleteManifest(bench.registry, { repository: one, digest: image.digest, by: 'ann' })
    const found = await look(bench, { deleteUntagged: true })
    expect(found.of('garbage manifest', two)).toEqual(digests(image))
    for (const { digest } of [image, config]) expect(found.of('garbage blob').has(digest)).toBe(false)
  })

  test('is content that no repository knows, once it can be no push under way, but no file that is not content', async () => {
    const lost = newBlob()
    const path = join(bench.root, blobDataPath(lost.digest))
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, lost.bytes)
    const recently = await look(bench)
    expect(recently.of('garbage blob').has(lost.digest)).toBe(false)
    utimesSync(path, new Date(), new Date(Date.now() - 2 * PUSH_UNDER_WAY))
    const emptied = newBlob()
    mkdirSync(dirname(join(bench.root, blobDataPath(emptied.digest))), { recursive: true })
    writeFileSync(join(bench.root, 'docker/registry/v2/blobs/sha256/.DS_Store'), 'x')
    const found = await look(bench)
    expect(found.of('garbage blob').has(lost.digest)).toBe(true)
    expect(found.of('garbage blob').has(emptied.digest)).toBe(false)
  })

  test('is not told of where something came after the database had heard its last', async () => {
    repository = bench.newRepository()
    await pushBlob(bench.registry, repository)
    expect(await failureOf(look(bench, { knownUntil: Date.now() - 60_000 }))).toBeInstanceOf(GarbageUnknown)
    expect((await look(bench, { knownUntil: Date.now() + 60_000 })).counts.blobs).toBeGreaterThan(0)
  })

  test('is not told of before the tree has been gone through', async () => {
    const place = { read: bench.database, files: bench.files, start: 'another', knownUntil: null }
    const error = await failureOf(findGarbage(place, { deleteUntagged: false }, GARBAGE_BEGIN))
    expect(error).toBeInstanceOf(GarbageUnknown)
    expect(error.message).toContain('still being gone through')
  })

  test('is found a page at a time in a repository of many manifests', async () => {
    repository = bench.newRepository()
    const config = await pushBlob(bench.registry, repository)
    const images = Array.from({ length: 120 }, (_, n) =>
      newImage({ config, fields: { annotations: { n: `${n}` } } }),
    )
    for (const [n, image] of images.entries()) {
      await pushManifest(bench.registry, repository, image, n % 2 === 0 ? `v${n}` : undefined)
    }
    const found = await look(bench, { deleteUntagged: true })
    expect(found.of('kept manifest', repository).size).toBe(60)
    expect(found.of('garbage manifest', repository).size).toBe(60)
    expect(
      found.findings.filter((each) => each.kind === 'repository' && each.repository === repository),
    ).toHaveLength(1)
  })
})
