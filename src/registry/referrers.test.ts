/** What refers to a manifest: filtered, page by page, and together with what older clients left under a tag. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Bench, describeOnDatabases } from '../../test/registry-bench.ts'
import {
  descriptorOf,
  manifestOf,
  newBlob,
  newImage,
  newIndex,
  newReferrer,
  pushBlob,
  pushImage,
  pushManifest,
  type Sample,
} from '../../test/sample-content.ts'
import { digestOf } from '../oci/digest.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../oci/media-type.ts'
import { referrersTag } from '../oci/referrers-tag.ts'
import type { RepositoryName } from '../oci/repository-name.ts'
import { deleteManifest } from './manifests.ts'
import { listReferrers, type ReferrerPlace, type ReferrersPage } from './referrers.ts'

const SIGNATURE = 'application/vnd.test.signature'
const SBOM = 'application/vnd.test.sbom'

describeOnDatabases('referrers', (open) => {
  let bench: Bench
  let repository: RepositoryName
  let config: Sample
  beforeAll(async () => {
    bench = await open({ storage: 'memory' })
  })
  afterAll(() => bench.close())

  async function newSubject(): Promise<Sample> {
    repository = bench.newRepository()
    config = await pushBlob(bench.registry, repository)
    return await pushImage(bench.registry, repository)
  }

  async function refer(subject: Sample, fields: Record<string, unknown> = {}): Promise<Sample> {
    const referrer = newReferrer(subject, config, fields)
    await pushManifest(bench.registry, repository, referrer)
    return referrer
  }

  function list(
    subject: Sample,
    artifactType: string | null = null,
    after: ReferrerPlace | null = null,
  ): Promise<ReferrersPage> {
    return listReferrers(bench.database, { repository, subject: subject.digest, artifactType, after })
  }

  /** Every page one after the other. */
  async function listAll(subject: Sample, artifactType: string | null = null): Promise<ReferrersPage[]> {
    const pages: ReferrersPage[] = []
    let after: ReferrerPlace | null = null
    do {
      const page: ReferrersPage = await list(subject, artifactType, after)
      pages.push(page)
      after = page.next
    } while (after !== null)
    return pages
  }

  describe('of a manifest', () => {
    test('are those whose subject it is, with type, size and annotations', async () => {
      const subject = await newSubject()
      const annotations = { 'org.example.note': 'ü', empty: '' }
      const signature = await refer(subject, { artifactType: SIGNATURE, annotations })
      await refer(await pushImage(bench.registry, repository), { artifactType: SIGNATURE })
      expect(await list(subject)).toEqual({
        referrers: [
          {
            mediaType: OCI_MANIFEST,
            digest: signature.digest,
            size: signature.bytes.length,
            artifactType: SIGNATURE as never,
            annotations,
          },
        ],
        next: null,
      })
    })

    test('without artifactType go by the type of their config', async () => {
      const subject = await newSubject()
      await refer(subject)
      expect((await list(subject)).referrers).toMatchObject([{ artifactType: config.mediaType }])
    })

    test('may be indexes, which have no artifact type of their own', async () => {
      const subject = await newSubject()
      const index = newIndex([], { subject: descriptorOf(subject) })
      await pushManifest(bench.registry, repository, index)
      const [found] = (await list(subject)).referrers
      expect(found).toEqual({ mediaType: OCI_INDEX, digest: index.digest, size: index.bytes.length })
    })

    test('come by artifact type and then by digest', async () => {
      const subject = await newSubject()
      const pushed = []
      for (const artifactType of [SIGNATURE, SBOM, SIGNATURE, SBOM, SIGNATURE]) {
        pushed.push({ artifactType, digest: (await refer(subject, { artifactType })).digest as string })
      }
      const sorted = pushed.toSorted((a, b) =>
        `${a.artifactType} ${a.digest}` < `${b.artifactType} ${b.digest}` ? -1 : 1,
      )
      const found = (await list(subject)).referrers.map(({ artifactType, digest }) => ({
        artifactType: String(artifactType),
        digest: String(digest),
      }))
      expect(found).toEqual(sorted)
    })

    test('of one type are only those', async () => {
      const subject = await newSubject()
      const signature = await refer(subject, { artifactType: SIGNATURE })
      await refer(subject, { artifactType: SBOM })
      const { referrers } = await list(subject, SIGNATURE)
      expect(referrers.map(({ digest }) => digest)).toEqual([signature.digest])
      expect((await list(subject, 'application/vnd.test')).referrers).toEqual([])
    })

    test('of another repository are none of its own', async () => {
      const subject = await newSubject()
      await refer(subject)
      const elsewhere = await listReferrers(bench.database, {
        repository: bench.newRepository(),
        subject: subject.digest,
        artifactType: null,
        after: null,
      })
      expect(elsewhere).toEqual({ referrers: [], next: null })
    })

    test('that is not there are told all the same, and none are no error', async () => {
      await newSubject()
      const absent = newImage()
      expect((await list(absent)).referrers).toEqual([])
      const referrer = await refer(absent)
      expect((await list(absent)).referrers).toMatchObject([{ digest: referrer.digest }])
    })

    test('are gone when they are deleted', async () => {
      const subject = await newSubject()
      const referrer = await refer(subject)
      await deleteManifest(bench.registry, { repository, digest: referrer.digest, by: 'ann' })
      expect((await list(subject)).referrers).toEqual([])
    })

    test('survive the deletion of their subject', async () => {
      const subject = await newSubject()
      const referrer = await refer(subject)
      await deleteManifest(bench.registry, { repository, digest: subject.digest, by: 'ann' })
      expect((await list(subject)).referrers).toMatchObject([{ digest: referrer.digest }])
    })
  })

  describe('more than fit a page', () => {
    test('by their number: every one is on one page, and the last page has no next', async () => {
      const subject = await newSubject()
      const digests: string[] = []
      for (let round = 0; round < 5; round++) {
        const pushed = await Promise.all(
          Array.from({ length: 250 }, (_, index) =>
            refer(subject, { artifactType: index % 5 === 0 ? SBOM : SIGNATURE }),
          ),
        )
        digests.push(...pushed.map(({ digest }) => digest))
      }
      const pages = await listAll(subject)
      expect(pages.map(({ referrers }) => referrers.length)).toEqual([1000, 250])
      const found = pages.flatMap(({ referrers }) => referrers.map(({ digest }) => String(digest)))
      expect(found.toSorted()).toEqual(digests.toSorted())
      expect((await listAll(subject, SIGNATURE)).map(({ referrers }) => referrers.length)).toEqual([1000])
      expect((await listAll(subject, SBOM)).map(({ referrers }) => referrers.length)).toEqual([250])
    })

    test('by their annotations: a page has two million characters of them', async () => {
      const subject = await newSubject()
      const annotations = { note: 'x'.repeat(900_000) }
      for (const artifactType of [SIGNATURE, SIGNATURE, SIGNATURE, SBOM, SBOM]) {
        await refer(subject, { artifactType, annotations })
      }
      const pages = await listAll(subject)
      expect(pages.map(({ referrers }) => referrers.length)).toEqual([2, 2, 1])
      const found = pages.flatMap(({ referrers }) => referrers)
      expect(new Set(found.map(({ digest }) => digest)).size).toBe(5)
      for (const referrer of found) expect(referrer.annotations).toEqual(annotations)
    })

    test('by the annotations of one alone: it has a page to itself', async () => {
      const subject = await newSubject()
      const huge = { note: 'x'.repeat(3_000_000) }
      await refer(subject, { artifactType: SBOM })
      await refer(subject, { artifactType: SIGNATURE, annotations: huge })
      const pages = await listAll(subject)
      expect(pages.map(({ referrers }) => referrers.length)).toEqual([1, 1])
      expect(pages[1]?.referrers[0]?.annotations).toEqual(huge)
    })
  })

  describe('of older clients, under the tag of the subject', () => {
    async function tagFallback(subject: Sample, children: readonly Record<string, unknown>[]) {
      const index = manifestOf(OCI_INDEX, { manifests: children })
      await pushManifest(bench.registry, repository, index, referrersTag(subject.digest))
    }

    test('are listed after the others', async () => {
      const subject = await newSubject()
      const own = await refer(subject)
      const old = newImage()
      await tagFallback(subject, [
        { ...descriptorOf(old), artifactType: SIGNATURE, annotations: { by: 'an older one' } },
      ])
      expect((await list(subject)).referrers).toEqual([
        expect.objectContaining({ digest: own.digest }) as never,
        {
          mediaType: OCI_MANIFEST,
          digest: old.digest,
          size: old.bytes.length,
          artifactType: SIGNATURE as never,
          annotations: { by: 'an older one' },
        },
      ])
    })

    test('are listed once when they are known by their subject too', async () => {
      const subject = await newSubject()
      const own = await refer(subject, { artifactType: SIGNATURE })
      await tagFallback(subject, [{ ...descriptorOf(own), artifactType: SIGNATURE }])
      expect((await list(subject)).referrers).toMatchObject([{ digest: own.digest }])
      expect((await list(subject, SIGNATURE)).referrers).toHaveLength(1)
    })

    test('are filtered by their type as well', async () => {
      const subject = await newSubject()
      const [signature, sbom] = [newImage(), newImage()]
      await tagFallback(subject, [
        { ...descriptorOf(signature), artifactType: SIGNATURE },
        { ...descriptorOf(sbom), artifactType: SBOM },
      ])
      expect((await list(subject, SBOM)).referrers).toMatchObject([{ digest: sbom.digest }])
    })

    test('are on the last page only', async () => {
      const subject = await newSubject()
      const old = newImage()
      const annotations = { note: 'x'.repeat(1_500_000) }
      for (const artifactType of [SIGNATURE, SBOM]) await refer(subject, { artifactType, annotations })
      await tagFallback(subject, [{ ...descriptorOf(old), artifactType: SBOM }])
      const pages = await listAll(subject)
      expect(pages.map(({ referrers }) => referrers.length)).toEqual([1, 2])
      expect(pages[1]?.referrers[1]?.digest).toBe(old.digest)
    })

    test('are none when the tag names something else than an index', async () => {
      const subject = await newSubject()
      const image = newImage({ config })
      await pushManifest(bench.registry, repository, image, referrersTag(subject.digest))
      expect(await list(subject)).toEqual({ referrers: [], next: null })
    })

    test('of a subject that is named by sha512 are found too', async () => {
      await newSubject()
      const bytes = newBlob().bytes
      const subject = { mediaType: OCI_MANIFEST, bytes, digest: digestOf(bytes, 'sha512') }
      const old = newImage()
      await tagFallback(subject, [descriptorOf(old)])
      expect((await list(subject)).referrers).toMatchObject([{ digest: old.digest }])
    })
  })
})
