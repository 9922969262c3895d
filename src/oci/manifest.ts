/**
 * Manifests: the documents that name an image's config and layers, an index's manifests, or an artifact's
 * files. What the registry must know of one is read here, once, when it is pushed (or found in the link
 * tree). The exact bytes are kept beside it and nothing is ever written back from these fields, so unknown
 * fields survive. Whether what it refers to is there, others ask.
 */
import { type Descriptor, isForeign, readDescriptor, uniqueByDigest } from './descriptor.ts'
import type { Digest } from './digest.ts'
import { formatOf, type ManifestFormat } from './manifest-format.ts'
import {
  type FieldName,
  findAnnotations,
  findNode,
  findText,
  invalidManifest,
  type JsonNode,
  listNodes,
  parseManifestJson,
} from './manifest-json.ts'
import { type MediaType, parseMediaType } from './media-type.ts'

/** The largest manifest that is taken: 4 MiB, what every client must be able to push (distribution-spec "Pushing Manifests"). */
export const MANIFEST_LIMIT = 4 * 1024 * 1024

/**
 * How many descriptors one list of a manifest may have. Images have fewer than 200 layers (container runtimes
 * mount 128 or so), indexes fewer than 1 000 manifests, old build caches and artifacts of many files some
 * thousands; but 4 MiB has room for 40 000, each of which is a row to look up and to write in one transaction.
 */
export const DESCRIPTOR_LIMIT = 10_000

export interface Manifest {
  /** One of the five of manifest-format.ts. */
  readonly mediaType: MediaType
  /** The manifest's own `artifactType`, else an image's `config.mediaType` (distribution-spec "Listing Referrers"). Null for an index without one. */
  readonly artifactType: MediaType | null
  /** What kind of config an image has; null where it has none, and for an index. */
  readonly configType: MediaType | null
  /** The manifest that this one is about; it may arrive later. */
  readonly subject: Digest | null
  readonly annotations: Readonly<Record<string, string>> | null
  /** Config and layers that must be readable in the repository, each digest once. */
  readonly blobs: readonly Descriptor[]
  /** Layers that lie elsewhere (non-distributable, or with `urls`): linked when they are here, not missed when they are not. */
  readonly foreignBlobs: readonly Descriptor[]
  /** An index's children, each digest once: manifests, or blobs where an old build cache lists layers in an index. */
  readonly children: readonly Descriptor[]
}

/**
 * Reads image-spec 1.1 image manifests and indexes, Docker's schema 2 ones, and the withdrawn artifact
 * manifest. `contentType` is the request's, or null where there is none. Throws MANIFEST_INVALID.
 */
export function parseManifest(bytes: Uint8Array, contentType: MediaType | null): Manifest {
  const manifest = parseManifestJson(bytes)
  const { mediaType, format } = formatOf(manifest, contentType)
  const subject = findNode(manifest, 'subject')
  return {
    mediaType,
    subject: subject === null ? null : readDescriptor(subject).digest,
    annotations: findAnnotations(manifest),
    ...CONTENT_OF[format](manifest, findArtifactType(manifest)),
  }
}

type Content = Pick<Manifest, 'artifactType' | 'configType' | 'blobs' | 'foreignBlobs' | 'children'>

const CONTENT_OF: Readonly<
  Record<ManifestFormat, (manifest: JsonNode, artifactType: MediaType | null) => Content>
> = { image: imageContent, index: indexContent, artifact: artifactContent }

/** Config is required but for artifacts that say what they are, and layers may be none (image-spec manifest.md). */
function imageContent(manifest: JsonNode, artifactType: MediaType | null): Content {
  const node = findNode(manifest, 'config')
  const config = node === null ? null : readDescriptor(node)
  if (config === null && artifactType === null) {
    throw invalidManifest('The manifest has no config, nor an artifactType to say what else it is.')
  }
  return {
    artifactType: artifactType ?? config?.mediaType ?? null,
    configType: config?.mediaType ?? null,
    children: [],
    ...splitForeign(config === null ? [] : [config], listDescriptors(manifest, 'layers')),
  }
}

function indexContent(manifest: JsonNode, artifactType: MediaType | null): Content {
  if (!Object.hasOwn(manifest.fields, 'manifests')) {
    throw invalidManifest('An index must have manifests; the list may be empty.')
  }
  const children = uniqueByDigest(listDescriptors(manifest, 'manifests'))
  return { artifactType, configType: null, children, blobs: [], foreignBlobs: [] }
}

function artifactContent(manifest: JsonNode, artifactType: MediaType | null): Content {
  return {
    artifactType,
    configType: null,
    children: [],
    ...splitForeign([], listDescriptors(manifest, 'blobs')),
  }
}

/** A blob that is listed as both must be here. */
function splitForeign(
  own: readonly Descriptor[],
  layers: readonly Descriptor[],
): Pick<Content, 'blobs' | 'foreignBlobs'> {
  const blobs = uniqueByDigest([...own, ...layers.filter((layer) => !isForeign(layer))])
  const here = new Set(blobs.map(({ digest }) => digest))
  const foreignBlobs = uniqueByDigest(layers.filter((layer) => isForeign(layer) && !here.has(layer.digest)))
  return { blobs, foreignBlobs }
}

function listDescriptors(manifest: JsonNode, name: FieldName): Descriptor[] {
  const nodes = listNodes(manifest, name)
  if (nodes.length <= DESCRIPTOR_LIMIT) return nodes.map(readDescriptor)
  throw invalidManifest(
    `${name} lists ${nodes.length} descriptors, and this registry takes ${DESCRIPTOR_LIMIT} at most: divide the content among several manifests.`,
  )
}

function findArtifactType(manifest: JsonNode): MediaType | null {
  const text = findText(manifest, 'artifactType')
  return text === null ? null : parseMediaType(text)
}
