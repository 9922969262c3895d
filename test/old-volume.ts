/**
 * Makes a volume as another registry leaves it, by writing the files itself: thousands of repositories in
 * seconds. Each image has a config and two layers of its own, and every repository shares one layer with all.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Digest, digestOf } from '../src/oci/digest.ts'
import { OCI_MANIFEST } from '../src/oci/media-type.ts'
import { parseRepositoryName, type RepositoryName } from '../src/oci/repository-name.ts'
import { parseTag } from '../src/oci/tag.ts'
import {
  blobDataPath,
  layerLinkPath,
  revisionLinkPath,
  tagIndexLinkPath,
  tagLinkPath,
} from '../src/storage/layout.ts'

export interface OldVolume {
  readonly repositories: number
  /** Of each repository; each names an image of its own. */
  readonly tags: number
}

export interface OldImage {
  readonly repository: RepositoryName
  readonly tag: string
  readonly digest: Digest
  readonly layers: readonly Digest[]
}

/** Fills the folder, and gives every image. */
export function makeOldVolume(root: string, { repositories, tags }: OldVolume): OldImage[] {
  const shared = putBlob(root, 'a layer that everybody has')
  return Array.from({ length: repositories }, (_, repository) =>
    Array.from({ length: tags }, (_, tag) => makeImage(root, nameOf(repository), `v${tag}`, shared)),
  ).flat()
}

/** Names nest, as people's do. */
function nameOf(index: number): string {
  return index % 10 === 0 ? `team-${index}` : `team-${index - (index % 10)}/app-${index}`
}

function makeImage(root: string, name: string, tagName: string, shared: Content): OldImage {
  const repository = parseRepositoryName(name)
  const config = putBlob(root, JSON.stringify({ architecture: 'amd64', os: 'linux', name, tagName }))
  const layers = [
    shared,
    putBlob(root, `one layer of ${name}:${tagName}`),
    putBlob(root, `another of ${name}:${tagName}`),
  ]
  const manifest = putBlob(
    root,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
      layers: layers.map((layer) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', ...layer })),
    }),
  )
  const tag = parseTag(tagName)
  for (const { digest } of [config, ...layers]) putLink(root, layerLinkPath(repository, digest), digest)
  putLink(root, revisionLinkPath(repository, manifest.digest), manifest.digest)
  putLink(root, tagIndexLinkPath(repository, tag, manifest.digest), manifest.digest)
  putLink(root, tagLinkPath(repository, tag), manifest.digest)
  return { repository, tag: tagName, digest: manifest.digest, layers: layers.map(({ digest }) => digest) }
}

interface Content {
  readonly digest: Digest
  readonly size: number
}

/** Content without a link. */
export function putBlob(root: string, text: string): Content {
  const bytes = new TextEncoder().encode(text)
  const digest = digestOf(bytes)
  putFile(join(root, blobDataPath(digest)), bytes)
  return { digest, size: bytes.length }
}

/** A link that is wrong on purpose holds another text than its digest. */
export function putLink(root: string, path: string, text: string): void {
  putFile(join(root, path), text)
}

function putFile(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}
