/** A registry whose files tests damage, and what verification tells of it. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Digest } from '../src/oci/digest.ts'
import type { RepositoryName } from '../src/oci/repository-name.ts'
import { goThroughTree } from '../src/registry/tree/tree-pass.ts'
import { addCounts, NO_COUNTS, type VerifyCounts } from '../src/registry/verify/counts.ts'
import type { FindingKind, VerifyFinding } from '../src/registry/verify/finding.ts'
import { BlobHashing } from '../src/registry/verify/hashing.ts'
import type { VerifyOptions } from '../src/registry/verify/look.ts'
import { type VerifyCursor, verifyPage } from '../src/registry/verify/verify.ts'
import { blobDataPath } from '../src/storage/layout.ts'
import type { Bench, BenchOptions, OpenBench } from './registry-bench.ts'
import { CONFIG, LAYER, newBlob, newImage, pushBlob, pushManifest, type Sample } from './sample-content.ts'

export interface Verified {
  readonly findings: readonly VerifyFinding[]
  readonly pages: number
  readonly checked: VerifyCounts
  /** What was found, without what is only worth knowing. */
  kinds(): FindingKind[]
  of(kind: FindingKind): readonly VerifyFinding[]
}

export class VerifyBench {
  readonly first: Bench
  /** In the start that is now. */
  bench: Bench

  private constructor(first: Bench, bench: Bench) {
    this.first = first
    this.bench = bench
  }

  /** With a link tree that has been gone through. */
  static async open(open: OpenBench, options: BenchOptions = {}): Promise<VerifyBench> {
    const first = await open(options)
    const opened = new VerifyBench(first, first)
    await opened.restart()
    return opened
  }

  /** As another start does, which compares the tree. */
  async restart(): Promise<void> {
    await this.flush()
    this.bench = await this.first.restarted()
    const { tree } = this.bench.registry
    if (tree === null) throw new Error('a bench that was restarted has a tree')
    const signal = AbortSignal.timeout(60_000)
    await goThroughTree(tree, { process: 'test', signal, onProgress: () => {}, onError: () => {} })
  }

  close(): Promise<void> {
    return this.first.close()
  }

  path(of: string): string {
    return join(this.first.root, of)
  }

  dataOf(digest: Digest): string {
    return this.path(blobDataPath(digest))
  }

  /** Another bit than was there. */
  flip(digest: Digest, at = 0): void {
    const file = openSync(this.dataOf(digest), 'r+')
    const byte = new Uint8Array(1)
    readSync(file, byte, 0, 1, at)
    writeSync(file, new Uint8Array([(byte[0] ?? 0) ^ 1]), 0, 1, at)
    closeSync(file)
  }

  /** A layer, a config and a tagged image of both, with everything durable. */
  async push(
    repository: RepositoryName,
    tag: string,
    layers: readonly Sample[] = [newBlob(LAYER, 1000)],
  ): Promise<{ readonly image: Sample; readonly config: Sample; readonly layers: readonly Sample[] }> {
    const { registry } = this.bench
    const config = await pushBlob(registry, repository, newBlob(CONFIG))
    for (const layer of layers) await pushBlob(registry, repository, layer)
    const image = newImage({ config, layers })
    await pushManifest(registry, repository, image, tag)
    await this.flush()
    return { image, config, layers }
  }

  /** As the server does once a second: what was written is durable, and no longer marked. */
  async flush(): Promise<void> {
    await this.first.tree.flush(this.first.database)
  }

  /** All pages. */
  async verify(options: Partial<VerifyOptions> = {}): Promise<Verified> {
    await this.flush()
    const place = { registry: this.bench.registry, hashing: new BlobHashing(this.bench.registry.blobs) }
    const all: VerifyOptions = {
      deep: false,
      repair: false,
      bytesPerSecond: 1_000_000_000,
      signal: new AbortController().signal,
      ...options,
    }
    const findings: VerifyFinding[] = []
    let checked = NO_COUNTS
    let pages = 0
    for (let cursor: VerifyCursor | null = null; ; ) {
      // Whoever asks carries the place as JSON.
      const page = await verifyPage(place, all, JSON.parse(JSON.stringify(cursor)))
      findings.push(...page.findings)
      checked = addCounts(checked, page.checked)
      pages++
      if (page.next === null) break
      cursor = page.next
    }
    return {
      findings,
      pages,
      checked,
      kinds: () => findings.filter(({ severity }) => severity !== 'note').map(({ kind }) => kind),
      of: (kind) => findings.filter((each) => each.kind === kind),
    }
  }
}
