/**
 * What tests of uploads share: a registry whose storage waits, or has no room, where a test says so, and the few steps
 * that every one of them takes.
 */
import { expect } from 'bun:test'
import type { Digest } from '../src/oci/digest.ts'
import type { RepositoryName } from '../src/oci/repository-name.ts'
import type { UploadId } from '../src/oci/upload-id.ts'
import { getBlob } from '../src/registry/blobs.ts'
import type { Registry } from '../src/registry/registry.ts'
import type { UploadSession } from '../src/registry/uploads.commands.ts'
import { Gate, type GateKeeper } from '../src/registry/uploads.fixtures.ts'
import { appendToUpload, beginUpload, finishUpload } from '../src/registry/uploads.ts'
import { type BlobStore, StorageUnavailable, type UploadWriter } from '../src/storage/blob-store.ts'
import { DelegatingBlobStore } from './delegating-stores.ts'
import type { Bench, OpenBench } from './registry-bench.ts'
import { bodyOf, type Sample } from './sample-content.ts'

/** Reads, copies or commits some uploads only once it is let, and has no room for a copy of others. */
export class SlowBlobs extends DelegatingBlobStore {
  readonly #reads = new Map<UploadId, Gate>()
  readonly #copies = new Map<UploadId, Gate>()
  readonly #commits = new Map<UploadId, Gate>()
  /** Those that the disk has no room for a copy of. */
  readonly uncopyable = new Set<UploadId>()
  /** How often the bytes of an upload were read. */
  reads = 0
  /** The disk has no room for anything. */
  isFull = false

  gateReadOf(upload: UploadId): GateKeeper {
    return gateIn(this.#reads, upload)
  }

  /** Only the next copy of it. */
  gateCopyOf(upload: UploadId): GateKeeper {
    return gateIn(this.#copies, upload)
  }

  gateCommitOf(upload: UploadId): GateKeeper {
    return gateIn(this.#commits, upload)
  }

  override async append(upload: UploadId, offset: number): Promise<UploadWriter> {
    const writer = await super.append(upload, offset)
    const write = async (chunk: Uint8Array) => {
      await writer.write(chunk)
      if (this.isFull) throw new StorageUnavailable('The disk is full: free some space.')
    }
    return { write, close: () => writer.close() }
  }

  override async *read(upload: UploadId, length: number): AsyncGenerator<Uint8Array> {
    this.reads++
    await this.#reads.get(upload)?.pass()
    yield* super.read(upload, length)
  }

  override async copy(from: UploadId, to: UploadId, length: number): Promise<void> {
    if (this.uncopyable.has(from)) throw new StorageUnavailable('The disk is full: free some space.')
    const gate = this.#copies.get(from)
    this.#copies.delete(from)
    await gate?.pass()
    await super.copy(from, to, length)
  }

  override async commit(upload: UploadId, digest: Digest, size: number): Promise<void> {
    await this.#commits.get(upload)?.pass()
    await super.commit(upload, digest, size)
  }
}

function gateIn(gates: Map<UploadId, Gate>, upload: UploadId): GateKeeper {
  const gate = new Gate()
  gates.set(upload, gate)
  return gate.keeper
}

/** One registry and one repository for all tests of a suite. */
export class UploadBench {
  readonly registryBench: Bench
  readonly blobs: SlowBlobs
  readonly repository: RepositoryName

  private constructor(registryBench: Bench, blobs: SlowBlobs) {
    this.registryBench = registryBench
    this.blobs = blobs
    this.repository = registryBench.newRepository()
  }

  static async open(open: OpenBench): Promise<UploadBench> {
    const slow = Promise.withResolvers<SlowBlobs>()
    const blobs = (real: BlobStore) => {
      const made = new SlowBlobs(real)
      slow.resolve(made)
      return made
    }
    return new UploadBench(await open({ blobs }), await slow.promise)
  }

  begin(algorithm: 'sha256' | 'sha512' = 'sha256'): Promise<UploadSession> {
    const { registry } = this.registryBench
    return beginUpload(registry, { repository: this.repository, principal: 'ann', algorithm })
  }

  append(
    session: UploadSession,
    bytes: Uint8Array,
    registry: Registry = this.registryBench.registry,
  ): Promise<number> {
    return appendToUpload(registry, session, { body: bodyOf(bytes), range: null })
  }

  /** Closes the upload, and sees that the blob has these bytes. */
  async requireFinished(
    session: UploadSession,
    blob: Sample,
    registry: Registry = this.registryBench.registry,
  ): Promise<void> {
    await finishUpload(registry, session, { body: null, range: null, digest: blob.digest })
    await requireStored(this.registryBench.registry, this.repository, blob)
  }
}

/** The repository has the blob, with these bytes and under this digest. */
export async function requireStored(
  registry: Registry,
  repository: RepositoryName,
  { bytes, digest: own }: Sample,
  digest: Digest = own,
): Promise<void> {
  const { size, content } = await getBlob(registry, repository, digest)
  expect(size).toBe(bytes.length)
  const found = content({ offset: 0, length: size })
  if (found.kind !== 'file') throw new Error('not a file')
  expect(await Bun.file(found.path).bytes()).toEqual(bytes)
}
