/** What the scripts send, by name: blobs, and manifests of every kind, right and wrong. */
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { tokenOf } from './tokens.ts'

const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'
const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json'
const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip'
const FOREIGN_LAYER = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json'
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'
/** One byte more than either registry takes. */
const TOO_LARGE = 4 * 1024 * 1024 + 1

type Fields = Readonly<Record<string, unknown>>

const BLOBS: Readonly<Record<string, string | Uint8Array>> = {
  empty: '',
  one: 'o',
  hello: 'hello',
  world: ' world',
  helloworld: 'hello world',
  braces: '{}',
  letters: 'abcdefghijklmnopqrstuvwxyz',
  mebibyte: new Uint8Array(1024 * 1024).fill(7),
  absent: 'nobody ever pushes this',
  // With a history, as real ones have: docker-registry can make schema 1 of it.
  config: JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [`sha256:${'0'.repeat(64)}`] },
    history: [{ created: '2026-01-01T00:00:00Z', created_by: 'a test' }],
  }),
  layer: gzipSync(new Uint8Array(1024), { level: 9 }),
  doomed: 'this blob is deleted',
  doomedtoo: 'this blob is deleted too',
}

function descriptor(name: string, mediaType: string, more: Fields = {}): Fields {
  const bytes = bytesOf(name)
  return { mediaType, size: bytes.length, digest: digestOf(name), ...more }
}

function dockerImage(more: Fields = {}): Fields {
  return {
    schemaVersion: 2,
    mediaType: DOCKER_MANIFEST,
    config: descriptor('config', DOCKER_CONFIG),
    layers: [descriptor('layer', DOCKER_LAYER)],
    ...more,
  }
}

function ociImage(more: Fields = {}): Fields {
  return {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor('config', OCI_CONFIG),
    layers: [descriptor('layer', OCI_LAYER)],
    ...more,
  }
}

function index(mediaType: string, children: readonly Fields[], more: Fields = {}): Fields {
  return { schemaVersion: 2, mediaType, manifests: children, ...more }
}

const AMD64 = { platform: { os: 'linux', architecture: 'amd64' } }
const ARM64 = { platform: { os: 'linux', architecture: 'arm64' } }

