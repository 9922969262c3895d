/** What the operator may decide about manifests, with pushes against a real registry. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Bench, openOnSqlite } from '../../test/registry-bench.ts'
import {
  CONFIG,
  descriptorOf,
  LAYER,
  manifestOf,
  newBlob,
  newImage,
  newIndex,
  pushBlob,
  pushImage,
  pushManifest,
  type Sample,
} from '../../test/sample-content.ts'
import {
  DOCKER_CONFIG,
  DOCKER_MANIFEST,
  DOCKER_PLUGIN_CONFIG,
  OCI_INDEX,
  parseMediaType,
} from '../oci/media-type.ts'
import type { ManifestPolicy } from './manifest-policy.ts'
import type { Registry } from './registry.ts'
import { parseUrlRules } from './url-rules.ts'

const FOREIGN = parseMediaType('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip')

let bench: Bench
beforeAll(async () => {
  bench = await openOnSqlite({ storage: 'memory' })
})
afterAll(() => bench.close())

function under(policy: Partial<ManifestPolicy>): Registry {
  const manifests = { ...bench.registry.policy.manifests, ...policy }
  return { ...bench.registry, policy: { ...bench.registry.policy, manifests } }
}

async function codeOf(push: Promise<unknown>): Promise<string> {
  return await push.then(
    () => 'stored',
    (error) => String(error.code),
  )
}

describe('classes', () => {
  async function pushConfig(type: string, classes: readonly string[]): Promise<string> {
    const repository = bench.newRepository()
    const config = await pushBlob(bench.registry, repository, newBlob(parseMediaType(type)))
    const manifest = manifestOf(DOCKER_MANIFEST, { config: descriptorOf(config), layers: [] })
    return await codeOf(pushManifest(under({ classes }), repository, manifest))
  }

  test.each([
    [DOCKER_CONFIG, ['image'], 'stored'],
    [CONFIG, ['image'], 'stored'],
    [DOCKER_PLUGIN_CONFIG, ['image'], 'DENIED'],
    [DOCKER_PLUGIN_CONFIG, ['plugin'], 'stored'],
    [DOCKER_CONFIG, ['plugin'], 'DENIED'],
    [DOCKER_PLUGIN_CONFIG, ['image', 'plugin'], 'stored'],
    ['application/vnd.cncf.helm.config.v1+json', ['image', 'plugin'], 'DENIED'],
  ])('a config of %s where %j may be pushed: %s', async (type, classes, outcome) => {
    expect(await pushConfig(type, classes)).toBe(outcome)
  })

  test('an index has none, and may be pushed', async () => {
    const repository = bench.newRepository()
    const image = await pushImage(bench.registry, repository)
    expect(await codeOf(pushManifest(under({ classes: ['image'] }), repository, newIndex([image])))).toBe(
      'stored',
    )
  })
})

describe('addresses of foreign layers', () => {
  async function pushLayer(
    lists: { allow: string[]; deny: string[] },
    urls: readonly string[],
  ): Promise<string> {
    const repository = bench.newRepository()
    const config = await pushBlob(bench.registry, repository, newBlob(CONFIG))
    const layers = [{ ...descriptorOf(newBlob(FOREIGN)), urls }]
    const image = newImage({ config, fields: { layers } })
    return await codeOf(pushManifest(under({ foreignUrls: parseUrlRules(lists) }), repository, image))
  }

  const HERE = 'https://layers.example.com/1'

  test.each([
    ['no list allows nothing', [], [], [HERE], 'MANIFEST_INVALID'],
    [
      'one of the allowed matches',
      ['^https://other/', '^https://layers\\.example\\.com/'],
      [],
      [HERE],
      'stored',
    ],
    ['none of the allowed matches', ['^https://other/'], [], [HERE], 'MANIFEST_INVALID'],
    ['an expression matches anywhere', ['example'], [], [HERE], 'stored'],
    ['one is denied', [], ['example\\.com'], [HERE], 'MANIFEST_INVALID'],
    ['none is denied', [], ['other'], [HERE], 'stored'],
    ['it is allowed and denied', ['.'], ['example'], [HERE], 'MANIFEST_INVALID'],
    ['the second of two is not allowed', ['example'], [], [HERE, 'https://other/1'], 'MANIFEST_INVALID'],
    ['it is no download', ['.'], [], ['ftp://layers.example.com/1'], 'MANIFEST_INVALID'],
    ['it is no address', ['.'], [], ['layers'], 'MANIFEST_INVALID'],
    ['it has a fragment', ['.'], [], [`${HERE}#1`], 'MANIFEST_INVALID'],
    ['an expression has flags, as Go writes them', ['(?i)LAYERS\\.EXAMPLE', 'x'], [], [HERE], 'stored'],
    ['one of the denied has flags of its own', [], ['(?i)nowhere', 'LAYERS'], [HERE], 'stored'],
  ])('%s', async (_, allow, deny, urls, outcome) => {
    expect(await pushLayer({ allow, deny }, urls)).toBe(outcome)
  })

  test('are matched in no time, whatever a client has made up', async () => {
    // The pattern of distribution's own documentation, and an address that takes a backtracking matcher 2^100 steps.
    const rules = parseUrlRules({ allow: ['^https?://([^/]+\\.)*example\\.com/'], deny: [] })
    expect(rules.allow?.test('https://a.b.example.com/1')).toBe(true)
    expect(rules.allow?.test(`https://${'a.'.repeat(100)}x`)).toBe(false)
  })

  test('are looked at also where the layer is here', async () => {
    const repository = bench.newRepository()
    const layer = await pushBlob(bench.registry, repository, newBlob(LAYER))
    const config = await pushBlob(bench.registry, repository, newBlob(CONFIG))
    const image = newImage({ config, fields: { layers: [{ ...descriptorOf(layer), urls: [HERE] }] } })
    const strict = under({ foreignUrls: parseUrlRules({ allow: [], deny: [] }) })
    expect(await codeOf(pushManifest(strict, repository, image))).toBe('MANIFEST_INVALID')
    expect(await codeOf(pushManifest(bench.registry, repository, image))).toBe('stored')
  })
})

describe('platforms of an index', () => {
  const ARM64 = { os: 'linux', architecture: 'arm64' }
  const AMD64 = { os: 'linux', architecture: 'amd64' }

  /** An image for amd64 that is here, and one for arm64 and one for nobody that are not. */
  async function pushSparse(
    indexPlatforms: ManifestPolicy['indexPlatforms'],
    absent: readonly Record<string, unknown>[],
  ): Promise<string> {
    const repository = bench.newRepository()
    const here = await pushImage(bench.registry, repository)
    const manifests = [{ ...descriptorOf(here), platform: AMD64 }, ...absent]
    return await codeOf(
      pushManifest(under({ indexPlatforms }), repository, manifestOf(OCI_INDEX, { manifests })),
    )
  }

  function absentFor(platform: unknown): Record<string, unknown> {
    const image: Sample = newImage()
    return { ...descriptorOf(image), platform }
  }

  test.each([
    ['all, and one is not here', 'all', [absentFor(ARM64)], 'MANIFEST_BLOB_UNKNOWN'],
    ['all, and one of none is not here', 'all', [absentFor(undefined)], 'MANIFEST_BLOB_UNKNOWN'],
    ['all, and all are here', 'all', [], 'stored'],
    ['none, and one is not here', 'none', [absentFor(ARM64)], 'stored'],
    ['those that are here', [AMD64], [absentFor(ARM64)], 'stored'],
    ['one that is not here', [ARM64, AMD64], [absentFor(ARM64)], 'MANIFEST_BLOB_UNKNOWN'],
    ['those that are here, and one of none is not', [AMD64], [absentFor(undefined)], 'stored'],
    ['the same architecture of another system', [{ ...ARM64, os: 'windows' }], [absentFor(ARM64)], 'stored'],
  ] as const)('must be there: %s', async (_, platforms, absent, outcome) => {
    expect(await pushSparse(platforms, absent)).toBe(outcome)
  })

  test('are asked of manifests, not of the layers that old build caches list', async () => {
    const repository = bench.newRepository()
    const layer = await pushBlob(bench.registry, repository, newBlob(LAYER))
    const cache = manifestOf(OCI_INDEX, { manifests: [descriptorOf(layer)] })
    expect(await codeOf(pushManifest(under({ indexPlatforms: 'all' }), repository, cache))).toBe('stored')
  })

  test('that are missing are named, each one', async () => {
    const repository = bench.newRepository()
    const children = [newImage(), newImage()]
    const push = pushManifest(under({ indexPlatforms: 'all' }), repository, newIndex(children))
    const problems = await push.catch((error) => error.problems)
    expect(problems).toMatchObject(children.map(({ digest }) => ({ detail: { digest } })))
  })
})
