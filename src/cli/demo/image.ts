/**
 * The demo image: an OCI index over one tiny runnable image each for amd64 and arm64. The same program makes
 * the same digests everywhere.
 */
import { type Digest, digestOf } from '../../oci/digest.ts'
import { type Architecture, helloProgram } from './hello-program.ts'
import { tarOfOneProgram } from './tar.ts'

/** A piece of the image as the registry stores it. */
export interface Piece {
  /** What it is, for people. */
  readonly label: string
  readonly mediaType: string
  readonly digest: Digest
  readonly bytes: Uint8Array
}

export interface DemoImage {
  readonly blobs: readonly Piece[]
  readonly manifests: readonly Piece[]
  /** What the tag names. */
  readonly index: Piece
}

const GREETING = `Hello from Berth!

"berth demo" made this image and pushed it to your registry.
Now it has come back out of it, and runs.
`

const TYPES = {
  layer: 'application/vnd.oci.image.layer.v1.tar',
  config: 'application/vnd.oci.image.config.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
}

const LONG_AGO = '1970-01-01T00:00:00Z'

export function makeDemoImage(): DemoImage {
  const images = (['amd64', 'arm64'] as const).map(makeImage)
  const index = json('index of both', TYPES.index, {
    schemaVersion: 2,
    mediaType: TYPES.index,
    manifests: images.map(({ manifest, architecture }) => ({
      ...descriptor(manifest),
      platform: { architecture, os: 'linux' },
    })),
  })
  return {
    blobs: images.flatMap(({ config, layer }) => [config, layer]),
    manifests: images.map(({ manifest }) => manifest),
    index,
  }
}

function makeImage(architecture: Architecture) {
  const platform = `linux/${architecture}`
  const layer = piece(
    `layer, ${platform}`,
    TYPES.layer,
    tarOfOneProgram('hello', helloProgram(architecture, GREETING)),
  )
  const config = json(`configuration, ${platform}`, TYPES.config, {
    created: LONG_AGO,
    architecture,
    os: 'linux',
    config: { Cmd: ['/hello'] },
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
    history: [{ created: LONG_AGO, created_by: 'berth demo' }],
  })
  const manifest = json(`manifest, ${platform}`, TYPES.manifest, {
    schemaVersion: 2,
    mediaType: TYPES.manifest,
    config: descriptor(config),
    layers: [descriptor(layer)],
  })
  return { architecture, layer, config, manifest }
}

function descriptor({ mediaType, digest, bytes }: Piece) {
  return { mediaType, digest, size: bytes.length }
}

function json(label: string, mediaType: string, value: unknown): Piece {
  return piece(label, mediaType, new TextEncoder().encode(JSON.stringify(value)))
}

function piece(label: string, mediaType: string, bytes: Uint8Array): Piece {
  return { label, mediaType, digest: digestOf(bytes), bytes }
}
