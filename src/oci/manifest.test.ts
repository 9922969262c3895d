import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { digestOf } from './digest.ts'
import { RegistryError } from './errors.ts'
import { DESCRIPTOR_LIMIT, MANIFEST_LIMIT, type Manifest, parseManifest } from './manifest.ts'
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA_1_SIGNED,
  type MediaType,
  OCI_ARTIFACT_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
  parseMediaType,
} from './media-type.ts'

const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json'
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip'
const FOREIGN_TYPE = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'
const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json'
const EXAMPLE_TYPE = 'application/vnd.example.sbom.v1'

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

/** A descriptor of some content; the same content gives the same digest. */
function descriptor(content: string, mediaType = LAYER_TYPE, algorithm: 'sha256' | 'sha512' = 'sha256') {
  const bytes = new TextEncoder().encode(content)
  return { mediaType: parseMediaType(mediaType), digest: digestOf(bytes, algorithm), size: bytes.length }
}

const CONFIG = descriptor('{"os":"linux"}', CONFIG_TYPE)
const EMPTY = descriptor('{}', EMPTY_TYPE)
const IMAGE = {
  schemaVersion: 2,
  mediaType: OCI_MANIFEST,
  config: CONFIG,
  layers: [descriptor('a'), descriptor('b')],
}
const INDEX = {
  schemaVersion: 2,
  mediaType: OCI_INDEX,
  manifests: [
    { ...descriptor('one', OCI_MANIFEST), platform: { os: 'linux', architecture: 'amd64' } },
    { ...descriptor('two', OCI_MANIFEST), platform: { os: 'linux', architecture: 'arm64' } },
  ],
}

function parse(value: unknown, contentType: MediaType | null = null): Manifest {
  return parseManifest(encode(value), contentType)
}

function digestsOf(descriptors: readonly { digest: string }[]): string[] {
  return descriptors.map(({ digest }) => digest)
}

const invalid = expect.objectContaining({ code: 'MANIFEST_INVALID' })

describe('an image manifest', () => {
  test('names its config and layers', () => {
    expect<unknown>(parse(IMAGE, OCI_MANIFEST)).toEqual({
      mediaType: OCI_MANIFEST,
      artifactType: CONFIG_TYPE,
      configType: CONFIG_TYPE,
      subject: null,
      annotations: null,
      blobs: [CONFIG, descriptor('a'), descriptor('b')],
      foreignBlobs: [],
      children: [],
    })
  })

  test('may be of Docker', () => {
    const docker = {
      schemaVersion: 2,
      mediaType: DOCKER_MANIFEST,
      config: descriptor('c', 'application/vnd.docker.container.image.v1+json'),
      layers: [descriptor('d', 'application/vnd.docker.image.rootfs.diff.tar.gzip')],
    }
    const manifest = parse(docker, DOCKER_MANIFEST)
    expect(manifest.mediaType).toBe(DOCKER_MANIFEST)
    expect(digestsOf(manifest.blobs)).toEqual(digestsOf([docker.config, ...docker.layers]))
  })

  test.each([{ layers: [] }, { layers: null }, { layers: undefined }])('may have no layers: %j', (layers) => {
    expect(digestsOf(parse({ ...IMAGE, ...layers }).blobs)).toEqual([CONFIG.digest])
  })

  test('names a layer once that it lists twice', () => {
    const layers = [descriptor('a'), descriptor('b'), descriptor('a')]
    expect(digestsOf(parse({ ...IMAGE, layers }).blobs)).toEqual(
      digestsOf([CONFIG, descriptor('a'), descriptor('b')]),
    )
  })

  test('may refer to content by sha512', () => {
    const layer = descriptor('a', LAYER_TYPE, 'sha512')
    expect(digestsOf(parse({ ...IMAGE, layers: [layer] }).blobs)).toEqual([CONFIG.digest, layer.digest])
  })

  test('keeps its annotations', () => {
    expect(parse({ ...IMAGE, annotations: { a: 'b', '': '' } }).annotations).toEqual({ a: 'b', '': '' })
  })

  test('may have fields that nobody knows, and embedded data', () => {
    const config = { ...CONFIG, data: 'e30=', 'org.example.field': [1] }
    expect(parse({ ...IMAGE, config, 'org.example.field': { layers: 'x' } })).toEqual(parse(IMAGE))
  })

  test('may have layers of any type', () => {
    const layers = [
      'application/vnd.cncf.helm.chart.content.v1.tar+gzip',
      'application/wasm',
      'text/plain',
    ].map((mediaType) => descriptor(mediaType, mediaType))
    expect<unknown>(parse({ ...IMAGE, layers }).blobs).toEqual([CONFIG, ...layers])
  })

  test('without config is refused', () => {
    expect(() => parse({ ...IMAGE, config: undefined })).toThrow(invalid)
  })
})

