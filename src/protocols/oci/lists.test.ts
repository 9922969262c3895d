/** Lists of tags and repositories over HTTP: whole, page by page along `Link`, and what `n` and `last` may be. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  type Answer,
  errorsOf,
  followLinks,
  linkOf,
  type OciServer,
  openOciServer,
} from '../../../test/oci-server.ts'
import { openOnPostgres, openOnSqlite } from '../../../test/registry-bench.ts'
import { newIndex, pushManifest } from '../../../test/sample-content.ts'
import { describeWith } from '../../../test/tools/describe-with.ts'
import { parseRepositoryName } from '../../oci/repository-name.ts'
import { beginUpload } from '../../registry/uploads.ts'

/** Sorted by their bytes; more than a catalog page has without `n`. */
const NAMES = Array.from({ length: 105 }, (_, index) => `r/${String(index).padStart(3, '0')}`)
const TAGS = ['1.0', '1.10', '1.2', 'A', '_', 'a', 'a-b', 'b.c']

describe('lists over HTTP, on SQLite', () => suite(openOnSqlite))
describeWith('lists over HTTP, on PostgreSQL', ['initdb', 'postgres'], () => suite(openOnPostgres))

function suite(open: typeof openOnSqlite): void {
  let server: OciServer
  beforeAll(async () => {
    server = await openOciServer({ open })
    const { registry } = server.bench
    const image = newIndex([])
    for (const name of NAMES) await pushManifest(registry, parseRepositoryName(name), image)
    await pushManifest(registry, parseRepositoryName('r/000'), image, image.digest, { tagged: TAGS })
  })
  afterAll(() => server.close())

  describe('tags', () => {
    const PATH = '/v2/r/000/tags/list'

    test('come with the name, in byte order', async () => {
      const answer = await server.ask('GET', PATH)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
      expect(JSON.parse(answer.text)).toEqual({ name: 'r/000', tags: TAGS })
      expect(answer.headers.get('content-length')).toBe(String(answer.bytes.length))
      expect(linkOf(answer)).toBeUndefined()
    })

    test.each([1, 3, 7, 8, 9])('page by page of %d, along Link to the end, are all', async (n) => {
      const pages = await followLinks(server, `${PATH}?n=${n}`)
      expect(pages.flatMap(tagsOf)).toEqual(TAGS)
      expect(pages.map((page) => tagsOf(page).length).slice(0, -1)).toEqual(Array(pages.length - 1).fill(n))
      expect(pages).toHaveLength(Math.ceil(TAGS.length / n))
    })

    test('link to the next page by a path, with n and last alone', async () => {
      const answer = await server.ask('GET', `${PATH}?n=2&ns=docker.io`)
      expect(linkOf(answer)).toBe(`${PATH}?last=1.10&n=2`)
    })

    test('after one that is not there go on where it would be', async () => {
      expect(tagsOf(await server.ask('GET', `${PATH}?last=1.1&n=2`))).toEqual(['1.10', '1.2'])
      expect(tagsOf(await server.ask('GET', `${PATH}?last=zzz`))).toEqual([])
    })

    test('of a repository without any are an empty list, and not null', async () => {
      const answer = await server.ask('GET', '/v2/r/001/tags/list')
      expect(JSON.parse(answer.text)).toEqual({ name: 'r/001', tags: [] })
    })

    test('of a repository that does not exist: 404', async () => {
      const answer = await server.ask('GET', '/v2/nobody/here/tags/list')
      expect(answer.status).toBe(404)
      expect(errorsOf(answer)).toMatchObject([{ code: 'NAME_UNKNOWN', detail: { name: 'nobody/here' } }])
    })

    test('are told by HEAD with the same length', async () => {
      const [head, whole] = [await server.ask('HEAD', PATH), await server.ask('GET', PATH)]
      expect(head.text).toBe('')
      expect(head.headers.get('content-length')).toBe(whole.headers.get('content-length'))
    })
  })

  describe('repositories', () => {
    test('come a hundred at a time without n, along Link to the end', async () => {
      const pages = await followLinks(server, '/v2/_catalog')
      expect(pages.map((page) => namesOf(page).length)).toEqual([100, 5])
      expect(pages.flatMap(namesOf)).toEqual(NAMES)
    })

    test.each([10, 50, 104, 105, 106])('page by page of %d are all', async (n) => {
      const pages = await followLinks(server, `/v2/_catalog?n=${n}`)
      expect(pages.flatMap(namesOf)).toEqual(NAMES)
      expect(pages).toHaveLength(Math.ceil(NAMES.length / n))
    })

    test('link to the next page with what needs encoding encoded', async () => {
      const answer = await server.ask('GET', '/v2/_catalog?n=3')
      expect(linkOf(answer)).toBe('/v2/_catalog?last=r%2F002&n=3')
      expect(namesOf(await server.ask('GET', linkOf(answer) ?? ''))).toEqual(NAMES.slice(3, 6))
    })

    test('that have only been uploaded to are not listed', async () => {
      const repository = parseRepositoryName('a/first')
      await beginUpload(server.bench.registry, { repository, principal: 'ann', algorithm: 'sha256' })
      expect(namesOf(await server.ask('GET', '/v2/_catalog?n=1'))).toEqual(NAMES.slice(0, 1))
    })
  })

  describe.each(['/v2/_catalog', '/v2/r/000/tags/list'])('%s', (path) => {
    test('gives nothing, and no next page, when asked for none', async () => {
      const answer = await server.ask('GET', `${path}?n=0`)
      expect(answer.status).toBe(200)
      expect(Object.values(JSON.parse(answer.text))).toContainEqual([])
      expect(linkOf(answer)).toBeUndefined()
    })

    test.each(['-1', 'ten', '1.5', '', '1e3', '0x10'])('refuses n=%s', async (n) => {
      const answer = await server.ask('GET', `${path}?n=${n}`)
      expect(answer.status).toBe(400)
      expect(errorsOf(answer)).toMatchObject([{ code: 'PAGINATION_NUMBER_INVALID', detail: { n } }])
    })

    test.each(['%00', 'a%00b'])('refuses last=%s, which no name can hold', async (last) => {
      const answer = await server.ask('GET', `${path}?n=2&last=${last}`)
      expect(answer.status).toBe(400)
      expect(errorsOf(answer)).toMatchObject([{ code: 'REQUEST_INVALID' }])
    })

    test.each([
      ['that is a little larger than a page', '10001'],
      ['that is the largest of 32 bits', '2147483647'],
      ['of 400 digits', '9'.repeat(400)],
    ])('cuts down an n %s', async (_, n) => {
      const answer = await server.ask('GET', `${path}?n=${n}`)
      expect(answer.status).toBe(200)
      expect(linkOf(answer)).toBeUndefined()
    })

    test.each(['%ff', '%F0%9F%98%80', "'; DROP TABLE tags", '%', '../..'])('bears last=%s', async (last) => {
      const answer = await server.ask('GET', `${path}?n=2&last=${last}`)
      expect(answer.status).toBe(200)
      const link = linkOf(answer)
      if (link !== undefined) expect((await server.ask('GET', link)).status).toBe(200)
    })
  })
}

