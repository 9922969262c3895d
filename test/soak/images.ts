/** The images of a soak: each its own, of layers that all share, so that what one deletes another needs. */
import { type Content, content, MEDIA_TYPES, noise } from '../clients/images.ts'

/** A manifest or an index, with what must be there before it, and what it uses. */
export interface SoakImage {
  readonly root: Content
  readonly children: readonly SoakImage[]
  readonly blobs: readonly Content[]
}

/** At most so many bytes. */
const LARGEST_LAYER = 256 * 1024
const MOST_LAYERS = 4
const LAYERS_AT_A_TIME = 24

/**
 * Layers that come into use and fall out of it again: of so many at a time, each is replaced after some images.
 */
export class LayerStock {
  readonly #random: () => number
  readonly #layers: Content[] = []
  #made = 0

  constructor(random: () => number) {
    this.#random = random
    for (let count = 0; count < LAYERS_AT_A_TIME; count++) this.#layers.push(this.#make())
  }

  /** Some of those that are in use, none twice. */
  pick(): Content[] {
    const count = 1 + Math.floor(this.#random() * MOST_LAYERS)
    if (this.#random() < 0.3) this.#layers[this.#at()] = this.#make()
    const places = new Set(Array.from({ length: count }, () => this.#at()))
    return [...places].flatMap((at) => this.#layers[at] ?? [])
  }

  #at(): number {
    return Math.floor(this.#random() * LAYERS_AT_A_TIME)
  }

  #make(): Content {
    const size = 1 + Math.floor(this.#random() * LARGEST_LAYER)
    return content(MEDIA_TYPES.layer.none, noise(`soak layer ${++this.#made}`, size))
  }
}

/** No other image has the name. */
export function makeImage(name: string, layers: readonly Content[]): SoakImage {
  const config = json(MEDIA_TYPES.config, { name, architecture: 'amd64', os: 'linux' })
  const root = json(MEDIA_TYPES.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    config: descriptor(config),
    layers: layers.map(descriptor),
  })
  return { root, children: [], blobs: [config, ...layers] }
}

export function makeIndex(children: readonly SoakImage[]): SoakImage {
  const root = json(MEDIA_TYPES.index, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.index,
    manifests: children.map((child) => descriptor(child.root)),
  })
  return { root, children, blobs: [] }
}

function json(mediaType: string, value: unknown): Content {
  return content(mediaType, new TextEncoder().encode(JSON.stringify(value)))
}

function descriptor({ mediaType, digest, bytes }: Content): Record<string, unknown> {
  return { mediaType, digest, size: bytes.length }
}
