/** Blobs and manifests made from nothing, and pushing them: what tests of the registry begin with. */
import { type Digest, type DigestAlgorithm, digestOf } from '../src/oci/digest.ts'
import {
  type MediaType,
  OCI_INDEX,
  OCI_MANIFEST,
  OCTET_STREAM,
  parseMediaType,
} from '../src/oci/media-type.ts'
import { parseReference } from '../src/oci/reference.ts'
import type { RepositoryName } from '../src/oci/repository-name.ts'
import { parseTag } from '../src/oci/tag.ts'
import type { StoredManifest } from '../src/registry/manifests.commands.ts'
import { type PutManifest, putManifest } from '../src/registry/manifests.ts'
import type { Registry } from '../src/registry/registry.ts'
import { beginUpload, finishUpload } from '../src/registry/uploads.ts'

export interface Sample {
  readonly mediaType: MediaType
  readonly digest: Digest
  readonly bytes: Uint8Array<ArrayBuffer>
}

export const LAYER = parseMediaType('application/vnd.oci.image.layer.v1.tar+gzip')
export const CONFIG = parseMediaType('application/vnd.oci.image.config.v1+json')

let samples = 0

/** Content that no other test has. */
export function newBlob(mediaType: MediaType = LAYER, size = 0): Sample {
  const text = `sample ${++samples} of ${process.pid}`
  return sample(mediaType, text.padEnd(size, '.'))
}

export function sample(mediaType: MediaType, text: string, algorithm: DigestAlgorithm = 'sha256'): Sample {
  const bytes = new TextEncoder().encode(text)
  return { mediaType, bytes, digest: digestOf(bytes, algorithm) }
}

/** What a manifest says of other content. */
export function descriptorOf({ mediaType, digest, bytes }: Sample): Record<string, unknown> {
  return { mediaType, digest, size: bytes.length }
}

export interface ImageParts {
  readonly config?: Sample
  readonly layers?: readonly Sample[]
  /** Fields beside these, or instead of them. */
  readonly fields?: Readonly<Record<string, unknown>>
}

/** An image manifest that no other test has. */
export function newImage({ config = newBlob(CONFIG), layers = [], fields = {} }: ImageParts = {}): Sample {
  return manifestOf(OCI_MANIFEST, {
    config: descriptorOf(config),
    layers: layers.map(descriptorOf),
    ...fields,
  })
}

/** An artifact with nothing in it that is about `subject`. */
export function newReferrer(subject: Sample, config: Sample, fields: ImageParts['fields'] = {}): Sample {
  return newImage({ config, fields: { subject: descriptorOf(subject), ...fields } })
}

export function newIndex(children: readonly Sample[], fields: ImageParts['fields'] = {}): Sample {
  return manifestOf(OCI_INDEX, { manifests: children.map(descriptorOf), ...fields })
}

/** As it stands, with a note that makes it another manifest than every other one. */
export function manifestOf(mediaType: MediaType, fields: Readonly<Record<string, unknown>>): Sample {
  const manifest = { schemaVersion: 2, mediaType, note: ++samples, ...fields }
  return sample(mediaType, JSON.stringify(manifest))
}

/** A body in these pieces, which are copied: whoever reads a body may free what it has read. */
export async function* bodyOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield chunk.slice()
}

export async function pushBlob(
  registry: Registry,
  repository: RepositoryName,
  blob: Sample = newBlob(OCTET_STREAM),
): Promise<Sample> {
  const session = await beginUpload(registry, { repository, principal: 'tester', algorithm: 'sha256' })
  await finishUpload(registry, session, { body: bodyOf(blob.bytes), range: null, digest: blob.digest })
  return blob
}

/** Pushes a manifest under a tag, a digest, or its own digest where none is named. */
export async function pushManifest(
  registry: Registry,
  repository: RepositoryName,
  manifest: Sample,
  reference: string = manifest.digest,
  options: Partial<PutManifest> & { readonly tagged?: readonly string[] } = {},
): Promise<StoredManifest> {
  const { tagged = [], ...input } = options
  return await putManifest(registry, {
    repository,
    reference: parseReference(reference),
    tags: tagged.map(parseTag),
    mediaType: manifest.mediaType,
    bytes: manifest.bytes,
    mayOverwrite: true,
    by: 'tester',
    ...input,
  })
}

/** Pushes an image's config and the image itself. */
export async function pushImage(
  registry: Registry,
  repository: RepositoryName,
  reference?: string,
): Promise<Sample> {
  const config = await pushBlob(registry, repository, newBlob(CONFIG))
  const image = newImage({ config })
  await pushManifest(registry, repository, image, reference)
  return image
}
