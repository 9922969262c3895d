/**
 * What is pushed: a few blobs and manifests that share as much as they can, always the same, so that the same seed
 * makes the same run. Images share layers and configs, an index lists images, another one that index; artifacts are
 * about an image, an index and another artifact; one layer has the bytes of a manifest, and one is foreign.
 */
import type { Digest } from '../../src/oci/digest.ts'
import { type MediaType, OCI_INDEX, OCI_MANIFEST, parseMediaType } from '../../src/oci/media-type.ts'
import { parseRepositoryName, type RepositoryName } from '../../src/oci/repository-name.ts'
import { parseTag, type Tag } from '../../src/oci/tag.ts'
import { CONFIG, descriptorOf, LAYER, type Sample, sample } from '../sample-content.ts'

const FOREIGN = parseMediaType('application/vnd.oci.image.layer.nondistributable.v1.tar+gzip')

export const REPOSITORIES: readonly RepositoryName[] = ['a', 'a/b', 'c'].map(parseRepositoryName)
export const TAGS: readonly Tag[] = ['1', '2', 'latest'].map(parseTag)

/** A manifest, and what it refers to. */
export interface Stocked extends Sample {
  /** As a failure's story calls it. */
  readonly name: string
  /** Blobs that must be in the repository before it. */
  readonly blobs: readonly Sample[]
  /** Blobs that may be. */
  readonly optional: readonly Sample[]
  readonly children: readonly Stocked[]
  readonly subject: Digest | null
}

interface Parts {
  readonly blobs?: readonly Sample[]
  readonly foreign?: readonly Sample[]
  readonly children?: readonly Stocked[]
  readonly subject?: Stocked
}

const configs = ['config 0', 'config 1'].map((text) => sample(CONFIG, text))
const layers = ['layer 0', 'layer 1', 'layer 2', 'layer 3'].map((text) => sample(LAYER, text))
const long = sample(LAYER, 'layer 4 '.repeat(40), 'sha512')
const foreign = sample(FOREIGN, 'foreign layer')
const empty = sample(CONFIG, '{}')

const [config0, config1] = configs as [Sample, Sample]
const [layer0, layer1, layer2, layer3] = layers as [Sample, Sample, Sample, Sample]

const image0 = manifest('image 0', OCI_MANIFEST, { blobs: [config0, layer0, layer1] })
const image1 = manifest('image 1', OCI_MANIFEST, { blobs: [config1, layer1, layer2] })
const image2 = manifest('image 2', OCI_MANIFEST, { blobs: [config0, layer2, long] })
const image3 = manifest('image 3', OCI_MANIFEST, { blobs: [config1, layer0], foreign: [foreign] })
const nested: Sample = { ...image0, mediaType: LAYER }
const image4 = manifest('image 4', OCI_MANIFEST, { blobs: [config0, nested] })
const index0 = manifest('index 0', OCI_INDEX, { children: [image0, image1] })
const index1 = manifest('index 1', OCI_INDEX, { children: [index0, image3] })
const signature0 = manifest('signature 0', OCI_MANIFEST, { blobs: [empty, layer3], subject: image0 })
const signature1 = manifest('signature 1', OCI_MANIFEST, { blobs: [empty], subject: index0 })
const signature2 = manifest('signature 2', OCI_MANIFEST, { blobs: [empty, layer3], subject: signature0 })

/** Children before their index. */
export const MANIFESTS: readonly Stocked[] = [
  ...[image0, image1, image2, image3, image4, index0, index1],
  ...[signature0, signature1, signature2],
]

/** Blobs by the names that a failure's story gives them. */
export const BLOBS: readonly (Sample & { readonly name: string })[] = [
  ...configs.map((blob, at) => ({ ...blob, name: `config ${at}` })),
  ...layers.map((blob, at) => ({ ...blob, name: `layer ${at}` })),
  { ...long, name: 'layer 4' },
  { ...foreign, name: 'foreign layer' },
  { ...empty, name: 'empty config' },
  { ...nested, name: 'layer like image 0' },
]

const byDigest = new Map(MANIFESTS.map((each) => [each.digest, each]))

/** The manifest of that digest. Throws where nobody can have pushed it. */
export function stocked(digest: Digest): Stocked {
  const found = byDigest.get(digest)
  if (found === undefined) throw new Error(`a manifest that nobody pushed: ${digest}`)
  return found
}

/** For the story: the name of a manifest, or else of a blob. */
export function nameOf(digest: string): string {
  const blob = BLOBS.find((each) => each.digest === digest)
  return byDigest.get(digest as Digest)?.name ?? blob?.name ?? digest
}

/** Every blob that the manifest has an edge to. */
export function blobsUsedBy(digest: Digest): readonly Digest[] {
  const { blobs, optional } = stocked(digest)
  return [...blobs, ...optional].map((blob) => blob.digest)
}

function manifest(name: string, mediaType: MediaType, parts: Parts): Stocked {
  const { blobs = [], foreign: optional = [], children = [], subject } = parts
  const [config, ...own] = blobs
  const foreignLayers = optional.map((blob) => ({ ...descriptorOf(blob), urls: ['https://example.com/'] }))
  const fields =
    config === undefined
      ? { manifests: children.map(descriptorOf) }
      : { config: descriptorOf(config), layers: [...own.map(descriptorOf), ...foreignLayers] }
  const about = subject === undefined ? {} : { subject: descriptorOf(subject) }
  const text = JSON.stringify({ schemaVersion: 2, mediaType, ...fields, ...about })
  return {
    ...sample(mediaType, text),
    name,
    blobs,
    optional,
    children,
    subject: subject?.digest ?? null,
  }
}
