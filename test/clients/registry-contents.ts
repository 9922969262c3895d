/**
 * Reads a registry over plain HTTP, independently of any client: everything it serves, hashed here.
 * Used to compare what was pushed with what is served, and one registry with another on the same folder.
 */

import { expect } from 'bun:test'
import { createHash } from 'node:crypto'
import { type Image, MEDIA_TYPES } from './images.ts'

const ACCEPT = [
  MEDIA_TYPES.index,
  MEDIA_TYPES.manifest,
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

const PAGE = 3

export interface ServedManifest {
  readonly digest: string
  readonly mediaType: string
  readonly bytes: Uint8Array
}

export interface RepositoryContents {
  /** Tag → digest. */
  readonly tags: Readonly<Record<string, string>>
  /** Digest → media type, of every manifest reached from a tag or asked for. */
  readonly manifests: Readonly<Record<string, string>>
  /** Digest → size, of every blob that these manifests name. */
  readonly blobs: Readonly<Record<string, number>>
}

async function get(url: string, headers: Record<string, string> = {}): Promise<Response> {
  const answer = await fetch(url, { headers })
  if (answer.status !== 200) throw new Error(`GET ${url} answered ${answer.status}: ${await answer.text()}`)
  return answer
}

/** A manifest by tag or digest, its digest computed from its bytes. Throws unless the headers agree. */
export async function getManifest(
  url: string,
  repository: string,
  reference: string,
): Promise<ServedManifest> {
  const answer = await get(`${url}/v2/${repository}/manifests/${reference}`, { accept: ACCEPT })
  const bytes = await answer.bytes()
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  expect(answer.headers.get('docker-content-digest')).toBe(digest)
  return { digest, mediaType: answer.headers.get('content-type') ?? '', bytes }
}

/** Reads a blob to its end and hashes it; gives its size. Throws when the bytes are not the digest's. */
export async function checkBlob(url: string, repository: string, digest: string): Promise<number> {
  const answer = await get(`${url}/v2/${repository}/blobs/${digest}`)
  const hash = createHash(algorithmOf(digest))
  let size = 0
  for await (const chunk of answer.body ?? []) {
    hash.update(chunk)
    size += chunk.length
  }
  expect(`${algorithmOf(digest)}:${hash.digest('hex')}`).toBe(digest)
  expect(answer.headers.get('content-length')).toBe(String(size))
  return size
}

function algorithmOf(digest: string): string {
  return digest.slice(0, digest.indexOf(':'))
}

/**
 * A list that comes in pages, followed along its `Link` headers. Empty for an unknown name: `registry:2` has
 * no list of tags for a repository that never had one.
 */
async function listAll(url: string, path: string, key: string): Promise<string[]> {
  const found: string[] = []
  let next: string | undefined = `${path}?n=${PAGE}`
  while (next !== undefined) {
    const address: string = new URL(next, url).href
    const answer: Response = await fetch(address)
    if (answer.status === 404 && (await answer.text()).includes('NAME_UNKNOWN')) return found
    if (answer.status !== 200) throw new Error(`GET ${address} answered ${answer.status}`)
    const page = (await answer.json()) as Record<string, string[] | null>
    found.push(...(page[key] ?? []))
    next = /<([^>]+)>/.exec(answer.headers.get('link') ?? '')?.[1]
  }
  return found
}

export function listRepositories(url: string): Promise<string[]> {
  return listAll(url, '/v2/_catalog', 'repositories')
}

export function listTags(url: string, repository: string): Promise<string[]> {
  return listAll(url, `/v2/${repository}/tags/list`, 'tags')
}

type ManifestFields = {
  config?: { digest: string }
  layers?: { digest: string; urls?: string[] }[]
  manifests?: { digest: string }[]
}

function parse(manifest: ServedManifest): ManifestFields {
  return JSON.parse(new TextDecoder().decode(manifest.bytes)) as ManifestFields
}

/** Everything that a repository serves: from its tags downwards, and from the given digests. */
export async function readRepository(
  url: string,
  repository: string,
  untagged: readonly string[] = [],
): Promise<RepositoryContents> {
  const tags: Record<string, string> = {}
  for (const tag of (await listTags(url, repository)).sort()) {
    tags[tag] = (await getManifest(url, repository, tag)).digest
  }
  const manifests: Record<string, string> = {}
  const blobs: Record<string, number> = {}
  const waiting = [...Object.values(tags), ...untagged]
  for (let digest = waiting.shift(); digest !== undefined; digest = waiting.shift()) {
    if (manifests[digest] !== undefined) continue
    const manifest = await getManifest(url, repository, digest)
    expect(manifest.digest).toBe(digest)
    manifests[digest] = manifest.mediaType
    const { config, layers = [], manifests: children = [] } = parse(manifest)
    waiting.push(...children.map((child) => child.digest))
    for (const blob of config === undefined ? layers : [config, ...layers]) {
      blobs[blob.digest] ??= await checkBlob(url, repository, blob.digest)
    }
  }
  return { tags, manifests, blobs }
}

export type RegistryContents = Readonly<Record<string, RepositoryContents>>

/** Manifests without a tag, by repository. */
export type UntaggedManifests = Readonly<Record<string, readonly string[]>>

/** Everything that a registry serves from its catalog on; `untagged` names further manifests. */
export async function readRegistry(url: string, untagged: UntaggedManifests = {}): Promise<RegistryContents> {
  return await readRepositories(url, (await listRepositories(url)).sort(), untagged)
}

/** Everything that these repositories serve. */
export async function readRepositories(
  url: string,
  repositories: readonly string[],
  untagged: UntaggedManifests = {},
): Promise<RegistryContents> {
  const contents: Record<string, RepositoryContents> = {}
  for (const repository of repositories) {
    contents[repository] = await readRepository(url, repository, untagged[repository])
  }
  return contents
}

/** The registry serves the image: its root by tag and by digest, its children and blobs by digest. */
export async function expectServed(
  url: string,
  repository: string,
  tag: string,
  image: Image,
): Promise<void> {
  const byTag = await getManifest(url, repository, tag)
  expect(byTag).toEqual({ ...image.root })
  for (const manifest of [image.root, ...image.children]) {
    expect(await getManifest(url, repository, manifest.digest)).toEqual({ ...manifest })
  }
  for (const blob of image.blobs) {
    expect(await checkBlob(url, repository, blob.digest)).toBe(blob.bytes.length)
  }
}
