/** A registry in its first start on a volume that another one filled: four repositories with three tags each. */
import { expect } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf } from '../src/oci/digest.ts'
import { OCTET_STREAM } from '../src/oci/media-type.ts'
import { parseReference } from '../src/oci/reference.ts'
import type { RepositoryName } from '../src/oci/repository-name.ts'
import { getBlob } from '../src/registry/blobs.ts'
import { getManifest, getManifestFacts } from '../src/registry/manifests.ts'
import { listRepositories } from '../src/registry/repositories.ts'
import { listRepositoryTags } from '../src/registry/tags.ts'
import type { Finding } from '../src/registry/tree/findings.ts'
import { goThroughTree, type PassResult } from '../src/registry/tree/tree-pass.ts'
import type { UncheckedTree } from '../src/registry/tree/unchecked-tree.ts'
import { blobDataPath, layerLinkPath, revisionLinkPath } from '../src/storage/layout.ts'
import { makeOldVolume, type OldImage } from './old-volume.ts'
import type { Bench, OpenBench } from './registry-bench.ts'
import type { Sample } from './sample-content.ts'

const ALL = { after: '', limit: 1000 }
const scope = { kind: 'everything' } as const

export class OldVolumeBench {
  readonly first: Bench
  readonly images: readonly OldImage[]
  /** One of them. */
  readonly image: OldImage
  /** In the start that is now. */
  bench: Bench

  private constructor(first: Bench, bench: Bench, images: readonly OldImage[]) {
    this.first = first
    this.bench = bench
    this.images = images
    this.image = images[4] as OldImage
  }

  static async open(open: OpenBench): Promise<OldVolumeBench> {
    const first = await open()
    const images = makeOldVolume(first.root, { repositories: 4, tags: 3 })
    return new OldVolumeBench(first, await first.restarted(), images)
  }

  close(): Promise<void> {
    return this.first.close()
  }

  async pass(): Promise<PassResult & { readonly findings: readonly Finding[] }> {
    const { tree } = this
    const result = await goThroughTree(tree, {
      process: 'test',
      signal: AbortSignal.timeout(60_000),
      onProgress: () => {},
      onError: () => {},
    })
    if (result === null) throw new Error('nobody else goes through this tree')
    return { ...result, findings: tree.findings.list() }
  }

  get tree(): UncheckedTree {
    const { tree } = this.bench.registry
    if (tree === null) throw new Error('a bench that was restarted has a tree')
    return tree
  }

  /** Another image of the same repository. */
  get other(): OldImage {
    const { repository, tag } = this.image
    const other = this.images.find((each) => each.repository === repository && each.tag !== tag)
    if (other === undefined) throw new Error('each repository of the volume has three tags')
    return other
  }

  /** What was pushed under the digest, as the folder has it. */
  contentOf(digest: OldImage['digest'], mediaType: Sample['mediaType'] = OCTET_STREAM): Sample {
    return { digest, mediaType, bytes: new Uint8Array(readFileSync(this.path(blobDataPath(digest)))) }
  }

  path(of: string): string {
    return join(this.first.root, of)
  }

  async names(): Promise<string[]> {
    return [...(await listRepositories(this.bench.registry, scope, ALL)).items]
  }

  async tagNames(repository: RepositoryName): Promise<string[]> {
    return [...(await listRepositoryTags(this.bench.registry, repository, ALL)).items]
  }

  async rowCounts(): Promise<Record<string, number>> {
    const tables = ['manifests', 'manifest_payloads', 'blobs', 'repository_blobs', 'tags', 'tag_history']
    const counts = tables.map(async (table) => {
      const [row] = await this.bench.rows(`SELECT count(*) AS count FROM ${table}`)
      return [table, Number(row?.['count'])] as const
    })
    return Object.fromEntries(await Promise.all(counts))
  }

  /** Everything that can be read of an image is as it was made. */
  async expectImage({ repository, tag, digest, layers }: OldImage): Promise<void> {
    for (const reference of [tag, digest]) {
      const manifest = await getManifest(this.bench.registry, repository, parseReference(reference))
      expect(digestOf(manifest.bytes)).toBe(digest)
      expect(
        await getManifestFacts(this.bench.registry, repository, parseReference(reference)),
      ).toMatchObject({
        digest,
        size: manifest.bytes.length,
      })
    }
    for (const layer of layers) {
      const size = readFileSync(this.path(blobDataPath(layer))).length
      expect((await getBlob(this.bench.registry, repository, layer)).size).toBe(size)
    }
  }
}

/** The links of an image's manifest and of its layers. */
export function linksOf({ repository, digest, layers }: OldImage): string[] {
  return [revisionLinkPath(repository, digest), ...layers.map((layer) => layerLinkPath(repository, layer))]
}
