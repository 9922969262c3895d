import { describe, expect, test } from 'bun:test'
import { formatOf } from './manifest-format.ts'
import type { JsonNode } from './manifest-json.ts'
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA_1,
  DOCKER_SCHEMA_1_SIGNED,
  type MediaType,
  OCI_ARTIFACT_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
  parseMediaType,
} from './media-type.ts'

const DECLARED: [MediaType, string, Record<string, unknown>][] = [
  [OCI_MANIFEST, 'image', { schemaVersion: 2, mediaType: OCI_MANIFEST, config: {}, layers: [] }],
  [DOCKER_MANIFEST, 'image', { schemaVersion: 2, mediaType: DOCKER_MANIFEST, config: {}, layers: [] }],
  [OCI_INDEX, 'index', { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }],
  [DOCKER_LIST, 'index', { schemaVersion: 2, mediaType: DOCKER_LIST, manifests: [] }],
  [OCI_ARTIFACT_MANIFEST, 'artifact', { mediaType: OCI_ARTIFACT_MANIFEST, blobs: [] }],
]

function nodeOf(fields: Record<string, unknown>): JsonNode {
  return { path: '', fields }
}

function refusalOf(fields: Record<string, unknown>, contentType: MediaType | null): string {
  const invalid = expect.objectContaining({ code: 'MANIFEST_INVALID' })
  const parse = () => formatOf(nodeOf(fields), contentType)
  expect(parse).toThrow(invalid)
  try {
    parse()
  } catch (error) {
    return error instanceof Error ? error.message : ''
  }
  return ''
}

describe.each(DECLARED)('%s', (mediaType, format, fields) => {
  test('is told by the mediaType field', () => {
    expect<unknown>(formatOf(nodeOf(fields), null)).toEqual({ mediaType, format })
  })

  test('and by a Content-Type that agrees, in either case', () => {
    expect<unknown>(formatOf(nodeOf(fields), mediaType)).toEqual({ mediaType, format })
    const upperCase = parseMediaType(mediaType.toUpperCase())
    expect<unknown>(formatOf(nodeOf(fields), upperCase)).toEqual({ mediaType, format })
  })

  test.each(DECLARED.map(([other]) => other).filter((other) => other !== mediaType))(
    'is refused under the Content-Type %s, and the message says which to send',
    (other) => {
      expect(refusalOf(fields, other)).toContain(`${mediaType}: send that Content-Type`)
    },
  )

  test.each(['application/json', 'application/octet-stream', 'application/x-www-form-urlencoded'])(
    'is refused under the Content-Type %s, and the message says which to send',
    (other) => {
      expect(refusalOf(fields, parseMediaType(other))).toContain(`${mediaType}: send that Content-Type`)
    },
  )
})

describe('a manifest without a mediaType field is told by its shape', () => {
  const image = { schemaVersion: 2, config: {}, layers: [] }
  const index = { schemaVersion: 2, manifests: [] }

  test('config and layers make an OCI image manifest', () => {
    expect(formatOf(nodeOf(image), null)).toEqual({ mediaType: OCI_MANIFEST, format: 'image' })
    expect(formatOf(nodeOf(image), OCI_MANIFEST)).toEqual({ mediaType: OCI_MANIFEST, format: 'image' })
  })

  test('manifests make an OCI index', () => {
    expect(formatOf(nodeOf(index), null)).toEqual({ mediaType: OCI_INDEX, format: 'index' })
    expect(formatOf(nodeOf(index), OCI_INDEX)).toEqual({ mediaType: OCI_INDEX, format: 'index' })
  })

  test('an empty mediaType is none', () => {
    expect(formatOf(nodeOf({ ...index, mediaType: '' }), null).mediaType).toBe(OCI_INDEX)
  })

  test('a Content-Type cannot make it anything else, for the link tree would not keep it', () => {
    expect(refusalOf(image, DOCKER_MANIFEST)).toContain('without a mediaType field')
    expect(refusalOf(image, OCI_INDEX)).toContain('without a mediaType field')
    expect(refusalOf(index, DOCKER_LIST)).toContain('without a mediaType field')
  })

  test.each([{}, { schemaVersion: 2 }, { schemaVersion: 2, manifests: null, config: null }])(
    '%j has no shape to tell it by',
    (fields) => {
      expect(refusalOf(fields, null)).toContain('no mediaType')
    },
  )
})

describe('a manifest that could be taken for two formats is refused (CVE-2021-41190)', () => {
  const both = { schemaVersion: 2, config: {}, layers: [], manifests: [] }

  test.each([null, OCI_MANIFEST, OCI_INDEX])(
    'without a mediaType, under the Content-Type %s',
    (contentType) => {
      refusalOf(both, contentType)
    },
  )

  test.each([OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_LIST])('as %s', (mediaType) => {
    expect(refusalOf({ ...both, mediaType }, mediaType)).toContain('one kind of manifest only')
  })

  test.each(['config', 'layers'])('an index with %s, even null', (name) => {
    refusalOf({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [], [name]: null }, null)
  })

  test.each(['config', 'layers', 'manifests'])('an artifact with %s', (name) => {
    refusalOf({ mediaType: OCI_ARTIFACT_MANIFEST, blobs: [], [name]: [] }, null)
  })
})

describe('schema 1 is refused, and the message says what to do', () => {
  const old = { schemaVersion: 1, name: 'a', tag: 'b', fsLayers: [], history: [] }

  test.each([null, DOCKER_SCHEMA_1, DOCKER_SCHEMA_1_SIGNED, OCI_MANIFEST])(
    'under the Content-Type %s',
    (contentType) => {
      const message = refusalOf(old, contentType)
      expect(message).toContain('schema version 1')
      expect(message).toContain('skopeo copy --format v2s2')
    },
  )

  test('by its Content-Type alone', () => {
    expect(refusalOf({ name: 'a' }, DOCKER_SCHEMA_1)).toContain('schema version 1')
  })

  test('by its mediaType field', () => {
    expect(refusalOf({ mediaType: DOCKER_SCHEMA_1_SIGNED }, null)).toContain('schema version 1')
  })
})

test.each([undefined, null, 0, 3, '2', 2.5])('schemaVersion %p is refused', (schemaVersion) => {
  const fields = { mediaType: OCI_INDEX, manifests: [], schemaVersion }
  expect(refusalOf(fields, null)).toContain('schemaVersion must be the number 2')
})

test.each(['application/json', 'application/vnd.oci.image.config.v1+json', `${OCI_INDEX};a=b`, 'a\nb'])(
  'a mediaType field of %j is refused',
  (mediaType) => {
    refusalOf({ schemaVersion: 2, mediaType, manifests: [] }, null)
  },
)
