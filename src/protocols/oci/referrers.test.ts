/** Referrers over HTTP: an index of what is about a manifest, filtered, and page by page along `Link`. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  type Answer,
  errorsOf,
  followLinks,
  linkOf,
  type OciServer,
  openOciServer,
} from '../../../test/oci-server.ts'
import {
  descriptorOf,
  manifestOf,
  newImage,
  newReferrer,
  pushBlob,
  pushImage,
  pushManifest,
  type Sample,
} from '../../../test/sample-content.ts'
import { digestOf } from '../../oci/digest.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../../oci/media-type.ts'
import { referrersTag } from '../../oci/referrers-tag.ts'
import type { RepositoryName } from '../../oci/repository-name.ts'

const SIGNATURE = 'application/vnd.test.signature+json'
const SBOM = 'application/vnd.test.sbom'

interface Index {
  readonly schemaVersion: number
  readonly mediaType: string
  readonly manifests: readonly { readonly digest: string; readonly artifactType?: string }[]
}

describe('referrers over HTTP', () => {
  let server: OciServer
  let repository: RepositoryName
  let subject: Sample
  let signature: Sample
  let sbom: Sample
  beforeAll(async () => {
    server = await openOciServer()
    repository = server.bench.newRepository()
    const { registry } = server.bench
    const config = await pushBlob(registry, repository)
    subject = await pushImage(registry, repository)
    signature = newReferrer(subject, config, { artifactType: SIGNATURE, annotations: { a: '1' } })
    sbom = newReferrer(subject, config, { artifactType: SBOM })
    for (const each of [signature, sbom]) await pushManifest(registry, repository, each)
  })
  afterAll(() => server.close())

  function ask(query = '', digest: string = subject.digest, name: string = repository): Promise<Answer> {
    return server.ask('GET', `/v2/${name}/referrers/${digest}${query}`)
  }

  test('are an index, with type and length', async () => {
    const answer = await ask()
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe(OCI_INDEX)
    expect(answer.headers.get('content-length')).toBe(String(answer.bytes.length))
    expect(answer.headers.get('oci-filters-applied')).toBeNull()
    expect(JSON.parse(answer.text)).toEqual({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [
        { mediaType: OCI_MANIFEST, digest: sbom.digest, size: sbom.bytes.length, artifactType: SBOM },
        {
          mediaType: OCI_MANIFEST,
          digest: signature.digest,
          size: signature.bytes.length,
          artifactType: SIGNATURE,
          annotations: { a: '1' },
        },
      ],
    })
  })

  test('of one type say that they have been filtered', async () => {
    const answer = await ask(`?artifactType=${encodeURIComponent(SIGNATURE)}`)
    expect(answer.headers.get('oci-filters-applied')).toBe('artifactType')
    expect(indexOf(answer).manifests).toMatchObject([{ digest: signature.digest }])
    const none = await ask('?artifactType=application%2Fnobody')
    expect(none.status).toBe(200)
    expect(none.headers.get('oci-filters-applied')).toBe('artifactType')
    expect(indexOf(none).manifests).toEqual([])
  })

  test('of an empty type are all of them, not filtered', async () => {
    const answer = await ask('?artifactType=')
    expect(answer.headers.get('oci-filters-applied')).toBeNull()
    expect(answer.text).toBe((await ask()).text)
  })

  test.each(['x', ',', 'a,b,c', 'tag,x', '/,sha256:'])(
    'begin at the start after what is no place: %s',
    async (last) => {
      expect((await ask(`?last=${last}`)).text).toBe((await ask()).text)
    },
  )

  test.each([
    ['a manifest that is not there', digestOf(new Uint8Array([1])), 'team/app'],
    ['a repository that is not there', digestOf(new Uint8Array([1])), 'nobody/here'],
    ['a sha512 digest', digestOf(new Uint8Array([1]), 'sha512'), 'team/app'],
  ])('of %s are none, and that is no error', async (_, digest, name) => {
    const answer = await ask('', digest, name)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe(OCI_INDEX)
    expect(indexOf(answer)).toEqual({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] })
  })

  test.each(['sha256:short', 'v1', `md5:${'0'.repeat(32)}`])(
    'of %s, which is no digest: 400',
    async (digest) => {
      const answer = await ask('', digest)
      expect(answer.status).toBe(400)
      expect(errorsOf(answer)).toMatchObject([{ code: 'DIGEST_INVALID' }])
    },
  )

  test('of a repository that cannot be: 400', async () => {
    const answer = await ask('', subject.digest, 'UPPER')
    expect(answer.status).toBe(400)
    expect(errorsOf(answer)).toMatchObject([{ code: 'NAME_INVALID' }])
  })

  test.each(['?last=x', '?last=,', '?last=a,b,c', '?n=1', '?artifactType=', '?ns=docker.io'])(
    'bear %s',
    async (query) => {
      expect((await ask(query)).status).toBe(200)
    },
  )

  test('are told by HEAD with the same length', async () => {
    const head = await server.ask('HEAD', `/v2/${repository}/referrers/${subject.digest}`)
    expect(head.headers.get('content-length')).toBe(String((await ask()).bytes.length))
    expect(head.text).toBe('')
  })

  describe('more than fit a page', () => {
    let large: Sample
    beforeAll(async () => {
      const { registry } = server.bench
      const config = await pushBlob(registry, repository)
      large = newImage({ config })
      await pushManifest(registry, repository, large)
      const annotations = { note: 'x'.repeat(900_000) }
      for (const artifactType of [SIGNATURE, SBOM, SIGNATURE, SBOM, SIGNATURE]) {
        await pushManifest(registry, repository, newReferrer(large, config, { artifactType, annotations }))
      }
    })

    test('come along Link to the end, each once', async () => {
      const pages = await followLinks(server, `/v2/${repository}/referrers/${large.digest}`)
      expect(pages.map((page) => indexOf(page).manifests.length)).toEqual([2, 2, 1])
      const digests = pages.flatMap((page) => indexOf(page).manifests.map(({ digest }) => digest))
      expect(new Set(digests).size).toBe(5)
    })

    test('keep their filter along Link', async () => {
      const query = `?artifactType=${encodeURIComponent(SIGNATURE)}`
      const pages = await followLinks(server, `/v2/${repository}/referrers/${large.digest}${query}`)
      expect(pages.map((page) => indexOf(page).manifests.length)).toEqual([2, 1])
      for (const page of pages) {
        expect(page.headers.get('oci-filters-applied')).toBe('artifactType')
        for (const { artifactType } of indexOf(page).manifests) expect(artifactType).toBe(SIGNATURE)
      }
      expect(linkOf(pages[0] as Answer)).toContain(`artifactType=${encodeURIComponent(SIGNATURE)}`)
    })
  })
})

describe('referrers of older clients, over HTTP', () => {
  let server: OciServer
  beforeAll(async () => {
    server = await openOciServer()
  })
  afterAll(() => server.close())

  test('come along Link after the others, each once', async () => {
    const repository = server.bench.newRepository()
    const { registry } = server.bench
    const config = await pushBlob(registry, repository)
    const subject = await pushImage(registry, repository)
    const annotations = { note: 'x'.repeat(1_500_000) }
    const own = [newReferrer(subject, config, { annotations }), newReferrer(subject, config, { annotations })]
    const old = [newImage({ config }), newImage({ config })]
    for (const each of [...own, ...old]) await pushManifest(registry, repository, each)
    const manifests = [...own, ...old].map((each) => ({ ...descriptorOf(each), annotations }))
    const index = manifestOf(OCI_INDEX, { manifests })
    await pushManifest(registry, repository, index, referrersTag(subject.digest))
    const pages = await followLinks(server, `/v2/${repository}/referrers/${subject.digest}`)
    const digests = pages.flatMap((page) => indexOf(page).manifests.map(({ digest }) => digest))
    expect(digests).toEqual([own, old].flatMap((part) => part.map(({ digest }) => String(digest)).toSorted()))
    for (const page of pages) expect(page.bytes.length).toBeLessThan(4 * 1024 * 1024)
  })
})

function indexOf(answer: Answer): Index {
  return JSON.parse(answer.text) as Index
}
