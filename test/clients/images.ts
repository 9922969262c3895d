/**
 * Images and artifacts made from nothing: content addressed blobs in memory, and OCI layouts on disk that
 * every client can push. The same description always gives the same bytes.
 */
import { createCipheriv, createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Files, writeTar } from './tar.ts'

export const MEDIA_TYPES = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  empty: 'application/vnd.oci.empty.v1+json',
  layer: {
    none: 'application/vnd.oci.image.layer.v1.tar',
    gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
    zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  },
} as const

/** What Docker calls the same things. */
const DOCKER_NAMES = new Map<string, string>([
  [MEDIA_TYPES.manifest, 'application/vnd.docker.distribution.manifest.v2+json'],
  [MEDIA_TYPES.config, 'application/vnd.docker.container.image.v1+json'],
  [MEDIA_TYPES.layer.gzip, 'application/vnd.docker.image.rootfs.diff.tar.gzip'],
])

export type Compression = keyof typeof MEDIA_TYPES.layer

export interface Content {
  readonly mediaType: string
  readonly digest: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** A manifest or an index with everything that it refers to, children before parents. */
export interface Image {
  readonly root: Content
  /** Manifests and indexes below the root. */
  readonly children: readonly Content[]
  /** Configs and layers. */
  readonly blobs: readonly Content[]
}

export interface Layer {
  readonly files: Files
  readonly compression: Compression
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export function content(mediaType: string, bytes: Uint8Array<ArrayBuffer>): Content {
  return { mediaType, digest: digestOf(bytes), bytes }
}

function json(mediaType: string, value: unknown): Content {
  return content(mediaType, new TextEncoder().encode(JSON.stringify(value)))
}

/** Bytes that do not compress, the same for the same seed. */
export function noise(seed: string, size: number): Uint8Array<ArrayBuffer> {
  const key = createHash('sha256').update(seed).digest()
  const stream = createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size))
  return new Uint8Array(stream)
}

function compress(bytes: Uint8Array<ArrayBuffer>, compression: Compression): Uint8Array<ArrayBuffer> {
  if (compression === 'gzip') return new Uint8Array(Bun.gzipSync(bytes, { level: 1 }))
  if (compression === 'zstd') return new Uint8Array(Bun.zstdCompressSync(bytes))
  return bytes
}

function descriptor({ mediaType, digest, bytes }: Content): Record<string, unknown> {
  return { mediaType, digest, size: bytes.length }
}

/** A Linux image whose layers hold the given files. */
export function buildImage(layers: readonly Layer[], architecture = 'amd64'): Image {
  const archives = layers.map(({ files }) => writeTar(files))
  const blobs = layers.map(({ compression }, at) =>
    content(MEDIA_TYPES.layer[compression], compress(archives[at] ?? new Uint8Array(), compression)),
  )
  const config = json(MEDIA_TYPES.config, {
    architecture,
    os: 'linux',
    config: { Cmd: ['/hello'] },
    rootfs: { type: 'layers', diff_ids: archives.map(digestOf) },
    history: layers.map(() => ({ created: '2024-01-01T00:00:00Z', created_by: 'test' })),
  })
  const root = json(MEDIA_TYPES.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    config: descriptor(config),
    layers: blobs.map(descriptor),
  })
  return { root, children: [], blobs: [config, ...blobs] }
}

/** The same image (gzip layers, no index) with Docker's media types. */
export function inDockerFormat(image: Image): Image {
  let text = new TextDecoder().decode(image.root.bytes)
  for (const [name, dockerName] of DOCKER_NAMES) text = text.replaceAll(name, dockerName)
  const mediaType = DOCKER_NAMES.get(MEDIA_TYPES.manifest) ?? ''
  return { ...image, root: content(mediaType, new TextEncoder().encode(text)) }
}

/** A multi-architecture index of images. */
export function buildIndex(images: ReadonlyMap<string, Image>): Image {
  const root = json(MEDIA_TYPES.index, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.index,
    manifests: [...images].map(([architecture, image]) => ({
      ...descriptor(image.root),
      platform: { architecture, os: 'linux' },
    })),
  })
  const parts = [...images.values()]
  return {
    root,
    children: parts.flatMap((image) => [...image.children, image.root]),
    blobs: parts.flatMap((image) => image.blobs),
  }
}

/** An artifact of one payload that refers to a subject. */
export function buildArtifact(
  artifactType: string,
  payload: Uint8Array<ArrayBuffer>,
  subject: Content,
): Image {
  const config = content(MEDIA_TYPES.empty, new TextEncoder().encode('{}'))
  const layer = content(artifactType, payload)
  const root = json(MEDIA_TYPES.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    artifactType,
    config: descriptor(config),
    layers: [descriptor(layer)],
    subject: descriptor(subject),
  })
  return { root, children: [], blobs: [config, layer] }
}

/** Every manifest and blob of an image, by digest. */
export function contentsOf(image: Image): Map<string, Uint8Array> {
  const all = [...image.blobs, ...image.children, image.root]
  return new Map(all.map(({ digest, bytes }) => [digest, bytes]))
}

function blobFolder(layout: string): string {
  return join(layout, 'blobs', 'sha256')
}

/** Writes the image as an OCI layout under `folder`, named `name` in its index. Gives `folder`. */
export function writeLayout(folder: string, image: Image, name: string): string {
  mkdirSync(blobFolder(folder), { recursive: true })
  for (const [digest, bytes] of contentsOf(image)) {
    writeFileSync(join(blobFolder(folder), digest.slice('sha256:'.length)), bytes)
  }
  writeFileSync(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  const entry = { ...descriptor(image.root), annotations: { 'org.opencontainers.image.ref.name': name } }
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [entry] }
  writeFileSync(join(folder, 'index.json'), JSON.stringify(index))
  return folder
}

/** Every blob of an OCI layout by digest; throws when one's bytes are not what its name says. */
export function readLayout(folder: string): Map<string, Uint8Array> {
  const names = readdirSync(blobFolder(folder))
  return new Map(
    names.map((name) => {
      const bytes = readFileSync(join(blobFolder(folder), name))
      if (digestOf(bytes) !== `sha256:${name}`) throw new Error(`${folder}: ${name} holds other bytes`)
      return [`sha256:${name}`, bytes]
    }),
  )
}
