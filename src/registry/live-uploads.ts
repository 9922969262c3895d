/**
 * What this process remembers of uploads between two requests: the running hash of each, so that bytes are
 * hashed once, as they come; and the holds that it could not let go of, because the database was away. It may
 * forget any of them at any time: then the bytes are read once more at the end, and the lease ends the hold.
 */
import { Insistence } from '../lib/insistence.ts'
import type { Digest, DigestAlgorithm } from '../oci/digest.ts'
import { digestFrom } from '../oci/digest.ts'
import type { UploadId } from '../oci/upload-id.ts'

const MOST_HASHES = 4096
/** Milliseconds for which a hold lasts unless it is renewed. */
export const LEASE = 15_000

/** The hash of the first `length` bytes of an upload. */
export class RunningHash {
  readonly algorithm: DigestAlgorithm
  readonly #hasher: Bun.CryptoHasher
  #length = 0

  constructor(algorithm: DigestAlgorithm) {
    this.algorithm = algorithm
    this.#hasher = new Bun.CryptoHasher(algorithm)
  }

  get length(): number {
    return this.#length
  }

  update(chunk: Uint8Array): void {
    this.#hasher.update(chunk)
    this.#length += chunk.length
  }

  /** The digest so far; the hash can go on. */
  digest(): Digest {
    return digestFrom(this.#hasher.copy(), this.algorithm)
  }
}

export class LiveUploads {
  /** Names this process among all that have ever written uploads, for `writer` in their rows. */
  readonly process: string
  /** Names the run of the machine: what was hashed in another one is hashed again, for its bytes may have been lost. */
  readonly boot: string
  readonly #lettingGo = new Insistence({ everyMilliseconds: 200, forMilliseconds: LEASE, atMost: 1000 })
  readonly #hashes = new Map<UploadId, RunningHash>()

  constructor(process: string, boot: string) {
    this.process = process
    this.boot = boot
  }

  /** Hands out the hash of exactly the first `length` bytes, or null. It must be kept again to be found again. */
  take(id: UploadId, length: number): RunningHash | null {
    const hash = this.#hashes.get(id)
    this.#hashes.delete(id)
    return hash?.length === length ? hash : null
  }

  /** Lets go of a hold as soon as the database can be reached again. Only the client's next request waits for that. */
  letGoLater(release: () => Promise<unknown>): void {
    this.#lettingGo.insist(release)
  }

  keep(id: UploadId, hash: RunningHash): void {
    this.#hashes.set(id, hash)
    const oldest = this.#hashes.keys().next()
    if (this.#hashes.size > MOST_HASHES && !oldest.done) this.#hashes.delete(oldest.value)
  }
}
