/** What holds for every manifest: what the specification allows is read as it was written, whatever stands beside it. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Digest, parseDigest } from './digest.ts'
import { RegistryError } from './errors.ts'
import { parseManifest } from './manifest.ts'
import { DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from './media-type.ts'

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })
const digest = fc.oneof(
  hex(64).map((digits) => parseDigest(`sha256:${digits}`)),
  hex(128).map((digits) => parseDigest(`sha512:${digits}`)),
)
const mediaType = fc.stringMatching(/^[a-z][a-z0-9.+-]{0,20}\/[a-z][a-z0-9.+-]{0,20}$/)
const annotations = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }))
const descriptor = fc.record(
  {
    mediaType,
    digest,
    size: fc.nat(2 ** 53 - 1),
    annotations,
    artifactType: mediaType,
    data: fc.base64String(),
    platform: fc.record({ architecture: fc.string(), os: fc.string() }),
  },
  { requiredKeys: ['mediaType', 'digest', 'size'] },
)
/** Fields that nobody knows; none that Go would take for one of ours. */
const unknownFields = fc.dictionary(
  fc.string({ unit: 'grapheme' }).map((name) => `x-${name}`),
  fc.jsonValue(),
)

const image = fc
  .record(
    {
      schemaVersion: fc.constant(2),
      mediaType: fc.constantFrom(OCI_MANIFEST, DOCKER_MANIFEST),
      config: descriptor,
      layers: fc.array(descriptor, { maxLength: 5 }),
      subject: descriptor,
      artifactType: mediaType,
      annotations,
    },
    { requiredKeys: ['schemaVersion', 'config', 'layers'] },
  )
  .chain((fields) => unknownFields.map((unknown) => ({ ...unknown, ...fields })))

const index = fc
  .record(
    {
      schemaVersion: fc.constant(2),
      mediaType: fc.constantFrom(OCI_INDEX, DOCKER_LIST),
      manifests: fc.array(descriptor, { maxLength: 5 }),
      subject: descriptor,
      artifactType: mediaType,
      annotations,
    },
    { requiredKeys: ['schemaVersion', 'manifests'] },
  )
  .chain((fields) => unknownFields.map((unknown) => ({ ...unknown, ...fields })))

/** As a client might write it. */
const written = (value: unknown) =>
  fc
    .constantFrom(undefined, 2, '\t')
    .map((indent) => new TextEncoder().encode(JSON.stringify(value, null, indent)))

function distinct(digests: readonly Digest[]): Digest[] {
  return [...new Set(digests)].sort()
}

describe('every manifest that the specification allows is read', () => {
  test('of an image, with all that it refers to', () => {
    fc.assert(
      fc.property(
        image.chain((fields) => written(fields).map((bytes) => ({ fields, bytes }))),
        ({ fields, bytes }) => {
          const read = parseManifest(bytes, null)
          expect(read.mediaType).toBe(fields.mediaType ?? OCI_MANIFEST)
          expect(read.subject).toBe(fields.subject?.digest ?? null)
          expect<string | null>(read.artifactType).toBe(fields.artifactType ?? fields.config.mediaType)
          expect(read.annotations).toEqual(fields.annotations ?? null)
          const referred = [...read.blobs, ...read.foreignBlobs].map((each) => each.digest)
          expect(distinct(referred)).toEqual(
            distinct([fields.config, ...fields.layers].map((each) => each.digest)),
          )
        },
      ),
      { numRuns: 150 },
    )
  })

  test('of an index, with what it says of each child', () => {
    fc.assert(
      fc.property(
        index.chain((fields) => written(fields).map((bytes) => ({ fields, bytes }))),
        ({ fields, bytes }) => {
          const read = parseManifest(bytes, null)
          expect(read.mediaType).toBe(fields.mediaType ?? OCI_INDEX)
          expect<string | null>(read.artifactType).toBe(fields.artifactType ?? null)
          const [first] = fields.manifests
          const { data: _, platform: __, ...told } = first ?? {}
          expect(read.children.slice(0, 1)).toEqual(
            first === undefined ? [] : [expect.objectContaining(told)],
          )
          expect(distinct(read.children.map((each) => each.digest))).toEqual(
            distinct(fields.manifests.map((each) => each.digest)),
          )
        },
      ),
      { numRuns: 150 },
    )
  })
})

describe('a manifest with one byte', () => {
  test('changed, lost or added is read, or refused with a sentence', () => {
    const spoilt = fc.tuple(
      fc.oneof(image, index).map((fields) => new TextEncoder().encode(JSON.stringify(fields))),
      fc.nat(),
      fc.nat(255),
      fc.constantFrom(0, 1, 2),
    )
    fc.assert(
      fc.property(spoilt, ([bytes, place, byte, how]) => {
        const at = place % bytes.length
        const middle = how === 0 ? [] : how === 1 ? [byte] : [byte, bytes[at] ?? 0]
        const changed = new Uint8Array([...bytes.subarray(0, at), ...middle, ...bytes.subarray(at + 1)])
        try {
          parseManifest(changed, null)
        } catch (error) {
          expect(error).toBeInstanceOf(RegistryError)
          expect(error).toMatchObject({ code: 'MANIFEST_INVALID', message: expect.stringMatching(/\.$/) })
        }
      }),
      { numRuns: 300 },
    )
  })
})
