/**
 * Descriptors: what a manifest says of other content. Only digest and size must be right, for the registry
 * works with these; the rest describes the content to clients, and is taken as it comes. Embedded `data` is
 * for clients alone and is not read.
 */
import { quoted } from '../lib/quoted.ts'
import { type Digest, isDigest } from './digest.ts'
import {
  findAnnotations,
  findText,
  getSize,
  invalidManifest,
  type JsonNode,
  listTexts,
  pathTo,
} from './manifest-json.ts'
import { findMediaType, type MediaType, OCTET_STREAM } from './media-type.ts'

/** Image-spec descriptor.md "Properties". Sizes are bytes. */
export interface Descriptor {
  /** `application/octet-stream` where the manifest gives no type, or no media type at all. */
  readonly mediaType: MediaType
  readonly digest: Digest
  readonly size: number
  readonly artifactType?: MediaType
  readonly annotations?: Readonly<Record<string, string>>
  /** Where else the content may be downloaded. */
  readonly urls?: readonly string[]
  /** What an index says of the machine that a manifest is for. */
  readonly platform?: Platform
}

/** Image-spec image-index.md "platform", as far as an operator can ask for it. */
export interface Platform {
  readonly os: string
  readonly architecture: string
}

/** Throws MANIFEST_INVALID. */
export function readDescriptor(node: JsonNode): Descriptor {
  const artifactType = findMediaType(findText(node, 'artifactType') ?? '')
  const annotations = findAnnotations(node)
  const urls = listTexts(node, 'urls')
  const platform = findPlatform(node.fields['platform'])
  return {
    mediaType: findMediaType(findText(node, 'mediaType') ?? '') ?? OCTET_STREAM,
    digest: getDigest(node),
    size: getSize(node),
    ...(artifactType !== null && { artifactType }),
    ...(annotations !== null && { annotations }),
    ...(urls.length > 0 && { urls }),
    ...(platform !== null && { platform }),
  }
}

/** What is no platform is for clients to be puzzled by: then there is none. */
function findPlatform(value: unknown): Platform | null {
  if (typeof value !== 'object' || value === null || !('os' in value) || !('architecture' in value))
    return null
  const { os, architecture } = value
  return typeof os === 'string' && typeof architecture === 'string' ? { os, architecture } : null
}

const FOREIGN_TYPES = [
  'application/vnd.docker.image.rootfs.foreign.diff.',
  'application/vnd.oci.image.layer.nondistributable.',
]

/**
 * Whether clients leave a layer out when they push (image-spec layer.md "Non-Distributable Layers"): docker
 * and containerd go by the type, skopeo and regctl by `urls`.
 */
export function isForeign(layer: Descriptor): boolean {
  const mediaType = layer.mediaType.toLowerCase()
  return layer.urls !== undefined || FOREIGN_TYPES.some((type) => mediaType.startsWith(type))
}

/** The same descriptors with each digest once, where it came first. */
export function uniqueByDigest(descriptors: readonly Descriptor[]): Descriptor[] {
  const seen = new Set<Digest>()
  return descriptors.filter(({ digest }) => !seen.has(digest) && seen.add(digest))
}

function getDigest(node: JsonNode): Digest {
  const text = findText(node, 'digest') ?? ''
  if (isDigest(text)) return text
  throw invalidManifest(
    `${pathTo(node, 'digest')} must be sha256: followed by 64 lower-case hexadecimal digits, or sha512: by 128; it is ${quoted(text)}.`,
  )
}