/** Each is written as JSON. Functions, for some hold the digest of others. */
const MANIFESTS: Readonly<Record<string, () => Fields | string>> = {
  'docker-image': () => dockerImage(),
  'docker-image-2': () => dockerImage({ layers: [descriptor('hello', DOCKER_LAYER)] }),
  'docker-image-doomed': () => dockerImage({ layers: [descriptor('helloworld', DOCKER_LAYER)] }),
  'docker-image-pretty': () => JSON.stringify(dockerImage(), null, 3),
  'docker-image-foreign': () =>
    dockerImage({
      layers: [descriptor('absent', FOREIGN_LAYER, { urls: ['https://layers.example.com/l'] })],
    }),
  'docker-image-foreign-without-urls': () => dockerImage({ layers: [descriptor('absent', FOREIGN_LAYER)] }),
  'docker-image-absent-layer': () => dockerImage({ layers: [descriptor('absent', DOCKER_LAYER)] }),
  'docker-image-two-absent': () =>
    dockerImage({ layers: [descriptor('absent', DOCKER_LAYER), descriptor('letters', DOCKER_LAYER)] }),
  'docker-image-absent-config': () => dockerImage({ config: descriptor('absent', DOCKER_CONFIG) }),
  'docker-image-without-type': () => dockerImage({ mediaType: undefined }),
  'docker-image-with-manifests': () => dockerImage({ manifests: [] }),
  'docker-image-version-1': () => dockerImage({ schemaVersion: 1 }),
  'docker-image-bad-digest': () =>
    dockerImage({ layers: [{ mediaType: DOCKER_LAYER, size: 1, digest: 'sha256:short' }] }),
  'docker-plugin': () =>
    dockerImage({ config: descriptor('config', 'application/vnd.docker.plugin.v1+json') }),
  'docker-list': () =>
    index(DOCKER_LIST, [
      descriptor('docker-image', DOCKER_MANIFEST, AMD64),
      descriptor('docker-image-2', DOCKER_MANIFEST, ARM64),
    ]),
  'docker-list-of-plugin': () => index(DOCKER_LIST, [descriptor('docker-plugin', DOCKER_MANIFEST, AMD64)]),
  'docker-list-absent-child': () =>
    index(DOCKER_LIST, [descriptor('docker-image-foreign', DOCKER_MANIFEST, AMD64)]),
  'oci-image': () => ociImage(),
  'oci-image-2': () => ociImage({ annotations: { two: '2' } }),
  'oci-image-without-type': () => ociImage({ mediaType: undefined }),
  'oci-image-with-subject': () => ociImage({ subject: descriptor('oci-image', OCI_MANIFEST) }),
  'oci-image-with-absent-subject': () => ociImage({ subject: descriptor('absent', OCI_MANIFEST) }),
  'oci-artifact': () =>
    ociImage({
      artifactType: 'application/vnd.example.sbom',
      config: descriptor('braces', 'application/vnd.oci.empty.v1+json'),
    }),
  'oci-image-null-layers': () => ociImage({ layers: null }),
  'oci-image-absent-layer': () => ociImage({ layers: [descriptor('absent', OCI_LAYER)] }),
  'oci-index': () => index(OCI_INDEX, [descriptor('oci-image', OCI_MANIFEST, AMD64)]),
  'oci-index-without-type': () =>
    index(OCI_INDEX, [descriptor('oci-image', OCI_MANIFEST, AMD64)], { mediaType: undefined }),
  'oci-index-empty': () => index(OCI_INDEX, []),
  'oci-index-absent-child': () =>
    index(OCI_INDEX, [descriptor('oci-image-absent-layer', OCI_MANIFEST, AMD64)]),
  'oci-index-with-layers': () => index(OCI_INDEX, [], { layers: [] }),
  'schema-1': () => ({
    schemaVersion: 1,
    name: 'a/app',
    tag: '1',
    architecture: 'amd64',
    fsLayers: [],
    history: [],
  }),
  'not-json': () => 'this is no JSON',
  'half-json': () => '{"schemaVersion": 2,',
  'json-array': () => '[]',
  'json-null': () => 'null',
  'json-empty-object': () => '{}',
  'too-large': () => JSON.stringify(dockerImage()).padEnd(TOO_LARGE),
}

/** Throws for a name that stands for nothing. */
export function bytesOf(name: string): Uint8Array {
  const blob = BLOBS[name]
  if (blob !== undefined) return typeof blob === 'string' ? Buffer.from(blob) : blob
  const manifest = MANIFESTS[name]?.()
  if (manifest === undefined) throw new Error(`Nothing is called ${name} in contents.ts.`)
  return Buffer.from(typeof manifest === 'string' ? manifest : JSON.stringify(manifest))
}

export function digestOf(name: string, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytesOf(name)).digest('hex')}`
}

/** `{hello}` becomes the digest of that content, `{sha512:hello}` its other one, `{length:hello}` how many bytes it has, `{x*300}` 300 of a letter, `{token:pull}` a token. */
export function fillIn(text: string): string {
  return text.replaceAll(
    /\{(?:(\w+):)?([\w-]+)(?:\*(\d+))?\}/g,
    (_, what: string | undefined, name: string, times?: string) => {
      if (times !== undefined) return name.repeat(Number(times))
      if (what === 'length') return String(bytesOf(name).length)
      if (what === 'token') return tokenOf(name)
      return digestOf(name, what)
    },
  )
}

const NAMES = [...Object.keys(BLOBS), ...Object.keys(MANIFESTS)]
const NAMED_DIGESTS = new Map(
  NAMES.flatMap((name) => [
    [digestOf(name), `<digest of ${name}>`],
    [digestOf(name, 'sha512'), `<sha512 of ${name}>`],
  ]),
)

/** With the names of contents in place of their digests. */
export function nameDigests(text: string): string {
  return text.replaceAll(
    /sha(?:256|512):[0-9a-f]{64,128}/g,
    (digest) => NAMED_DIGESTS.get(digest) ?? '<another digest>',
  )
}