function tagsOf(answer: Answer): readonly string[] {
  return (JSON.parse(answer.text) as { tags: string[] }).tags
}

function namesOf(answer: Answer): readonly string[] {
  return (JSON.parse(answer.text) as { repositories: string[] }).repositories
}

describe('the largest pages that the operator allows', () => {
  let server: OciServer
  beforeAll(async () => {
    server = await openOciServer({ lists: { catalogMaxEntries: 2, tagsMax: 3 } })
    const { registry } = server.bench
    const image = newIndex([])
    for (const name of NAMES.slice(0, 5)) await pushManifest(registry, parseRepositoryName(name), image)
    await pushManifest(registry, parseRepositoryName('r/000'), image, image.digest, { tagged: TAGS })
  })
  afterAll(() => server.close())

  test.each(['', '?n=2', '?n=3', '?n=1000'])('of repositories hold at _catalog%s', async (query) => {
    const answer = await server.ask('GET', `/v2/_catalog${query}`)
    expect(JSON.parse(answer.text)).toEqual({ repositories: NAMES.slice(0, 2) })
    expect(linkOf(answer)).toBe('/v2/_catalog?last=r%2F001&n=2')
  })

  test.each(['?n=3', '?n=4', '?n=1000'])('of tags hold at tags/list%s', async (query) => {
    const answer = await server.ask('GET', `/v2/r/000/tags/list${query}`)
    expect(tagsOf(answer)).toEqual(TAGS.slice(0, 3))
    expect(linkOf(answer)).toBe('/v2/r/000/tags/list?last=1.2&n=3')
  })

  test('of tags do not hold for who does not page, as in registry:3', async () => {
    expect(tagsOf(await server.ask('GET', '/v2/r/000/tags/list'))).toEqual(TAGS)
  })
})
