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
import type { Read } from '../metadata/database.ts'
import { parseDigest } from '../oci/digest.ts'
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
    return listReferrers(bench.registry, { repository, subject: subject.digest, artifactType, after })
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

    test('keep annotations that no database could hold as plain text', async () => {
      const subject = await newSubject()
      const annotations = {
        nul: 'a\0b',
        '\0': 'its name',
        'half a pair': '\ud800 \udc00',
        '\udfff': '',
        a: '\ud83d\ude00',
      }
      const referrer = await refer(subject, { annotations })
      expect((await list(subject)).referrers).toMatchObject([{ digest: referrer.digest, annotations }])
      const [row] = await bench.rows('SELECT annotations FROM manifests WHERE digest = $1', [referrer.digest])
      expect(row?.['annotations']).toBe(JSON.stringify(annotations))
      expect(String(row?.['annotations'])).toContain('a\\u0000b')
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
      const elsewhere = await listReferrers(bench.registry, {
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
      const counted = countingStatements(bench.database)
      const request = { repository, subject: subject.digest, artifactType: null, after: null }
      expect(await listReferrers({ database: counted.read, tree: null }, request)).toEqual(
        pages[0] as ReferrersPage,
      )
      expect(counted.statements()).toBeLessThan(20)
      const found = pages.flatMap(({ referrers }) => referrers.map(({ digest }) => String(digest)))
      expect(found.toSorted()).toEqual(digests.toSorted())
      expect((await listAll(subject, SIGNATURE)).map(({ referrers }) => referrers.length)).toEqual([1000])
      expect((await listAll(subject, SBOM)).map(({ referrers }) => referrers.length)).toEqual([250])
    })

    test('though somebody pushes another one while a page is read: none of the older ones is left out', async () => {
      const subject = await newSubject()
      const digests = await Promise.all(
        Array.from({ length: 1000 }, async () =>
          String((await refer(subject, { artifactType: SBOM })).digest),
        ),
      )
      const newcomer = newReferrer(subject, config, { artifactType: 'application/a' })
      const meanwhile = countingStatements(bench.database, async (count) => {
        if (count === 3) await pushManifest(bench.registry, repository, newcomer)
      })
      const request = { repository, subject: subject.digest, artifactType: null, after: null }
      const first = await listReferrers({ database: meanwhile.read, tree: null }, request)
      expect(first.referrers).toHaveLength(1000)
      const rest = await list(subject, null, first.next)
      const found = [...first.referrers, ...rest.referrers].map(({ digest }) => String(digest))
      expect(found.toSorted()).toEqual([...digests, String(newcomer.digest)].toSorted())
    })

    test('by the bytes of their annotations, not the characters', async () => {
      const subject = await newSubject()
      const annotations = { note: '漢'.repeat(600_000) }
      for (const artifactType of [SIGNATURE, SBOM]) await refer(subject, { artifactType, annotations })
      expect((await listAll(subject)).map(({ referrers }) => referrers.length)).toEqual([1, 1])
    })

    test('by their annotations: a page has two million bytes of them', async () => {
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

    /** A manifest that names no subject, as such clients pushed it. */
    async function pushOld(): Promise<Sample> {
      const old = newImage({ config })
      await pushManifest(bench.registry, repository, old)
      return old
    }

    async function digestsListed(subject: Sample): Promise<string[]> {
      return (await list(subject)).referrers.map(({ digest }) => String(digest))
    }

    test('are listed after the others', async () => {
      const subject = await newSubject()
      const own = await refer(subject)
      const old = await pushOld()
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
      expect(await digestsListed(subject)).toEqual([own.digest])
      expect((await list(subject, SIGNATURE)).referrers).toHaveLength(1)
    })

    test('are none when they say that they are about something else', async () => {
      const subject = await newSubject()
      const stranger = await refer(await pushImage(bench.registry, repository))
      await tagFallback(subject, [descriptorOf(stranger)])
      expect(await digestsListed(subject)).toEqual([])
    })

    test('are none when they are not here: never pushed, deleted, or in another repository', async () => {
      const subject = await newSubject()
      const own = await refer(subject)
      const [old, elsewhere] = [await pushOld(), newImage()]
      await tagFallback(subject, [own, old, elsewhere].map(descriptorOf))
      expect(await digestsListed(subject)).toEqual([own.digest, old.digest])
      for (const { digest } of [own, old]) {
        await deleteManifest(bench.registry, { repository, digest, by: 'ann' })
      }
      expect(await digestsListed(subject)).toEqual([])
    })

    test('are filtered by their type as well', async () => {
      const subject = await newSubject()
      const [signature, sbom] = [await pushOld(), await pushOld()]
      await tagFallback(subject, [
        { ...descriptorOf(signature), artifactType: SIGNATURE },
        { ...descriptorOf(sbom), artifactType: SBOM },
      ])
      expect((await list(subject, SBOM)).referrers).toMatchObject([{ digest: sbom.digest }])
    })

    test('are on the last page only', async () => {
      const subject = await newSubject()
      const old = await pushOld()
      const annotations = { note: 'x'.repeat(1_500_000) }
      for (const artifactType of [SIGNATURE, SBOM]) await refer(subject, { artifactType, annotations })
      await tagFallback(subject, [{ ...descriptorOf(old), artifactType: SBOM }])
      const pages = await listAll(subject)
      expect(pages.map(({ referrers }) => referrers.length)).toEqual([1, 2])
      expect(pages[1]?.referrers[1]?.digest).toBe(old.digest)
    })

    test('are no more than fit a page by their annotations, together with the others', async () => {
      const subject = await newSubject()
      const old = [await pushOld(), await pushOld(), await pushOld()]
      const annotations = { note: 'x'.repeat(900_000) }
      await refer(subject, { annotations })
      await tagFallback(
        subject,
        old.map((each) => ({ ...descriptorOf(each), annotations })),
      )
      const pages = await listAll(subject)
      expect(pages.map(({ referrers }) => referrers.length)).toEqual([2, 2])
      const found = pages.flatMap(({ referrers }) => referrers.map(({ digest }) => String(digest)))
      expect(found.slice(1)).toEqual(old.map(({ digest }) => String(digest)).toSorted())
    })

    test('are no more than a thousand a page, looked up together', async () => {
      const subject = await newSubject()
      const old = [await pushOld(), await pushOld()]
      const absent = Array.from({ length: 2400 }, () => newImage())
      await tagFallback(subject, [...old, ...absent].map(descriptorOf))
      const counted = countingStatements(bench.database)
      const request = { repository, subject: subject.digest, artifactType: null }
      const first = await listReferrers({ database: counted.read, tree: null }, { ...request, after: null })
      expect(counted.statements()).toBeLessThan(20)
      expect(first.next).toMatchObject({ among: 'tag' })
      const pages = await listAll(subject)
      expect(pages).toHaveLength(3)
      const found = pages.flatMap(({ referrers }) => referrers.map(({ digest }) => String(digest)))
      expect(found).toEqual(old.map(({ digest }) => String(digest)).toSorted())
    })

    test('begin a page of their own after a page that the others fill', async () => {
      const subject = await newSubject()
      const old = await pushOld()
      await tagFallback(subject, [{ ...descriptorOf(old), annotations: { note: 'one more' } }])
      const note = 'x'.repeat(2 * 1024 * 1024 - '{"note":""}'.length)
      await refer(subject, { annotations: { note } })
      const pages = await listAll(subject)
      expect(pages.map(({ referrers }) => referrers.length)).toEqual([1, 1])
      expect(pages[1]?.referrers[0]?.digest).toBe(old.digest)
    })

    test('are none when the tag names something else than an index', async () => {
      const subject = await newSubject()
      const image = newImage({ config })
      await pushManifest(bench.registry, repository, image, referrersTag(subject.digest))
      expect(await list(subject)).toEqual({ referrers: [], next: null })
    })

    test('of two subjects that share a tag go by the subject that they name, or else are listed for both', async () => {
      await newSubject()
      const [one, other] = ['a', 'b'].map((end) => {
        const digest = parseDigest(`sha512:${'0123456789abcdef'.repeat(4)}${end.repeat(64)}`)
        return { mediaType: OCI_MANIFEST, bytes: newBlob().bytes, digest }
      }) as [Sample, Sample]
      const [ofOne, ofOther, ofEither] = [await refer(one), await refer(other), await pushOld()]
      await tagFallback(one, [ofOne, ofOther, ofEither].map(descriptorOf))
      expect(await digestsListed(one)).toEqual([ofOne.digest, ofEither.digest])
      expect(await digestsListed(other)).toEqual([ofOther.digest, ofEither.digest])
    })
  })
})

/** The same reads, counted, with what is to happen before each. */
function countingStatements(database: Read, before: (count: number) => Promise<void> = async () => {}) {
  let count = 0
  const read: Read = {
    async one(sql, values, decode) {
      await before(++count)
      return await database.one(sql, values, decode)
    },
    async all(sql, values, decode) {
      await before(++count)
      return await database.all(sql, values, decode)
    },
  }
  return { read, statements: () => count }
}