describe('foreign layers', () => {
  const withUrls = { ...descriptor('x'), urls: ['https://example.com/x'] }
  const byType = descriptor('y', FOREIGN_TYPE)

  test('need not be in the repository', () => {
    const manifest = parse({ ...IMAGE, layers: [descriptor('a'), withUrls, byType] })
    expect(digestsOf(manifest.blobs)).toEqual(digestsOf([CONFIG, descriptor('a')]))
    expect(digestsOf(manifest.foreignBlobs)).toEqual(digestsOf([withUrls, byType]))
  })

  test('are named once', () => {
    expect(parse({ ...IMAGE, layers: [byType, byType] }).foreignBlobs).toHaveLength(1)
  })

  test('that are listed as ordinary ones too must be in the repository', () => {
    const manifest = parse({ ...IMAGE, layers: [withUrls, descriptor('x')] })
    expect(digestsOf(manifest.blobs)).toEqual(digestsOf([CONFIG, withUrls]))
    expect(manifest.foreignBlobs).toEqual([])
  })

  test('a config is never one', () => {
    const config = { ...CONFIG, urls: ['https://example.com'] }
    expect(digestsOf(parse({ ...IMAGE, config }).blobs)).toContain(CONFIG.digest)
  })
})

describe('an artifact', () => {
  const artifact = { ...IMAGE, artifactType: EXAMPLE_TYPE, config: EMPTY, layers: [EMPTY] }

  test('may have the empty content for config and layers, and names it once', () => {
    expect<unknown>(parse(artifact).blobs).toEqual([EMPTY])
  })

  test('may have no config', () => {
    const manifest = parse({ ...artifact, config: undefined })
    expect<string | null>(manifest.artifactType).toBe(EXAMPLE_TYPE)
    expect<unknown>(manifest.blobs).toEqual([EMPTY])
  })

  test('of the withdrawn format names its blobs and its subject', () => {
    const old = {
      mediaType: OCI_ARTIFACT_MANIFEST,
      artifactType: EXAMPLE_TYPE,
      blobs: [descriptor('a'), descriptor('a')],
      subject: descriptor('s', OCI_MANIFEST),
      annotations: { a: 'b' },
    }
    expect<unknown>(parse(old, OCI_ARTIFACT_MANIFEST)).toEqual({
      mediaType: OCI_ARTIFACT_MANIFEST,
      artifactType: EXAMPLE_TYPE,
      configType: null,
      subject: old.subject.digest,
      annotations: { a: 'b' },
      blobs: [descriptor('a')],
      foreignBlobs: [],
      children: [],
    })
  })
})

