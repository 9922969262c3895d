import { describe, expect, test } from 'bun:test'
import { type Descriptor, isForeign, readDescriptor, uniqueByDigest } from './descriptor.ts'
import { parseDigest } from './digest.ts'
import { OCTET_STREAM, parseMediaType } from './media-type.ts'

const DIGEST = parseDigest(`sha256:${'0'.repeat(64)}`)
const OTHER = parseDigest(`sha512:${'1'.repeat(128)}`)
const LAYER = parseMediaType('application/vnd.oci.image.layer.v1.tar+gzip')
const MINIMAL = { mediaType: LAYER, digest: DIGEST, size: 3 }

function read(fields: Record<string, unknown>): Descriptor {
  return readDescriptor({ path: 'layers[0]', fields })
}

test('what a descriptor must have is read', () => {
  expect(read(MINIMAL)).toEqual(MINIMAL)
})

test('what it may have is read', () => {
  const whole = {
    ...MINIMAL,
    digest: OTHER,
    artifactType: parseMediaType('application/vnd.example'),
    annotations: { a: 'b' },
    urls: ['https://example.com/a'],
    platform: { os: 'linux', architecture: 'amd64' },
  }
  expect(read(whole)).toEqual(whole)
})

test('what only clients read is left out', () => {
  expect(read({ ...MINIMAL, data: 'e30=', platform: { os: 'linux' }, 'org.example': 1 })).toEqual(MINIMAL)
})

test.each([[null], ['linux/amd64'], [[]], [{}], [{ os: 'linux' }], [{ os: 1, architecture: 'amd64' }]])(
  'a platform of %j is none',
  (platform) => {
    expect(read({ ...MINIMAL, platform })).toEqual(MINIMAL)
  },
)

test.each([undefined, '', 'layer', 'a/b/c'])('content of the type %j is bytes', (mediaType) => {
  expect(read({ ...MINIMAL, mediaType }).mediaType).toBe(OCTET_STREAM)
})

test('parameters of a media type are dropped', () => {
  expect<string>(read({ ...MINIMAL, mediaType: 'text/plain; charset=utf-8' }).mediaType).toBe('text/plain')
})

test('an artifactType that is no media type is none', () => {
  expect(read({ ...MINIMAL, artifactType: 'sbom' })).toEqual(MINIMAL)
})

test.each([undefined, '', 'sha256:abc', DIGEST.replace('0', 'A'), `sha384:${'0'.repeat(96)}`])(
  'the digest %j is refused, and the message says where it stands',
  (digest) => {
    const refusal = { code: 'MANIFEST_INVALID', message: expect.stringContaining('layers[0].digest') }
    expect(() => read({ ...MINIMAL, digest })).toThrow(expect.objectContaining(refusal))
  },
)

describe('foreign layers', () => {
  test.each([
    'application/vnd.oci.image.layer.nondistributable.v1.tar',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
    'application/vnd.docker.image.rootfs.foreign.diff.tar',
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  ])('are told by the type %s', (mediaType) => {
    expect(isForeign(read({ ...MINIMAL, mediaType }))).toBe(true)
  })

  test('are told by urls', () => {
    expect(isForeign(read({ ...MINIMAL, urls: ['https://example.com/a'] }))).toBe(true)
  })

  test.each([[undefined], [null], [[]]])('are not told by no urls: %j', (urls) => {
    expect(isForeign(read({ ...MINIMAL, urls }))).toBe(false)
  })

  test('are not ordinary layers', () => {
    expect(isForeign(read(MINIMAL))).toBe(false)
  })
})

test('each digest is kept once, where it came first', () => {
  const first = read(MINIMAL)
  const second = read({ ...MINIMAL, digest: OTHER })
  expect(uniqueByDigest([first, second, read({ ...MINIMAL, size: 4 })])).toEqual([first, second])
})
