/** The list of repositories: which are in it, in which order, page by page. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { type Bench, describeOnDatabases } from '../../test/registry-bench.ts'
import { pushBlob, pushImage } from '../../test/sample-content.ts'
import { parseRepositoryName } from '../oci/repository-name.ts'
import { deleteManifest } from './manifests.ts'
import { listRepositories } from './repositories.ts'
import { beginUpload } from './uploads.ts'

const everything = { kind: 'everything' } as const

/** In the order of folders, and these by their bytes. */
const NAMES = ['0', 'a', 'a/b', 'a/b/c', 'a-b', 'a.b', 'a0', 'a_b', 'aa', 'b', 'z/z'].map(parseRepositoryName)

describeOnDatabases('the list of repositories', (open) => {
  let bench: Bench
  beforeAll(async () => {
    bench = await open({ storage: 'memory' })
    for (const name of NAMES.toReversed()) await pushImage(bench.registry, name, 'v1')
  })
  afterAll(() => bench.close())

  async function names(after: string, limit: number): Promise<string[]> {
    const { items } = await listRepositories(bench.registry, everything, { after, limit })
    return items.map(String)
  }

  test('has what is below a name right after it', async () => {
    expect(await names('', 100)).toEqual(NAMES.map(String))
  })

  test.each([1, 2, 100])('of somebody who may see a few has those, page by page of %d', async (limit) => {
    const few = ['z/z', 'a', 'a-b', 'none', 'a', 'a/b'].map(parseRepositoryName)
    const found: string[] = []
    for (let hasMore = true; hasMore; ) {
      const after = found.at(-1) ?? ''
      const page = await listRepositories(
        bench.registry,
        { kind: 'repositories', names: few },
        { after, limit },
      )
      found.push(...page.items)
      hasMore = page.hasMore
    }
    expect(found).toEqual(['a', 'a/b', 'a-b', 'z/z'])
  })

  test.each([1, 3, NAMES.length - 1, NAMES.length, NAMES.length + 1])(
    'page by page of %d is the whole list, each name once',
    async (limit) => {
      const found: string[] = []
      for (let hasMore = true, after = ''; hasMore; after = found.at(-1) ?? '') {
        const page = await listRepositories(bench.registry, everything, { after, limit })
        found.push(...page.items)
        hasMore = page.hasMore
        expect(hasMore).toBe(found.length < NAMES.length)
      }
      expect(found).toEqual(NAMES.map(String))
    },
  )

  test('goes on after a name that is not there, and gives nothing when asked for nothing', async () => {
    expect(await names('a/bb', 2)).toEqual(['a-b', 'a.b'])
    expect(await names('zzz', 2)).toEqual([])
    expect(await names('', 0)).toEqual([])
  })

  test('has no repository before its first manifest', async () => {
    const name = parseRepositoryName('uploads/only')
    await beginUpload(bench.registry, { repository: name, principal: 'ann', algorithm: 'sha256' })
    await pushBlob(bench.registry, name)
    expect(await names('', 100)).not.toContain(name)
    const image = await pushImage(bench.registry, name)
    expect(await names('', 100)).toContain(name)
    await deleteManifest(bench.registry, { repository: name, digest: image.digest, by: 'ann' })
    expect(await names('', 100)).toContain(name)
  })
})