describe('an index', () => {
  test('names its children, and the platforms that they are for', () => {
    const manifest = parse(INDEX, OCI_INDEX)
    expect(manifest).toMatchObject({ mediaType: OCI_INDEX, artifactType: null, blobs: [], foreignBlobs: [] })
    expect<unknown>(manifest.children).toEqual(INDEX.manifests)
  })

  test('may be of Docker', () => {
    const list = { ...INDEX, mediaType: DOCKER_LIST }
    expect(parse(list, DOCKER_LIST)).toEqual({ ...parse(INDEX), mediaType: DOCKER_LIST })
  })

  test.each([[[]], [null]])('may be empty: %j', (manifests) => {
    expect(parse({ ...INDEX, manifests }).children).toEqual([])
  })

  test('without a list of manifests is refused', () => {
    expect(() => parse({ ...INDEX, manifests: undefined })).toThrow(invalid)
  })

  test('may hold other indexes', () => {
    const inner = descriptor('index', OCI_INDEX)
    expect<unknown>(parse({ ...INDEX, manifests: [inner] }).children).toEqual([inner])
  })

  test('may list layers and a config, as old build caches do', () => {
    const cache = [descriptor('a'), descriptor('c', 'application/vnd.buildkit.cacheconfig.v0')]
    expect<unknown>(parse({ ...INDEX, manifests: cache }).children).toEqual(cache)
  })

  test('names a child once that it lists for two platforms', () => {
    expect(parse({ ...INDEX, manifests: [...INDEX.manifests, ...INDEX.manifests] }).children).toHaveLength(2)
  })

  test('keeps what it says of its children, for the tag schema of referrers needs it', () => {
    const child = { ...descriptor('sig', OCI_MANIFEST), artifactType: EXAMPLE_TYPE, annotations: { a: 'b' } }
    expect<unknown>(parse({ ...INDEX, manifests: [child] }).children).toEqual([child])
  })
})

describe('a subject', () => {
  const subject = descriptor('subject', OCI_MANIFEST)

  test.each([
    ['an image', IMAGE],
    ['an index', INDEX],
  ])('of %s is read', (_, manifest) => {
    expect(parse({ ...manifest, subject }).subject).toBe(subject.digest)
  })

  test('may have a sha512 digest', () => {
    const { digest } = descriptor('subject', OCI_MANIFEST, 'sha512')
    expect(parse({ ...IMAGE, subject: { ...subject, digest } }).subject).toBe(digest)
  })

  test('is not among the blobs or children', () => {
    expect<Manifest>({ ...parse({ ...INDEX, subject }), subject: null }).toEqual(parse(INDEX))
  })

  test.each(['sha256:abc', {}, { digest: 'latest', size: 1 }])(
    'that names nothing is refused: %j',
    (wrong) => {
      expect(() => parse({ ...IMAGE, subject: wrong })).toThrow(invalid)
    },
  )
})

describe('the artifact type, as the list of referrers shows it', () => {
  test('is the one that an image manifest gives', () => {
    expect<string | null>(parse({ ...IMAGE, artifactType: EXAMPLE_TYPE }).artifactType).toBe(EXAMPLE_TYPE)
  })

  test.each([undefined, null, ''])('is the type of its config where it gives none: %j', (artifactType) => {
    expect<string | null>(parse({ ...IMAGE, artifactType }).artifactType).toBe(CONFIG_TYPE)
  })

  test('is the one that an index gives', () => {
    expect<string | null>(parse({ ...INDEX, artifactType: EXAMPLE_TYPE }).artifactType).toBe(EXAMPLE_TYPE)
  })

  test('is none for an index that gives none', () => {
    expect(parse(INDEX).artifactType).toBeNull()
  })

  test('is refused where it is no media type, for no list could be filtered by it', () => {
    expect(() => parse({ ...IMAGE, artifactType: 'sbom' })).toThrow('type/subtype')
  })
})

test('schema 1 is refused at once with the code at which podman tries another format', () => {
  const old = { schemaVersion: 1, fsLayers: [{ blobSum: 'x' }], signatures: [] }
  expect(() => parse(old, DOCKER_SCHEMA_1_SIGNED)).toThrow(invalid)
})

test('the largest manifest that is taken is read', () => {
  const frame = encode({ ...IMAGE, annotations: { a: '' } }).length
  const bytes = encode({ ...IMAGE, annotations: { a: 'x'.repeat(MANIFEST_LIMIT - frame) } })
  expect(bytes.length).toBe(MANIFEST_LIMIT)
  expect(parseManifest(bytes, OCI_MANIFEST).annotations?.['a']).toHaveLength(MANIFEST_LIMIT - frame)
})

describe('a list of descriptors', () => {
  const bare = { digest: CONFIG.digest, size: 1 }
  const lists = [
    ['layers', (list: unknown) => ({ ...IMAGE, layers: list })],
    ['manifests', (list: unknown) => ({ ...INDEX, manifests: list })],
    ['blobs', (list: unknown) => ({ mediaType: OCI_ARTIFACT_MANIFEST, blobs: list })],
  ] as const

  test.each(lists)('of %s is taken at its longest, and refused when it is longer', (name, manifestWith) => {
    const longest = Array.from({ length: DESCRIPTOR_LIMIT }, () => bare)
    expect(parse(manifestWith(longest)).mediaType).toBeDefined()
    const tooLong = () => parse(manifestWith([...longest, bare]))
    expect(tooLong).toThrow(invalid)
    expect(tooLong).toThrow(`${name} lists ${DESCRIPTOR_LIMIT + 1} descriptors`)
  })
})

describe('for every image', () => {
  const layer = fc
    .tuple(fc.string({ maxLength: 3 }), fc.constantFrom(LAYER_TYPE, FOREIGN_TYPE, 'text/plain'))
    .map(([content, mediaType]) => descriptor(content, mediaType))

  test('each digest appears once, and is either needed or foreign', () => {
    fc.assert(
      fc.property(fc.array(layer), (layers) => {
        const { blobs, foreignBlobs } = parse({ ...IMAGE, layers })
        const found = digestsOf([...blobs, ...foreignBlobs])
        expect(found).toHaveLength(new Set(found).size)
        expect(new Set(found)).toEqual(new Set(digestsOf([CONFIG, ...layers])))
        expect(foreignBlobs.every(({ mediaType }) => mediaType === FOREIGN_TYPE)).toBe(true)
      }),
    )
  })
})

describe('whatever is pushed', () => {
  const contentType = fc.constantFrom(
    null,
    OCI_MANIFEST,
    OCI_INDEX,
    DOCKER_MANIFEST,
    DOCKER_LIST,
    OCI_ARTIFACT_MANIFEST,
  )

  /** The manifest with one of its parts replaced by something else. */
  const damaged = fc
    .tuple(
      fc.constantFrom<unknown>({ ...IMAGE, subject: EMPTY, annotations: {} }, INDEX),
      fc.constantFrom(
        ...[
          'schemaVersion',
          'mediaType',
          'artifactType',
          'config',
          'layers',
          'manifests',
          'subject',
          'annotations',
          'urls',
        ],
        ...['digest', 'size', '0', 'Layers', 'toString', '__proto__'],
      ),
      fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(OCI_INDEX, OCI_MANIFEST, EMPTY, [EMPTY], 1, 2, -1)),
    )
    .map(([manifest, key, value]) => encode(withReplaced(manifest, key, value)))
  const anything = fc.oneof(
    damaged,
    fc.uint8Array(),
    fc.jsonValue().map(encode),
    fc
      .record({ schemaVersion: fc.constant(2), config: fc.jsonValue(), layers: fc.array(fc.jsonValue()) })
      .map(encode),
  )

  test('is read, or refused with MANIFEST_INVALID', () => {
    fc.assert(
      fc.property(anything, contentType, (bytes, contentType) => {
        try {
          parseManifest(bytes, contentType)
        } catch (error) {
          expect(error).toBeInstanceOf(RegistryError)
          expect(error).toMatchObject({ code: 'MANIFEST_INVALID' })
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('the bytes alone tell what the Content-Type told, for the link tree keeps nothing else', () => {
    fc.assert(
      fc.property(damaged, contentType, (bytes, contentType) => {
        const manifest = readOrNull(bytes, contentType)
        if (manifest !== null) expect(parseManifest(bytes, null)).toEqual(manifest)
      }),
      { numRuns: 2000 },
    )
  })
})

function readOrNull(bytes: Uint8Array, contentType: MediaType | null): Manifest | null {
  try {
    return parseManifest(bytes, contentType)
  } catch {
    return null
  }
}

/** A copy with every field (or list item) of that name replaced. */
function withReplaced(value: unknown, key: string, by: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).map(([name, inner]) => [
    name,
    name === key ? by : withReplaced(inner, key, by),
  ])
  return Array.isArray(value) ? fields.map(([, inner]) => inner) : Object.fromEntries(fields)
}
